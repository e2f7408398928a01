"""The bounded queue between the requests and the commit."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from eventkeep.errors import Unavailable
from eventkeep.limits import BULK_EVENTS_MAX, QUEUE_BYTES_MAX, QUEUE_EVENTS_MAX, RETRY_AFTER_SECONDS
from eventkeep.model.submission import Gathered, Submission, separated


class Waiting(msgspec.Struct):
    """A submission that waits for its commit. ``ticket`` is the caller's, handed back with the outcome."""

    account: int
    submission: Submission
    ticket: Any

    @property
    def events(self) -> int:
        return self.submission.events

    @property
    def bytes(self) -> int:
        return self.submission.body_bytes


class SingleGroup(msgspec.Struct):
    """Single creates of one account that wait for one commit, side by side in a submission, each with its ticket."""

    account: int
    submission: Submission
    tickets: list[Any]

    def separated(self) -> list[Waiting]:
        """Each of them by itself."""
        alone = zip(separated(self.submission), self.tickets, strict=True)
        return [Waiting(self.account, submission, ticket) for submission, ticket in alone]


class UnparsedSingles(msgspec.Struct):
    """Bodies of single creates of one account that wait for being read, and then for their commit.

    ``read`` gives the submissions of all; ``bytes`` is the size of all bodies.
    """

    account: int
    read: Callable[[], Gathered]
    bytes: int
    tickets: list[Any]

    @property
    def events(self) -> int:
        return len(self.tickets)


class UnparsedBody(msgspec.Struct):
    """A body that waits for being read and then for its commit.

    ``read`` gives its submission, or None where that takes the closer look, which nobody
    else is to wait for. ``bytes`` is the size of the body; how many events it holds is
    not known yet.
    """

    account: int
    read: Callable[[], Submission | None]
    bytes: int
    ticket: Any
    events: int = BULK_EVENTS_MAX


Queued = Waiting | UnparsedBody | UnparsedSingles


class SubmissionQueue:
    """First in, first out; bounded in events and in body bytes; closed once, for good."""

    def __init__(self, events_max: int = QUEUE_EVENTS_MAX, bytes_max: int = QUEUE_BYTES_MAX) -> None:
        self._events_max, self._bytes_max = events_max, bytes_max
        self._waiting: deque[Queued] = deque()
        self._filled = threading.Condition()
        self._closed = False
        self.events = 0
        self.bytes = 0

    def put(self, waiting: Queued) -> None:
        """Add a submission. Raises Unavailable where the queue is full or closed; nothing is kept then."""
        with self._filled:
            self._add(waiting)
            self._filled.notify()

    def take(self, events_max: int, bytes_max: int) -> list[Queued]:
        """The oldest submissions, together at most so many events and body bytes, but at least one submission.

        Waits until there is one; an empty list says that the queue is closed and empty.
        """
        with self._filled:
            while not self._waiting and not self._closed:
                self._filled.wait()
            if self.events <= events_max and self.bytes <= bytes_max:
                # Nearly always: then none is looked at by itself.
                everything = list(self._waiting)
                self._waiting.clear()
                self.events = self.bytes = 0
                return everything
            taken: list[Queued] = []
            events = held = 0
            while self._waiting:
                first = self._waiting[0]
                events, held = events + first.events, held + first.bytes
                if taken and (events > events_max or held > bytes_max):
                    break
                self.events -= first.events
                self.bytes -= first.bytes
                taken.append(self._waiting.popleft())
            return taken

    @property
    def is_full(self) -> bool:
        """Whether a submission of any size would be refused now."""
        return self.events >= self._events_max or self.bytes >= self._bytes_max

    def close(self) -> None:
        """Refuse what comes from now on; what waits is still taken."""
        with self._filled:
            self._closed = True
            self._filled.notify_all()

    def _add(self, waiting: Queued) -> None:
        if self._closed:
            raise Unavailable("The server is stopping.", RETRY_AFTER_SECONDS)
        events, held = self.events + waiting.events, self.bytes + waiting.bytes
        if self._waiting and (events > self._events_max or held > self._bytes_max):
            raise Unavailable(
                f"Too many events wait to be stored ({self.events} events, {self.bytes} bytes).",
                RETRY_AFTER_SECONDS,
            )
        self._waiting.append(waiting)
        self.events, self.bytes = events, held
