"""Events that were on a page lately, by their places: whoever asks for one by its id has it from a page, as a rule.

An event never changes and never goes, so what is here is right for good, whatever
becomes of the table.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from eventkeep.limits import EVENTS_REMEMBERED_BYTES_MAX
from eventkeep.model.event import StoredEvent

Place = tuple[int, int, int]
"""An event's account, time (Unix seconds) and id."""
EVENT_BYTES: Final = 1_000
"""About what an event and its place take in memory besides its properties."""


class RecentEvents:
    """Up to ``bytes_max`` bytes of events, and one page more; those of the oldest pages go first. Any thread's."""

    def __init__(self, bytes_max: int = EVENTS_REMEMBERED_BYTES_MAX) -> None:
        self._generation_bytes_max = bytes_max // 2
        self._lock = threading.Lock()
        # What is young when there is no more room becomes the old, and the old goes.
        self._young: dict[Place, StoredEvent] = {}
        self._old: dict[Place, StoredEvent] = {}
        self._young_bytes = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def add(self, events: Sequence[StoredEvent]) -> None:
        """Remember the events of a page that was read."""
        entries = {(event.account, event.time, event.id): event for event in events}
        size = sum([EVENT_BYTES + len(event.properties) for event in events])
        with self._lock:
            if self._young_bytes + size > self._generation_bytes_max:
                self._old, self._young, self._young_bytes = self._young, {}, 0
            self._young.update(entries)
            self._young_bytes += size

    def get(self, account: int, time: int, event_id: int) -> StoredEvent | None:
        """The event at that place, if it is remembered."""
        place = account, time, event_id
        with self._lock:
            found = self._young.get(place)
            return self._old.get(place) if found is None else found
