"""Differences between a recorded response and another server's: status, headers, and the shape of the body."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from eventkeep.cassettes.cassette import Exchange

COMPARED_HEADERS: Final = ("allow", "content-type", "x-klaviyo-partial-failure")
NAMES: Final = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}
OPEN_MEMBERS: Final = frozenset(("event_properties", "properties"))
"""Objects whose members are the sender's, not the API's."""


def response_differences(recorded: Exchange, status: int, headers: dict[str, str], body: str) -> list[str]:
    """The differences in words; none if the responses are alike."""
    found = []
    if status != recorded.status:
        found.append(f"status {status}, recorded {recorded.status}")
    for name in COMPARED_HEADERS:
        value, sent = recorded.response_headers.get(name), headers.get(name)
        if value != sent:
            found.append(f"header {name}: {sent or 'absent'}, recorded {value or 'absent'}")
    shapes = [shape(parsed(text), "") if text else {} for text in (recorded.response_body, body)]
    for place in sorted(shapes[0].keys() | shapes[1].keys()):
        before, now = shapes[0].get(place, set()), shapes[1].get(place, set())
        # A null tells nothing about the kind of the value, and fewer kinds than recorded are not wrong.
        is_new_kind = bool(before - {"null"}) and bool(now - before - {"null"})
        if is_new_kind or bool(before) != bool(now):
            found.append(f"body {place or '/'}: {words(now)}, recorded {words(before)}")
    return found


def parsed(text: str) -> Any:
    """The JSON value of a body, or the text itself if it is not JSON."""
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text


def shape(value: Any, place: str) -> dict[str, set[str]]:
    """The kinds of values at each place; all elements of an array share one place."""
    if isinstance(value, dict):
        found: dict[str, set[str]] = {place: {"object"}}
        if place.rpartition("/")[2] in OPEN_MEMBERS:
            return found
        members = [(f"{place}/{name}", member) for name, member in value.items()]
    elif isinstance(value, list):
        found = {place: {"array"}}
        members = [(f"{place}/*", member) for member in value]
    else:
        return {place: {NAMES.get(type(value), "value")}}
    for inner_place, member in members:
        for inner, kinds in shape(member, inner_place).items():
            found.setdefault(inner, set()).update(kinds)
    return found


def words(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds)) or "absent"
