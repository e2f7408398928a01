"""Events as columns, for computations over many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from eventkeep.directory import Directory
from eventkeep.events.selection import EventSelection
from eventkeep.events.store import EventStore
from eventkeep.model.aggregates import Numbers, Times, Values
from eventkeep.server.survivors import Survivors


class EventChunk(msgspec.Struct, frozen=True):
    """Some events of a metric, each column of shape [n]. A value that is NaN is none."""

    time: Times
    profile: Numbers
    value: Values
    currency: Sequence[str] = ()
    properties: Sequence[bytes] = ()


class EventArrays:
    """Reads columns of one metric's events. Events of merged profiles are those of the surviving ones."""

    def __init__(self, directory: Directory, events: EventStore) -> None:
        self._directory, self._events = directory, events

    def numbers(self, account: int, metric: int, start: int, end: int) -> Iterator[EventChunk]:
        """The events of the metric from ``start`` to before ``end`` (Unix seconds), some at a time, in no order."""
        survivors = Survivors(self._directory.profiles.merges(account))
        for chunk in self._events.arrays(account, frozenset([metric]), start, end - 1):
            yield EventChunk(chunk["time"], survivors.of(chunk["profile"]), chunk["value"])

    def whole(self, account: int, metric: int, start: int, end: int) -> Iterator[EventChunk]:
        """The same with currencies and properties."""
        survivors = Survivors(self._directory.profiles.merges(account))
        selection = EventSelection(
            account=account, count=0, time_min=start, time_max=end - 1, metrics=frozenset([metric])
        )
        for columns in self._events.scan(selection):
            yield EventChunk(
                columns.numbers["time"],
                survivors.of(columns.numbers["profile"]),
                columns.numbers["value"],
                columns.texts["currency"].strings(),
                columns.texts["properties"].texts(),
            )

    def newest_documents(self, account: int, metric: int, count: int) -> list[bytes]:
        """The properties of the metric's newest events, as they were sent."""
        selection = EventSelection(account=account, count=count, metrics=frozenset([metric]))
        return self._events.page(selection).properties.texts()
