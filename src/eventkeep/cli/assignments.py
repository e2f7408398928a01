"""``name=text`` and ``name:=json``, as options give the members of an object."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX

ASSIGNMENT_METAVAR: Final = "NAME=TEXT|NAME:=JSON"
_ASSIGNMENT: Final = re.compile(r"(?P<name>[^=]+?)(?P<is_json>:?)=(?P<value>.*)", re.DOTALL)


def parse_assignments(option: str, given: Iterable[str], nested: Iterable[str] = ()) -> dict[str, Any]:
    """The object that assignments make. ``nested`` are the names that may be followed by a dot and a member's name.

    Raises ConfigurationError that names the option.
    """
    found: dict[str, Any] = {}
    for text in given:
        match = _ASSIGNMENT.fullmatch(text)
        if match is None:
            shown = text[:ECHO_CHARACTERS_MAX]
            raise ConfigurationError(f"{option}: expected NAME=TEXT or NAME:=JSON, got {shown!r}")
        value: Any = match["value"]
        if match["is_json"]:
            try:
                value = msgspec.json.decode(value)
            except msgspec.DecodeError as exc:
                shown = value[:ECHO_CHARACTERS_MAX]
                raise ConfigurationError(f"{option}: expected JSON after {match['name']}:=, got {shown!r}") from exc
        holder: Any = found
        name = match["name"]
        outer, dot, inner = name.partition(".")
        if dot and inner and outer in nested:
            holder, name = found.setdefault(outer, {}), inner
        if not isinstance(holder, dict) or name in holder:
            raise ConfigurationError(f"{option}: {match['name']} is given twice")
        holder[name] = value
    return found
