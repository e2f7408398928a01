"""What a filter on events chooses."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

import msgspec

from eventkeep.protocol.filters import Condition

EVENT_TIME_MAX: Final = 2**32 - 1
"""The last Unix second that an event can have in the log."""

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
