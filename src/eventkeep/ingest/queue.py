"""The bounded queue between the requests and the commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

import msgspec

from eventkeep.directory import Directory
from eventkeep.errors import Unavailable
from eventkeep.limits import BULK_EVENTS_MAX, QUEUE_BYTES_MAX, QUEUE_EVENTS_MAX, RETRY_AFTER_SECONDS
from eventkeep.model.submission import Submission
from eventkeep.protocol.revisions import Revision

SHORT_BYTES_MAX: Final = 32_000
"""Body bytes of a bulk create that is stored as soon as a single one."""


class QueuedCreates(msgspec.Struct, kw_only=True):
    """Create requests of one account and revision that wait for their commit: one bulk create, or several single ones.

    ``bodies`` are raw JSON, received at the Unix second ``received_at``. ``tickets`` has the caller's object for each
    body, which comes back with the outcome. ``submission`` is set once the bodies are parsed; ``parsing`` if another
    thread may have begun to parse them (see `CreateParser.begun`).
    """

    account: int
    revision: Revision
    is_bulk: bool
    bodies: Sequence[bytes]
    received_at: int
    tickets: list[Any]
    submission: Submission | None = None
    parsing: Future[Any] | None = None

    @property
    def events(self) -> int:
        """How many events they hold; before a bulk create is parsed, the most that it may hold."""
        if self.submission is not None:
            return len(self.submission)
        return BULK_EVENTS_MAX if self.is_bulk else len(self.bodies)

    @property
    def bytes(self) -> int:
        """The size of all bodies."""
        return sum(map(len, self.bodies))


class QueuedChange(msgspec.Struct):
    """A change of the directory that waits for its commit: an account or a key, for example.

    ``make`` is called in the commit thread while no commit is on its way; it returns the changes, and the result
    of ``done`` once they are kept. If it raises an error, ``done`` raises it. Only a change that is ``of_move`` may
    concern an account that is being moved to another shard; its ``make`` returns events in between, or None.
    """

    make: Callable[[Directory], Any]
    done: Future[Any]
    events: int = 0
    bytes: int = 0
    of_move: bool = False


Queued = QueuedCreates | QueuedChange


class Lane:
    """Items in the order of their arrival, counted in events and body bytes."""

    def __init__(self) -> None:
        self._items: deque[Queued] = deque()
        self.events = 0
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, item: Queued, events: int, size: int) -> None:
        """Add an item that has so many events and body bytes."""
        self._items.append(item)
        self.events += events
        self.bytes += size

    def take(self, events_max: int, bytes_max: int) -> list[Queued]:
        """The oldest items, together at most so many events and body bytes, but at least one item."""
        if self.events <= events_max and self.bytes <= bytes_max:
            # Nearly always. Then none has to be counted.
            everything = list(self._items)
            self._items.clear()
            self.events = self.bytes = 0
            return everything
        taken: list[Queued] = []
        events = held = 0
        while self._items:
            first_events, first_bytes = self._items[0].events, self._items[0].bytes
            events, held = events + first_events, held + first_bytes
            if taken and (events > events_max or held > bytes_max):
                break
            self.events -= first_events
            self.bytes -= first_bytes
            taken.append(self._items.popleft())
        return taken


class CreateQueue:
    """Two lanes: bulk creates, and everything shorter, so that a single create does not wait behind all bulk ones.

    Bounded in events and in body bytes; closed once, for good. Any thread may call.
    """

    def __init__(self, events_max: int = QUEUE_EVENTS_MAX, bytes_max: int = QUEUE_BYTES_MAX) -> None:
        self._events_max, self._bytes_max = events_max, bytes_max
        self._short, self._bulk = Lane(), Lane()
        self._is_bulks_turn = False
        self._filled = threading.Condition()
        self._closed = False

    @property
    def events(self) -> int:
        """Events that wait."""
        return self._short.events + self._bulk.events

    @property
    def bytes(self) -> int:
        """Body bytes that wait."""
        return self._short.bytes + self._bulk.bytes

    def put(self, item: Queued) -> None:
        """Add creates or a change. Raises Unavailable, and adds nothing, if the queue is full or closed."""
        events, size = item.events, item.bytes
        is_bulk = isinstance(item, QueuedCreates) and item.is_bulk and size > SHORT_BYTES_MAX
        with self._filled:
            self._check_room(events, size)
            (self._bulk if is_bulk else self._short).add(item, events, size)
            self._filled.notify()

    def take(self, events_max: int, bytes_max: int) -> list[Queued]:
        """The oldest items of a lane, together at most so many events and body bytes, but at least one item.

        If both lanes have items, they take turns. Waits until there is an item. Returns an empty list once the queue is
        closed and empty.
        """
        with self._filled:
            while not self.has_items and not self._closed:
                self._filled.wait()
            lane = self._bulk if self._bulk and (self._is_bulks_turn or not self._short) else self._short
            self._is_bulks_turn = lane is self._short
            return lane.take(events_max, bytes_max)

    @property
    def is_full(self) -> bool:
        """Whether a create of any size would be refused now."""
        return self.events >= self._events_max or self.bytes >= self._bytes_max

    @property
    def has_items(self) -> bool:
        """Whether something waits."""
        return bool(self._short or self._bulk)

    @property
    def has_bulk(self) -> bool:
        """Whether a bulk create waits."""
        return bool(self._bulk)

    def close(self) -> None:
        """Refuse further creates; those that wait are still taken."""
        with self._filled:
            self._closed = True
            self._filled.notify_all()

    def _check_room(self, events: int, size: int) -> None:
        if self._closed:
            raise Unavailable("The server is stopping.", RETRY_AFTER_SECONDS)
        is_over = self.events + events > self._events_max or self.bytes + size > self._bytes_max
        if is_over and self.has_items:
            raise Unavailable(
                f"Too many events wait to be stored ({self.events} events, {self.bytes} bytes).",
                RETRY_AFTER_SECONDS,
            )
