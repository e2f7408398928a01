"""The selection of events that a filter makes."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import Final

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import ECHO_CHARACTERS_MAX, FAULTS_MAX
from eventkeep.protocol.filters import PARAMETER, Condition, print_value

EVENT_TIME_MAX: Final = 2**32 - 1
"""The last Unix second that an event can have in the log."""

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class EventBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a filter chooses.

    ``time_min`` and ``time_max`` are inclusive Unix seconds. None means no bound. An event has
    one of ``metric_ids``; ``named_metric_ids`` are all that the filter names, in its order.
    ``is_empty`` says that no event can fulfil all conditions; the rest means nothing then.
    """

    time_min: int | None = None
    time_max: int | None = None
    metric_ids: frozenset[str] | None = None
    named_metric_ids: tuple[str, ...] = ()
    profile_id: str | None = None
    is_empty: bool = False


def event_bounds(conditions: Sequence[Condition]) -> EventBounds:
    """The bounds of conditions without faults. Every event has a metric and a profile, so ``has`` bounds nothing."""
    low, high = 0, EVENT_TIME_MAX
    metrics: list[tuple[str, ...]] = []
    profiles: set[str] = set()
    for condition in conditions:
        value = condition.value
        if condition.field == "metric_id" and isinstance(value, str | tuple):
            metrics.append((value,) if isinstance(value, str) else tuple(map(str, value)))
        elif isinstance(value, str):
            profiles.add(value)
        elif isinstance(value, int | float | datetime.datetime):
            least, most = _second_bounds(condition.operator, value)
            low, high = max(low, least), min(high, most)
    chosen = frozenset.intersection(*map(frozenset, metrics)) if metrics else None
    is_empty = low > high or len(profiles) > 1 or (chosen is not None and not chosen)
    return EventBounds(
        time_min=low if low > 0 else None,
        time_max=high if high < EVENT_TIME_MAX else None,
        metric_ids=chosen,
        named_metric_ids=tuple(dict.fromkeys(id for ids in metrics for id in ids)),
        profile_id=next(iter(profiles), None),
        is_empty=is_empty,
    )


def future_faults(conditions: Sequence[Condition], now: float) -> list[Fault]:
    """A fault for each condition that asks for events after a ``datetime`` that lies after ``now`` (Unix seconds).

    The live service refuses them. An upper bound may lie in the future.
    """
    return [
        Fault(
            f"Invalid filter provided: {condition.operator} takes no datetime in the future, "
            f"got {print_value(condition.value)}.",
            parameter=PARAMETER,
        )
        for condition in conditions
        if condition.operator in ("greater-than", "greater-or-equal")
        and isinstance(condition.value, datetime.datetime)
        and condition.value.timestamp() > now
    ]


def unknown_metrics(ids: Sequence[str]) -> InvalidRequest:
    """The error for metric ids in a filter that do not exist, in the service's words."""
    shown = [id[:ECHO_CHARACTERS_MAX] for id in ids[:FAULTS_MAX]]
    return InvalidRequest([Fault(f"Metric IDs {shown} do not exist.", parameter=PARAMETER)])


def _second_bounds(operator: str, value: float | datetime.datetime) -> tuple[int, int]:
    """The first and the last whole second that ``operator`` and ``value`` let through."""
    if isinstance(value, datetime.datetime):
        elapsed = value - _EPOCH
        before = elapsed.days * 86_400 + elapsed.seconds
        after = before + (1 if elapsed.microseconds else 0)
    else:
        before, after = math.floor(value), math.ceil(value)
    if operator == "greater-than":
        return before + 1, EVENT_TIME_MAX
    if operator == "greater-or-equal":
        return after, EVENT_TIME_MAX
    if operator == "less-than":
        return 0, after - 1
    return 0, before
