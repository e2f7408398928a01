"""Events as columns, for what is computed over many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from eventkeep.eventlog.log import EventLog
from eventkeep.eventlog.selection import EventSelection
from eventkeep.limits import AGGREGATE_PAGE_EVENTS
from eventkeep.model.aggregates import Numbers, Times, Values
from eventkeep.model.event import StoredEvent


class EventChunk(msgspec.Struct, frozen=True):
    """Some events of a metric, each column of shape [n]. A value that is NaN is none."""

    time: Times
    profile: Numbers
    value: Values
    currency: Sequence[str]
    properties: Sequence[bytes]


class EventArrays:
    """Reads columns of one metric's events, page by page."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def chunks(self, account: int, metric: int, start: int, end: int, *, with_properties: bool) -> Iterator[EventChunk]:
        """The events of the metric from ``start`` to before ``end`` (Unix seconds), some at a time.

        Currencies and properties are there if they are asked for.
        """
        selection = EventSelection(
            account=account,
            count=AGGREGATE_PAGE_EVENTS,
            descending=False,
            time_min=start,
            time_max=end - 1,
            metric=metric,
        )
        while events := self._log.page(selection):
            yield chunk_of(events, with_properties)
            selection = msgspec.structs.replace(selection, after=(events[-1].time, events[-1].id))

    def newest_documents(self, account: int, metric: int, count: int) -> list[bytes]:
        """The properties of the metric's newest events, as they were sent."""
        return [
            event.properties for event in self._log.page(EventSelection(account=account, count=count, metric=metric))
        ]


def chunk_of(events: Sequence[StoredEvent], with_properties: bool) -> EventChunk:
    """The columns of some events."""
    return EventChunk(
        time=np.array([event.time for event in events], dtype=np.int64),
        profile=np.array([event.profile for event in events], dtype=np.uint32),
        value=np.array([np.nan if event.value is None else event.value for event in events], dtype=np.float64),
        currency=[event.currency for event in events] if with_properties else (),
        properties=[event.properties for event in events] if with_properties else (),
    )
