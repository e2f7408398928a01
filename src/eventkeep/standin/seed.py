"""Seed files: accounts with fixed keys, profiles and events, written out or generated.

A seed is a TOML, JSON or YAML document. Times are ISO 8601 texts or relative to the clock at which the seed is loaded,
such as ``-3d`` or ``-90m``. The same seed gives the same events with the same unique ids.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import PurePath
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from eventkeep.errors import ConfigurationError
from eventkeep.limits import SEED_ACCOUNTS_MAX, SEED_CUSTOMERS_MAX, SEED_DAYS_MAX, SEED_EVENTS_MAX

SEED_EVENTS_AT_ONCE: Final = 500
"""Events of a seed that are loaded in one commit."""
RELATIVE: Final = re.compile(r"([+-]\d{1,6})([smhd])", re.ASCII)
_encode = msgspec.json.Encoder().encode
UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class SeedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fixed API key; ``key`` begins with ``pk_``."""

    key: Annotated[str, Meta(pattern="^pk_[0-9A-Za-z]{20,}$")]
    scopes: str = "full"
    label: str = ""


class SeedEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One event; ``profile`` holds attributes as a create request has them."""

    metric: str
    profile: dict[str, Any]
    time: str = "-1d"
    value: float | None = None
    value_currency: str | None = None
    unique_id: str | None = None
    properties: dict[str, Any] = {}


class FunnelStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A step of a funnel: the share of the customers of the step before that reach it.

    Each of them has about ``per_customer`` events, with a value between the bounds of ``value``.
    """

    metric: str
    share: Annotated[float, Meta(ge=0, le=1)] = 1.0
    per_customer: Annotated[int, Meta(ge=1, le=1_000)] = 1
    value: tuple[float, float] | None = None
    value_currency: str | None = None


class Generate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Generated customers: how many, over how many days up to ``until``, and through which funnel."""

    customers: Annotated[int, Meta(ge=1, le=SEED_CUSTOMERS_MAX)]
    funnel: Annotated[tuple[FunnelStep, ...], Meta(min_length=1, max_length=50)]
    days: Annotated[int, Meta(ge=1, le=SEED_DAYS_MAX)] = 90
    until: str = "-0s"
    seed: int = 1
    domain: str = "shop.example"


class SeedAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One account of a seed. If ``clock`` is given, in ISO 8601, the account's clock stands still there."""

    name: str = "default"
    clock: str | None = None
    keys: tuple[SeedKey, ...] = ()
    metrics: tuple[str, ...] = ()
    profiles: tuple[dict[str, Any], ...] = ()
    events: tuple[SeedEvent, ...] = ()
    generate: Generate | None = None


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole seed."""

    accounts: Annotated[tuple[SeedAccount, ...], Meta(min_length=1, max_length=SEED_ACCOUNTS_MAX)]


def parse_seed(content: bytes, name: str) -> Seed:
    """The seed in a file called ``name``; the ending of the name tells the format.

    Raises ConfigurationError, which names the file and the place.
    """
    ending = PurePath(name).suffix.lower()
    try:
        if ending == ".toml":
            return msgspec.toml.decode(content, type=Seed)
        if ending in (".yaml", ".yml"):
            return msgspec.yaml.decode(content, type=Seed)
        if ending == ".json":
            return msgspec.json.decode(content, type=Seed)
    except ImportError as exc:
        raise ConfigurationError(f"{name}: YAML needs the package PyYAML; install it, or use TOML or JSON.") from exc
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{name}: {exc}.") from exc
    raise ConfigurationError(f"{name}: expected a file that ends in .toml, .json or .yaml.")


def moment(text: str, now: datetime, place: str) -> datetime:
    """The time that a text of a seed means. Raises ConfigurationError, which names the place."""
    if (match := RELATIVE.fullmatch(text)) is not None:
        return now + timedelta(seconds=int(match[1]) * UNITS[match[2]])
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ConfigurationError(f"{place}: expected ISO 8601 or a text such as -3d, got {text!r}.") from exc
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=now.tzinfo)


def events_of(account: SeedAccount, now: datetime) -> Iterator[SeedEvent]:
    """All events of an account, written out and generated, with absolute times and unique ids.

    ``now`` is aware. Raises ConfigurationError if a time is wrong or there are too many events.
    """
    count = 0
    for place, event in enumerate(account.events):
        where = f"accounts.{account.name}.events.{place}"
        time = moment(event.time, now, f"{where}.time").isoformat()
        unique_id = event.unique_id or f"seed-{account.name}-{place}"
        yield msgspec.structs.replace(event, time=time, unique_id=unique_id)
        count += 1
    if account.generate is None:
        return
    for event in generated(account.generate, now):
        count += 1
        if count > SEED_EVENTS_MAX:
            raise ConfigurationError(f"accounts.{account.name}: a seed makes at most {SEED_EVENTS_MAX:,} events.")
        yield event


def bulk_bodies(events: Iterable[SeedEvent]) -> Iterator[tuple[int, bytes]]:
    """The bodies of bulk creates that make the events, each with its number of events."""
    left = iter(events)
    while part := list(islice(left, SEED_EVENTS_AT_ONCE)):
        data = [
            {
                "type": "event-bulk-create",
                "attributes": {
                    "profile": profile_data(event.profile),
                    "events": {"data": [{"type": "event", "attributes": event_attributes(event)}]},
                },
            }
            for event in part
        ]
        attributes = {"events-bulk-create": {"data": data}}
        yield len(part), _encode({"data": {"type": "event-bulk-create-job", "attributes": attributes}})


def profile_data(attributes: dict[str, Any]) -> dict[str, Any]:
    """A profile as a member of a request."""
    return {"data": {"type": "profile", "attributes": attributes}}


def event_attributes(event: SeedEvent) -> dict[str, Any]:
    """The attributes of an event in a create."""
    given = {
        "time": event.time,
        "value": event.value,
        "value_currency": event.value_currency,
        "unique_id": event.unique_id,
    }
    return {
        "metric": {"data": {"type": "metric", "attributes": {"name": event.metric}}},
        "properties": event.properties,
        **{name: value for name, value in given.items() if value is not None},
    }


def generated(plan: Generate, now: datetime) -> Iterator[SeedEvent]:
    """The events of generated customers, customer by customer; the same plan and clock give the same events."""
    until = moment(plan.until, now, "generate.until").replace(microsecond=0)
    seconds = plan.days * UNITS["d"]
    for customer in range(plan.customers):
        # A generator of its own for each customer: more customers do not change the first ones.
        chance = random.Random(f"{plan.seed}-{customer}")
        profile = {"email": f"customer-{customer}@{plan.domain}", "external_id": f"customer-{customer}"}
        latest = until - timedelta(seconds=chance.randrange(seconds))
        for step, funnel in enumerate(plan.funnel):
            if chance.random() >= funnel.share:
                break
            for number in range(1 + chance.randrange(2 * funnel.per_customer - 1)):
                # Steps follow each other, and no event is later than the end.
                latest = min(until, latest + timedelta(seconds=60 + chance.randrange(3_600)))
                value = None if funnel.value is None else round(chance.uniform(*funnel.value), 2)
                yield SeedEvent(
                    metric=funnel.metric,
                    profile=profile,
                    time=latest.isoformat(),
                    value=value,
                    value_currency=funnel.value_currency if value is not None else None,
                    unique_id=f"seed-{plan.seed}-{customer}-{step}-{number}",
                    properties={"Step": step + 1, "Visit": number + 1},
                )
