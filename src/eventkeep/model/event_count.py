"""How many events there are, and from when to when."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class EventCount(msgspec.Struct, frozen=True):
    """A number of events with the times of the oldest and the newest, in Unix seconds; None if there are none."""

    events: int = 0
    oldest: int | None = None
    newest: int | None = None


def total(counts: Iterable[EventCount]) -> EventCount:
    """The counts together."""
    given = list(counts)
    return EventCount(
        sum(count.events for count in given),
        min((count.oldest for count in given if count.oldest is not None), default=None),
        max((count.newest for count in given if count.newest is not None), default=None),
    )
