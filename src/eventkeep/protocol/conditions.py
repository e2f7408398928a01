"""Checks the conditions of a filter against the fields and operators that a resource has."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final

import msgspec

from eventkeep.errors import Fault
from eventkeep.limits import ECHO_CHARACTERS_MAX
from eventkeep.protocol.filters import PARAMETER, Condition, Filter, Value, print_value
from eventkeep.protocol.parameters import Filterable, FilterKind

_EXPECTED: Final[Mapping[FilterKind, str]] = {
    "text": "a string in quotes",
    "texts": 'a list of strings, like ["a","b"]',
    "text or texts": "a string in quotes or a list of strings",
    "datetime": "a datetime without quotes, like 2024-06-15T12:00:00Z",
    "integer": "an integer of Unix seconds",
    "number": "a number of Unix seconds",
    "boolean": "true or false",
    "nothing": "no value",
}


def condition_faults(filtered: Filter, fields: Filterable) -> list[Fault]:
    """One fault for each condition that can't be used, in the service's words."""
    details = [_fault_of(condition, fields) for condition in filtered.conditions]
    return [Fault(detail, parameter=PARAMETER) for detail in details if detail is not None]


def _fault_of(condition: Condition, fields: Filterable) -> str | None:
    field, operator = condition.field, condition.operator
    if field not in fields:
        shown = field[:ECHO_CHARACTERS_MAX]
        return f"{shown!r} is not an allowed filter field for this resource.  Allowed fields are {', '.join(fields)}"
    kind = fields[field].get(operator)
    if kind is None:
        shown = operator[:ECHO_CHARACTERS_MAX]
        operators = ", ".join(fields[field])
        return f"{shown!r} is not an allowed filter operator for {field}.  Allowed operators are {operators}"
    if condition.value is msgspec.UNSET or _is_of_kind(condition.value, kind):
        return None
    shown = print_value(condition.value)[:ECHO_CHARACTERS_MAX]
    return f"Invalid filter provided: expected {_EXPECTED[kind]} for {field}, got {shown}."


def _is_of_kind(value: Value, kind: FilterKind) -> bool:
    if isinstance(value, tuple):
        return kind in ("texts", "text or texts") and all(isinstance(each, str) for each in value)
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, str):
        return kind in ("text", "text or texts")
    if isinstance(value, datetime.datetime):
        return kind == "datetime"
    if isinstance(value, int):
        return kind in ("integer", "number")
    return isinstance(value, float) and kind == "number"
