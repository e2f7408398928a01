"""Values that released programs send and the hosted service takes, though the documents forbid them.

An ``external_id`` may be an integer (recorded: it is taken as its text), and ``properties``
and ``location`` the empty array that PHP makes of an empty object.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

EMPTY_OBJECT: Final = b"{}"


def tolerate(profile: Any) -> bool:
    """Change a parsed profile into the form of the documents; returns whether anything changed."""
    attributes = profile.get("attributes") if isinstance(profile, dict) else None
    if not isinstance(attributes, dict):
        return False
    changed = False
    external_id = attributes.get("external_id")
    if isinstance(external_id, int) and not isinstance(external_id, bool):
        attributes["external_id"] = str(external_id)
        changed = True
    for name in ("properties", "location"):
        if attributes.get(name) == []:
            attributes[name] = {}
            changed = True
    return changed


def tolerated_profile(raw: bytes) -> bytes:
    """The same with the JSON of an object that has a profile in ``data``. Raises msgspec.DecodeError."""
    value = msgspec.json.decode(raw)
    profile = value.get("data") if isinstance(value, dict) else None
    return msgspec.json.encode(value) if tolerate(profile) else raw


def tolerated_properties(raw: bytes) -> bytes:
    """The properties of an event, which are an object or an empty array."""
    return raw if raw[:1] == EMPTY_OBJECT[:1] else EMPTY_OBJECT
