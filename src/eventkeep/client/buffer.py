"""The events of a batch from when they are taken until they are answered. It knows no lock and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from eventkeep.client.drafts import BatchedEvent
from eventkeep.client.packing import Packing, sole_bytes
from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX


class Buffer:
    """Events in the order in which they came: first they wait, then they are under way, then they are settled.

    All that is not settled counts against the bounds. Moments are on a monotonic clock.
    """

    def __init__(self, events_max: int, bytes_max: int, delay_seconds: float) -> None:
        self.events_max, self.bytes_max, self._delay_seconds = events_max, bytes_max, delay_seconds
        self._waiting: deque[BatchedEvent] = deque()
        self._waiting_bytes = 0
        self._request_log: dict[int, BatchedEvent] = {}
        self._under_way_bytes = 0
        self._hurried = 0
        self.last_number = 0

    def __len__(self) -> int:
        """Events that are not settled."""
        return len(self._waiting) + len(self._request_log)

    @property
    def bytes(self) -> int:
        """Bytes of the events that are not settled."""
        return self._waiting_bytes + self._under_way_bytes

    def has_room(self, event: BatchedEvent) -> bool:
        """Whether the event fits in. An empty buffer takes any event."""
        count = len(self)
        return not count or (count < self.events_max and self.bytes + event.size <= self.bytes_max)

    def add(self, event: BatchedEvent, now: float) -> bool:
        """Take an event, and number it; returns whether a request is due earlier than before."""
        was_empty, was_filled = not self._waiting, self._fills_request
        self.last_number += 1
        event.number, event.arrived = self.last_number, now
        self._waiting.append(event)
        self._waiting_bytes += event.size
        return was_empty or (self._fills_request and not was_filled)

    @property
    def _fills_request(self) -> bool:
        return len(self._waiting) >= BULK_EVENTS_MAX or self._waiting_bytes >= BODY_BYTES_MAX

    def hurry(self) -> int:
        """Have all events so far sent without delay; returns the number of the last one."""
        self._hurried = self.last_number
        return self._hurried

    @property
    def is_hurried(self) -> bool:
        """Whether ``hurry`` holds for every event so far."""
        return self._hurried == self.last_number

    def seconds_until_due(self, now: float) -> float | None:
        """How long until a request is to be sent: 0 for at once, None where no event waits."""
        if not self._waiting:
            return None
        first = self._waiting[0]
        if self._fills_request or first.number <= self._hurried:
            return 0.0
        return max(0.0, first.arrived + self._delay_seconds - now)

    def take(self) -> Packing[BatchedEvent]:
        """The next request; its events are under way then."""
        packing: Packing[BatchedEvent] = Packing()
        while self._waiting and packing.add(self._waiting[0]):
            event = self._waiting.popleft()
            self._waiting_bytes -= event.size
            self._request_log[event.number] = event
            self._under_way_bytes += event.size
        return packing

    def settle(self, events: Iterable[BatchedEvent]) -> None:
        """Forget events that are under way."""
        for event in events:
            del self._request_log[event.number]
            self._under_way_bytes -= event.size

    def take_all(self) -> list[BatchedEvent]:
        """All that waits, for the end of the batch; it is under way then."""
        events = list(self._waiting)
        self._waiting.clear()
        self._under_way_bytes += self._waiting_bytes
        self._waiting_bytes = 0
        self._request_log.update((event.number, event) for event in events)
        return events

    def is_settled(self, number: int) -> bool:
        """Whether every event up to that number is settled."""
        if self._waiting and self._waiting[0].number <= number:
            return False
        # Requests are few and their events in order, but several may be under way at once.
        return not any(each <= number for each in self._request_log)

    def unsettled(self) -> list[BatchedEvent]:
        """All events that are not settled, in the order of their numbers."""
        return [*sorted(self._request_log.values(), key=lambda event: event.number), *self._waiting]


def is_too_large(event: BatchedEvent) -> bool:
    """Whether no request can hold the event."""
    return sole_bytes(event) > BODY_BYTES_MAX
