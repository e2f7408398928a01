"""The events of a batch until the server has responded to them. The buffer knows no lock and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from eventkeep.client.drafts import BatchedEvent
from eventkeep.client.packing import Packing, single_event_bytes
from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX


class Buffer:
    """Events in the order in which they came. They wait, then they are in flight, then they are complete.

    Both those that wait and those in flight are pending, and count against the bounds.
    Times are on a monotonic clock.
    """

    def __init__(self, events_max: int, bytes_max: int, delay_seconds: float) -> None:
        self.events_max, self.bytes_max, self._delay_seconds = events_max, bytes_max, delay_seconds
        self._waiting: deque[BatchedEvent] = deque()
        self._waiting_bytes = 0
        self._in_flight: dict[int, BatchedEvent] = {}
        self._in_flight_bytes = 0
        self._flushed = 0
        self.last_number = 0

    def __len__(self) -> int:
        """Return the number of pending events."""
        return len(self._waiting) + len(self._in_flight)

    @property
    def bytes(self) -> int:
        """Bytes of the pending events."""
        return self._waiting_bytes + self._in_flight_bytes

    def has_room(self, event: BatchedEvent) -> bool:
        """Return whether the event fits in. An empty buffer takes any event."""
        count = len(self)
        return not count or (count < self.events_max and self.bytes + event.size <= self.bytes_max)

    def add(self, event: BatchedEvent, now: float) -> bool:
        """Take an event and number it. Returns whether a request is due earlier than before."""
        was_empty, was_filled = not self._waiting, self._fills_request
        self.last_number += 1
        event.number, event.arrived = self.last_number, now
        self._waiting.append(event)
        self._waiting_bytes += event.size
        return was_empty or (self._fills_request and not was_filled)

    @property
    def _fills_request(self) -> bool:
        return len(self._waiting) >= BULK_EVENTS_MAX or self._waiting_bytes >= BODY_BYTES_MAX

    def flush(self) -> int:
        """Have all events so far sent without delay. Returns the number of the last one."""
        self._flushed = self.last_number
        return self._flushed

    @property
    def is_flushing(self) -> bool:
        """Whether ``flush`` was called after the last event."""
        return self._flushed == self.last_number

    def seconds_until_due(self, now: float) -> float | None:
        """Return the time until a request is due; None if no event waits."""
        if not self._waiting:
            return None
        first = self._waiting[0]
        if self._fills_request or first.number <= self._flushed:
            return 0.0
        return max(0.0, first.arrived + self._delay_seconds - now)

    def take(self) -> Packing[BatchedEvent]:
        """Return the next request; its events are in flight then."""
        packing: Packing[BatchedEvent] = Packing()
        while self._waiting and packing.add(self._waiting[0]):
            event = self._waiting.popleft()
            self._waiting_bytes -= event.size
            self._in_flight[event.number] = event
            self._in_flight_bytes += event.size
        return packing

    def complete(self, events: Iterable[BatchedEvent]) -> None:
        """Forget events that are in flight."""
        for event in events:
            del self._in_flight[event.number]
            self._in_flight_bytes -= event.size

    def take_all(self) -> list[BatchedEvent]:
        """Return all events that wait, at the end of the batch; they are in flight then."""
        events = list(self._waiting)
        self._waiting.clear()
        self._in_flight_bytes += self._waiting_bytes
        self._waiting_bytes = 0
        self._in_flight.update((event.number, event) for event in events)
        return events

    def is_complete(self, number: int) -> bool:
        """Return whether every event up to that number is complete."""
        if self._waiting and self._waiting[0].number <= number:
            return False
        # Several requests may be in flight at once, and their responses come in any order.
        return not any(each <= number for each in self._in_flight)

    def pending(self) -> list[BatchedEvent]:
        """Return all pending events, in the order of their numbers."""
        return [*sorted(self._in_flight.values(), key=lambda event: event.number), *self._waiting]


def is_too_large(event: BatchedEvent) -> bool:
    """Return whether the event is larger than any request may be."""
    return single_event_bytes(event) > BODY_BYTES_MAX
