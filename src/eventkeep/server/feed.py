"""The feed: recently stored events, in memory, for readers that follow along.

The committer hands over each commit's events. They are held while there are readers: for a
minute after the last read, and after the start, because readers from before a restart come
back then. The memory is bounded; a reader that falls behind is informed.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress

import msgspec
import numpy as np

from eventkeep.clock import Clock, Randomness
from eventkeep.limits import FEED_ATTENTION_SECONDS, FEED_BYTES_MAX, FEED_EVENTS_MAX
from eventkeep.model.event import StoredEvent
from eventkeep.model.event_columns import EventColumns, stored_events
from eventkeep.protocol.admin.positions import Position, no_position


class Commit(msgspec.Struct, frozen=True):
    """The events of one commit, of all accounts. Commits are counted from 1."""

    sequence: int
    events: EventColumns
    bytes: int


class Found(msgspec.Struct, frozen=True):
    """Events in the order in which they were stored, and the position behind them.

    ``has_skipped`` says that the account may have had events before these that are not held any more.
    """

    events: list[StoredEvent]
    position: Position
    has_skipped: bool


class Feed:
    """The most recent commits. The committer's thread adds, any thread reads, event loops wait."""

    def __init__(
        self,
        clock: Clock,
        randomness: Randomness,
        events_max: int = FEED_EVENTS_MAX,
        bytes_max: int = FEED_BYTES_MAX,
    ) -> None:
        self._clock, self._events_max, self._bytes_max = clock, events_max, bytes_max
        self._run = randomness.token_bytes(4).hex()
        self._lock = threading.Lock()
        self._commits: deque[Commit] = deque()
        self._sequence = self._unheld = 0
        self._dropped: dict[int, int] = {}
        self._events = self._bytes = 0
        self._asked = clock.monotonic()
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    def add(self, events: EventColumns) -> None:
        """Take the events of a commit; called by the committer, whose requests wait for it."""
        size = events.nbytes
        with self._lock:
            self._sequence += 1
            if self._clock.monotonic() - self._asked > FEED_ATTENTION_SECONDS:
                self._forget()
                return
            self._commits.append(Commit(self._sequence, events, size))
            self._events += len(events)
            self._bytes += size
            while self._commits and (self._events > self._events_max or self._bytes > self._bytes_max):
                self._drop_oldest()
            waiting = list(self._waiting)
        wake(waiting)

    def read(self, account: int, position: Position | None, count: int) -> Found:
        """Up to ``count`` of the account's events behind the position; None is the current position.

        A position of another run, from before a restart, is read as the start of this run.
        Raises InvalidRequest for one that this run has not reached yet.
        """
        with self._lock:
            self._asked = self._clock.monotonic()
            newest = self._sequence
            if position is None:
                return Found([], Position(self._run, newest + 1), False)
            is_of_this_run = position.run == self._run
            if not is_of_this_run:
                position = Position(self._run, 1)
            elif position.sequence > newest + 1:
                raise no_position(str(position))
            dropped = max(self._unheld, self._dropped.get(account, 0))
            commits: list[Commit] = []
            for commit in reversed(self._commits):
                if commit.sequence < position.sequence:
                    break
                commits.append(commit)
        events, reached = events_of(account, commits[::-1], position, count)
        has_skipped = not is_of_this_run or position.sequence <= dropped
        return Found(events, reached or Position(self._run, newest + 1), has_skipped)

    async def wait(self, position: Position, seconds: float) -> None:
        """Return when there is a commit at the position, or the feed is closed, or the time is over."""
        changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._closed or self._sequence >= position.sequence:
                return
            self._waiting.add(changed)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await changed
        finally:
            with self._lock:
                self._waiting.discard(changed)

    @property
    def is_closed(self) -> bool:
        """True if readers should leave: no more events will come."""
        return self._closed

    def close(self) -> None:
        """Let all readers go."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
        wake(waiting)

    def _forget(self) -> None:
        self._unheld = self._sequence
        self._commits.clear()
        self._dropped.clear()
        self._events = self._bytes = 0

    def _drop_oldest(self) -> None:
        commit = self._commits.popleft()
        self._events -= len(commit.events)
        self._bytes -= commit.bytes
        for account in np.unique(commit.events.numbers["account"]).tolist():
            self._dropped[account] = commit.sequence


def events_of(
    account: int, commits: list[Commit], position: Position, count: int
) -> tuple[list[StoredEvent], Position | None]:
    """Up to ``count`` of the account's events, and the position of further ones; None if there are none."""
    events: list[StoredEvent] = []
    for commit in commits:
        start = position.place if commit.sequence == position.sequence else 0
        places = np.flatnonzero(commit.events.numbers["account"] == account)[start:]
        room = count - len(events)
        events += stored_events(commit.events.take(places[:room]))
        if len(places) > room:
            return events, Position(position.run, commit.sequence, start + room)
    return events, None


def wake(waiting: list[asyncio.Future[None]]) -> None:
    """End the waits; any thread may call."""
    for changed in waiting:
        # A loop that was closed has no waiting readers.
        with suppress(RuntimeError):
            changed.get_loop().call_soon_threadsafe(settle, changed)


def settle(changed: asyncio.Future[None]) -> None:
    if not changed.done():
        changed.set_result(None)
