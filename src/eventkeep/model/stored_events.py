"""Events of a page side by side, as they are read: most of them are written without ever being an object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from eventkeep.model.event import StoredEvent
from eventkeep.model.event_columns import TextColumn


class StoredEvents(Sequence[StoredEvent]):
    """Events of one account, in their order; they are made together when the first one is asked for.

    ``times`` (Unix seconds) and ``ids`` are of shape [n], and so are the columns of texts: unique ids, and properties,
    which are raw JSON objects. The lists have n elements, too: ``profiles`` and ``metrics`` are numbers of the account,
    ``values`` None for none, ``currencies`` "" for none. Nothing of it is changed, so that slices share it.

    Equal to any list or tuple of the same events. An index out of range raises IndexError, as that of a list does.
    """

    __slots__ = (
        *("_made", "account", "currencies", "ids", "metrics", "profiles", "properties", "times", "unique_ids"),
        "values",
    )

    def __init__(
        self,
        account: int,
        times: npt.NDArray[np.int64],
        ids: npt.NDArray[np.uint64],
        profiles: list[int],
        metrics: list[int],
        values: list[float | None],
        currencies: list[str],
        unique_ids: TextColumn,
        properties: TextColumn,
    ) -> None:
        self.account, self.times, self.ids, self.profiles, self.metrics = account, times, ids, profiles, metrics
        self.values, self.currencies, self.unique_ids, self.properties = values, currencies, unique_ids, properties
        self._made: list[StoredEvent] | None = None

    @classmethod
    def of(cls, events: Sequence[StoredEvent]) -> StoredEvents:
        """The same events. They are of one account, which is 0 if there are none."""
        return cls(
            events[0].account if events else 0,
            np.array([event.time for event in events], dtype=np.int64),
            np.array([event.id for event in events], dtype=np.uint64),
            [event.profile for event in events],
            [event.metric for event in events],
            [event.value for event in events],
            [event.currency for event in events],
            TextColumn.of([event.unique_id.encode() for event in events]),
            TextColumn.of([event.properties for event in events]),
        )

    def __len__(self) -> int:
        return len(self.profiles)

    @overload
    def __getitem__(self, place: int) -> StoredEvent: ...

    @overload
    def __getitem__(self, place: slice) -> StoredEvents: ...

    def __getitem__(self, place: int | slice) -> StoredEvent | StoredEvents:
        if isinstance(place, slice):
            return self._taken(place)
        return self._events()[place]

    def __iter__(self) -> Iterator[StoredEvent]:
        return iter(self._events())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (StoredEvents, list, tuple)):
            return NotImplemented
        return self._events() == list(other)

    __hash__ = None  # type: ignore[assignment]

    def reversed(self) -> StoredEvents:
        """The events in the reverse of their order."""
        return self._taken(slice(None, None, -1))

    def with_profiles(self, others: Mapping[int, int]) -> StoredEvents:
        """The events with other profiles, by number: ``others`` has the new number of those that change."""
        profiles = [others.get(number, number) for number in self.profiles]
        return StoredEvents(
            *(self.account, self.times, self.ids, profiles, self.metrics),
            *(self.values, self.currencies, self.unique_ids, self.properties),
        )

    def _taken(self, places: slice) -> StoredEvents:
        start, end, step = places.indices(len(self))
        if (start, end, step) == (0, len(self), 1):
            return self
        if step == 1:
            texts = [column.part(start, max(start, end)) for column in (self.unique_ids, self.properties)]
        else:
            numbers = np.arange(len(self))[places]
            texts = [column.take(numbers) for column in (self.unique_ids, self.properties)]
        return StoredEvents(
            self.account,
            self.times[places],
            self.ids[places],
            self.profiles[places],
            self.metrics[places],
            self.values[places],
            self.currencies[places],
            *texts,
        )

    def _events(self) -> list[StoredEvent]:
        if self._made is None:
            self._made = [
                StoredEvent(self.account, *columns)
                for columns in zip(
                    self.times.tolist(),
                    self.ids.tolist(),
                    self.profiles,
                    self.metrics,
                    self.unique_ids.strings(),
                    self.values,
                    self.currencies,
                    self.properties.texts(),
                    strict=True,
                )
            ]
        return self._made
