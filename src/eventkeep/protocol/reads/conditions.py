"""What a filter on events means: which fields and operators there are, of which type, and what they bound."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from eventkeep.errors import Fault
from eventkeep.limits import ECHO_CHARACTERS_MAX
from eventkeep.protocol.filters import PARAMETER, Condition, Filter, print_value

EVENT_TIME_MAX: Final = 2**32 - 1
"""The last Unix second that an event can have in the log."""

_TYPES: Final[Mapping[str, tuple[type, str]]] = {
    "metric_id": (str, "a string in quotes"),
    "profile_id": (str, "a string in quotes"),
    "datetime": (datetime.datetime, "a datetime without quotes, like 2024-06-15T12:00:00Z"),
    "timestamp": (int, "an integer of Unix seconds"),
}
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class EventBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a filter chooses.

    ``time_min`` and ``time_max`` are inclusive Unix seconds. None means no bound.
    ``is_empty`` says that no event can fulfil all conditions; the rest means nothing then.
    """

    time_min: int | None = None
    time_max: int | None = None
    metric_id: str | None = None
    profile_id: str | None = None
    is_empty: bool = False


def condition_faults(filtered: Filter, allowed: Mapping[str, Sequence[str]]) -> list[Fault]:
    """What is wrong with each condition; ``allowed`` maps a field to its operators. In the service's words."""
    details = [_fault_of(condition, allowed) for condition in filtered.conditions]
    return [Fault(detail, parameter=PARAMETER) for detail in details if detail is not None]


def event_bounds(conditions: Sequence[Condition]) -> EventBounds:
    """What conditions without faults choose. Every event has a metric and a profile, so that ``has`` bounds nothing."""
    low, high = 0, EVENT_TIME_MAX
    ids: dict[str, set[str]] = {"metric_id": set(), "profile_id": set()}
    for condition in conditions:
        value = condition.value
        if isinstance(value, str):
            ids[condition.field].add(value)
        elif isinstance(value, int | datetime.datetime):
            least, most = _second_bounds(condition.operator, value)
            low, high = max(low, least), min(high, most)
    is_empty = low > high or any(len(values) > 1 for values in ids.values())
    return EventBounds(
        time_min=low if low > 0 else None,
        time_max=high if high < EVENT_TIME_MAX else None,
        metric_id=next(iter(ids["metric_id"]), None),
        profile_id=next(iter(ids["profile_id"]), None),
        is_empty=is_empty,
    )


def _fault_of(condition: Condition, allowed: Mapping[str, Sequence[str]]) -> str | None:
    field, operator = condition.field, condition.operator
    if field not in allowed:
        shown = field[:ECHO_CHARACTERS_MAX]
        return f"{shown!r} is not an allowed filter field for this resource.  Allowed fields are {', '.join(allowed)}"
    if operator not in allowed[field]:
        shown = operator[:ECHO_CHARACTERS_MAX]
        operators = ", ".join(allowed[field])
        return f"{shown!r} is not an allowed filter operator for {field}.  Allowed operators are {operators}"
    if condition.value is msgspec.UNSET:
        return None
    expected, name = _TYPES[field]
    if isinstance(condition.value, expected) and not isinstance(condition.value, bool):
        return None
    shown = print_value(condition.value)[:ECHO_CHARACTERS_MAX]
    return f"Invalid filter provided: expected {name} for {field}, got {shown}."


def _second_bounds(operator: str, value: int | datetime.datetime) -> tuple[int, int]:
    """The first and the last whole second that ``operator`` and ``value`` let through."""
    if isinstance(value, datetime.datetime):
        elapsed = value - _EPOCH
        before = elapsed.days * 86_400 + elapsed.seconds
        after = before + (1 if elapsed.microseconds else 0)
    else:
        before = after = value
    if operator == "greater-than":
        return before + 1, EVENT_TIME_MAX
    if operator == "greater-or-equal":
        return after, EVENT_TIME_MAX
    if operator == "less-than":
        return 0, after - 1
    return 0, before
