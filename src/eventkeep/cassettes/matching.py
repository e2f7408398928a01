"""Which recorded exchange a request means, and which one came nearest if none does."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from eventkeep.cassettes.cassette import Exchange

ANY: Final = "*"
PERSONAL: Final = re.compile(r"[^\s\"'(,]+@[^\s\"'),]+|\+\d{6,}")
METHOD_WEIGHT: Final = 2
PATH_WEIGHT: Final = 4
QUERY_WEIGHT: Final = 2
BODY_WEIGHT: Final = 1


class Asked(msgspec.Struct, frozen=True):
    """A request in the form in which it is compared."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: Any


def asked(method: str, path: str, query: str, body: str, scrubbed: Collection[str] = ()) -> Asked:
    """A request for comparison: slashes at the end, the order of parameters and the layout of JSON do not count.

    Members named in ``scrubbed``, and emails and phone numbers in any text, may have been replaced in the recording:
    their values are not compared.
    """
    parsed: Any = body
    if body:
        try:
            parsed = without_values(msgspec.json.decode(body), frozenset(scrubbed))
        except (msgspec.MsgspecError, RecursionError):
            parsed = body
    pairs = [(name, PERSONAL.sub(ANY, value) if scrubbed else value) for name, value in parse_qsl(query, True)]
    return Asked(method.upper(), "/" + path.strip("/"), tuple(sorted(pairs)), parsed)


def without_values(value: Any, names: frozenset[str]) -> Any:
    """The JSON value without the values of these members, and without emails and phone numbers in texts."""
    if isinstance(value, dict):
        return {name: ANY if name in names else without_values(member, names) for name, member in value.items()}
    if isinstance(value, list):
        return [without_values(member, names) for member in value]
    return PERSONAL.sub(ANY, value) if names and isinstance(value, str) else value


class Tape:
    """The exchanges of a cassette in order; equal requests get their responses one after the other, the last again."""

    def __init__(self, exchanges: Sequence[Exchange], scrubbed: Collection[str] = ()) -> None:
        self.scrubbed = scrubbed
        self._recorded = [(asked(each.method, each.path, each.query, each.body, scrubbed), each) for each in exchanges]
        self._used = [0] * len(self._recorded)

    def find(self, request: Asked) -> Exchange | None:
        """The response for a request: the first unused recording of it, else the last one; None if there is none."""
        places = [place for place, (recorded, _) in enumerate(self._recorded) if recorded == request]
        if not places:
            return None
        place = next((place for place in places if not self._used[place]), places[-1])
        self._used[place] += 1
        return self._recorded[place][1]

    def nearest(self, request: Asked) -> tuple[Exchange, list[str]] | None:
        """The recording that differs least, with the differences; None if the cassette is empty."""
        if not self._recorded:
            return None
        recorded, exchange = min(self._recorded, key=lambda each: distance(each[0], request))
        return exchange, differences(recorded, request)

    def unused(self) -> list[Exchange]:
        """The recordings that no request asked for."""
        return [exchange for (_, exchange), used in zip(self._recorded, self._used, strict=True) if not used]


def distance(recorded: Asked, request: Asked) -> int:
    """How much two requests differ."""
    return (
        METHOD_WEIGHT * (recorded.method != request.method)
        + PATH_WEIGHT * (recorded.path != request.path)
        + QUERY_WEIGHT * len(set(recorded.query) ^ set(request.query))
        + BODY_WEIGHT * len(body_differences(recorded.body, request.body, ""))
    )


def differences(recorded: Asked, request: Asked) -> list[str]:
    """The differences of two requests in words."""
    found = []
    if recorded.method != request.method:
        found.append(f"method {recorded.method}, not {request.method}")
    if recorded.path != request.path:
        found.append(f"path {recorded.path}, not {request.path}")
    for name, value in sorted(set(recorded.query) ^ set(request.query)):
        side = "recorded only" if (name, value) in recorded.query else "requested only"
        found.append(f"parameter {name}={value} ({side})")
    return found + body_differences(recorded.body, request.body, "")[:10]


def body_differences(recorded: Any, requested: Any, place: str) -> list[str]:
    """The places at which two JSON values differ."""
    if isinstance(recorded, dict) and isinstance(requested, dict):
        found = []
        for name in sorted(recorded.keys() | requested.keys()):
            inner_place = f"{place}/{name}"
            if name not in requested:
                found.append(f"{inner_place} is recorded only")
            elif name not in recorded:
                found.append(f"{inner_place} is requested only")
            else:
                found += body_differences(recorded[name], requested[name], inner_place)
        return found
    if isinstance(recorded, list) and isinstance(requested, list) and len(recorded) == len(requested):
        pairs = zip(recorded, requested, strict=True)
        return [text for place_, pair in enumerate(pairs) for text in body_differences(*pair, f"{place}/{place_}")]
    return [] if recorded == requested else [f"{place or '/'} differs"]
