"""Rules that make chosen requests fail in a chosen way.

A rule has conditions and an effect. The first rule whose conditions all match decides. Rules belong to an account, so
that tests that run at the same time do not disturb each other.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import FAULT_DELAY_SECONDS_MAX, FAULT_RULES_MAX, FAULT_TEXT_CHARACTERS_MAX

Text = Annotated[str, Meta(min_length=1, max_length=FAULT_TEXT_CHARACTERS_MAX)]
Seconds = Annotated[float, Meta(ge=0, le=FAULT_DELAY_SECONDS_MAX)]


class Kind(StrEnum):
    """Ways in which a response can fail."""

    STATUS = "status"
    """A status with the service's own error document."""
    THROTTLED = "throttled"
    """429 with ``Retry-After``; ``window`` chooses the burst (1 s) or the steady (60 s) window."""
    HTML_FORBIDDEN = "html_forbidden"
    """403 with an HTML page, as a proxy in between sends it."""
    SLOW_BODY = "slow_body"
    """The right response, its body sent in small pieces over ``seconds``."""
    CUT_BODY = "cut_body"
    """The right response, but the connection is closed in the middle of the body."""
    RESET_BEFORE = "reset_before"
    """The connection is reset and the request is not executed."""
    RESET_AFTER = "reset_after"
    """The request is executed, then the connection is reset without a response."""
    EMPTY = "empty"
    """The connection is closed without a response; the request is not executed."""
    GARBAGE = "garbage"
    """Bytes that are not HTTP; the request is not executed."""
    PARTIAL_FAILURE = "partial_failure"
    """The right response with ``X-Klaviyo-Partial-Failure: phone_number``."""
    EXPIRED_KEY = "expired_key"
    """401, as for a key that was revoked."""
    RETIRED_REVISION = "retired_revision"
    """410, as for a revision that is no longer served."""
    LATENCY = "latency"
    """The right response, later."""


STATUSES: Final = frozenset(HTTPStatus)
"""The statuses that a response can have."""
EXECUTES: Final = frozenset((Kind.SLOW_BODY, Kind.CUT_BODY, Kind.RESET_AFTER, Kind.PARTIAL_FAILURE, Kind.LATENCY))
"""The kinds whose requests are executed all the same."""


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Added latency in seconds: fixed, or with ``sigma`` lognormal with the median ``seconds``."""

    seconds: Seconds
    sigma: Annotated[float, Meta(ge=0, le=3)] = 0.0

    def draw(self, chance: random.Random) -> float:
        """The latency of one request in seconds, at most FAULT_DELAY_SECONDS_MAX."""
        if not self.sigma or not self.seconds:
            return self.seconds
        return min(self.seconds * math.exp(chance.gauss(0.0, self.sigma)), FAULT_DELAY_SECONDS_MAX)


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Conditions; absent ones match everything.

    ``path`` is a regular expression that is searched; ``headers`` maps names to texts that the value contains;
    ``metric`` and ``identifier`` are texts that the body contains as JSON strings; ``calls`` are the numbers of
    matching calls, counted from 1; ``probability`` is drawn for each call from the seed of the rule.
    """

    operation: Text | None = None
    method: Text | None = None
    path: Text | None = None
    headers: dict[str, Text] = {}
    metric: Text | None = None
    identifier: Text | None = None
    calls: tuple[Annotated[int, Meta(ge=1)], ...] = ()
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The failure; ``status`` is for the kind STATUS, ``window`` for THROTTLED, ``seconds`` for SLOW_BODY."""

    kind: Kind
    status: Annotated[int, Meta(ge=400, le=599)] = 500
    window: Annotated[str, Meta(pattern="^(burst|steady)$")] = "burst"
    seconds: Seconds = 1.0
    latency: Latency | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule. It ends after ``times`` uses or ``for_seconds`` of the account's clock, whichever comes first."""

    effect: Effect
    match: Match = Match()
    times: Annotated[int, Meta(ge=1)] | None = None
    for_seconds: Annotated[float, Meta(gt=0)] | None = None
    seed: int = 0


class Call(msgspec.Struct, frozen=True):
    """The parts of a request that rules look at. Names of ``headers`` are in lower case."""

    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Active:
    """A rule with its counts."""

    def __init__(self, rule: Rule, number: int, now: float) -> None:
        self.rule, self.number = rule, number
        self.matched = self.used = 0
        self._ends = None if rule.for_seconds is None else now + rule.for_seconds
        self._chance = random.Random(rule.seed)
        self._path = None if rule.match.path is None else re.compile(rule.match.path)

    def has_ended(self, now: float) -> bool:
        """Whether the rule is used up or its time is over; ``now`` is in seconds of the account's clock."""
        return (self.rule.times is not None and self.used >= self.rule.times) or (
            self._ends is not None and now >= self._ends
        )

    def take(self, call: Call) -> tuple[Effect, float] | None:
        """The effect on a call with its added latency in seconds, or None if the rule does not match."""
        match = self.rule.match
        if not self._fits(match, call):
            return None
        self.matched += 1
        if match.calls and self.matched not in match.calls:
            return None
        if match.probability < 1 and self._chance.random() >= match.probability:
            return None
        self.used += 1
        latency = self.rule.effect.latency
        return self.rule.effect, 0.0 if latency is None else latency.draw(self._chance)

    def _fits(self, match: Match, call: Call) -> bool:
        if match.operation not in (None, call.operation) or match.method not in (None, call.method):
            return False
        if self._path is not None and self._path.search(call.path) is None:
            return False
        if any(value not in call.headers.get(name.lower(), "") for name, value in match.headers.items()):
            return False
        texts = (text for text in (match.metric, match.identifier) if text is not None)
        return all(msgspec.json.encode(text) in call.body for text in texts)


class FaultRules:
    """The rules of one account, in the order in which they were added."""

    def __init__(self) -> None:
        self._active: list[Active] = []
        self._number = 0

    def add(self, rules: Sequence[Rule], now: float) -> list[int]:
        """Add rules; returns their numbers. Raises InvalidRequest if there would be too many or a pattern is wrong."""
        if len(self._active) + len(rules) > FAULT_RULES_MAX:
            raise InvalidRequest(f"An account has at most {FAULT_RULES_MAX} fault rules.")
        made = []
        for place, rule in enumerate(rules):
            if rule.effect.status not in STATUSES:
                detail = f"There is no HTTP status {rule.effect.status}."
                raise InvalidRequest([Fault(detail, pointer=f"/rules/{place}/effect/status")])
            try:
                made.append(Active(rule, self._number + place + 1, now))
            except re.error as exc:
                pointer = f"/rules/{place}/match/path"
                raise InvalidRequest([Fault(f"Expected a regular expression: {exc}.", pointer=pointer)]) from exc
        self._active += made
        self._number += len(made)
        return [active.number for active in made]

    def clear(self) -> None:
        """Remove all rules."""
        self._active.clear()

    def take(self, call: Call, now: float) -> tuple[int, Effect, float] | None:
        """The number of the rule that decides, its effect and its latency in seconds; None if no rule matches."""
        self._active = [active for active in self._active if not active.has_ended(now)]
        for active in self._active:
            if (taken := active.take(call)) is not None:
                return active.number, *taken
        return None

    def listed(self, now: float) -> list[dict[str, Any]]:
        """The rules that have not ended, with their counts."""
        return [
            {"number": active.number, "matched": active.matched, "used": active.used, "rule": active.rule}
            for active in self._active
            if not active.has_ended(now)
        ]


def likely(kind: Kind, probability: float, **values: Any) -> Rule:
    """A rule that hits any call with this probability."""
    return Rule(effect=Effect(kind=kind, **values), match=Match(probability=probability), seed=1)


PROFILES: Final[dict[str, tuple[Rule, ...]]] = {
    "bad day": (
        likely(Kind.STATUS, 0.05, status=503),
        likely(Kind.RESET_AFTER, 0.03),
        likely(Kind.THROTTLED, 0.05),
        likely(Kind.LATENCY, 0.3, latency=Latency(0.2, 0.8)),
    ),
    "throttled": (likely(Kind.THROTTLED, 0.5), likely(Kind.THROTTLED, 0.05, window="steady")),
    "flaky network": (
        likely(Kind.RESET_BEFORE, 0.05),
        likely(Kind.RESET_AFTER, 0.05),
        likely(Kind.CUT_BODY, 0.03),
        likely(Kind.LATENCY, 0.5, latency=Latency(0.1, 1.0)),
    ),
    "incident": (
        Rule(effect=Effect(kind=Kind.STATUS, status=503), for_seconds=30.0),
        likely(Kind.LATENCY, 1.0, latency=Latency(1.0, 0.5)),
    ),
}
"""Named sets of rules, so that one word is enough."""


class FaultsAdded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules to add: those of a named profile, or ``rules``, or both."""

    rules: tuple[Rule, ...] = ()
    profile: str | None = None

    def all_rules(self) -> tuple[Rule, ...]:
        """The rules in the order in which they decide. Raises InvalidRequest for an unknown profile."""
        if self.profile is None:
            return self.rules
        if self.profile not in PROFILES:
            detail = f"There is no profile {self.profile!r}; there is {', '.join(PROFILES)}."
            raise InvalidRequest([Fault(detail, pointer="/profile")])
        return (*self.rules, *PROFILES[self.profile])
