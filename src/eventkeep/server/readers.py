"""Threads in which the stores are read, so that a slow read keeps neither the loop nor the commits waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from eventkeep.errors import Unavailable
from eventkeep.limits import READ_TURN_SECONDS, READER_THREADS, READS_WAITING_MAX, RETRY_AFTER_SECONDS
from eventkeep.server.notifications import FutureTicket, deliver
from eventkeep.server.services import Services

Result = TypeVar("Result")


class QueuedRead(NamedTuple):
    """A read, and the ticket that its result is for."""

    read: Callable[[], Any]
    ticket: FutureTicket


class Readers:
    """READER_THREADS threads for the reads of all families. One event loop's.

    One thread has the turn: it takes the reads that wait, one after the other. A page takes about a millisecond, most
    of it under the interpreter's lock, and threads that fight for this lock take half as much time again. If a read
    takes longer than READ_TURN_SECONDS while others wait, the turn goes on to another thread.
    """

    def __init__(self, services: Services) -> None:
        self._reads: SimpleQueue[QueuedRead | None] = SimpleQueue()
        self._turn = threading.Semaphore(1)
        self._lock = threading.Lock()
        self._running: QueuedRead | None = None
        """The read of the thread that has the turn; None if it has none, or has passed the turn on."""
        self._began = 0.0
        self._is_looking = False
        self._waiting = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"read_{number}", daemon=True) for number in range(READER_THREADS)
        ]
        for thread in self._threads:
            thread.start()
        services.before_close(self._close)

    async def run(self, read: Callable[[], Result]) -> Result:
        """The result of ``read``, called in a thread. Raises Unavailable if too many reads wait already."""
        if self._waiting >= READS_WAITING_MAX:
            raise Unavailable(f"{self._waiting} reads wait already.", RETRY_AFTER_SECONDS)
        ticket = FutureTicket()
        self._waiting += 1
        try:
            self._reads.put(QueuedRead(read, ticket))
            if not self._is_looking:
                self._is_looking = True
                ticket.loop.call_later(READ_TURN_SECONDS, self._look, ticket.loop)
            result: Result = await ticket.outcome
            return result
        finally:
            self._waiting -= 1
            # An error of the read refers to this frame, which would keep the error.
            del ticket

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Pass the turn on if reads wait behind a long one, and look again later for as long as some wait."""
        self._is_looking = not self._reads.empty()
        if not self._is_looking:
            return
        with self._lock:
            if self._running is not None and time.monotonic() - self._began >= READ_TURN_SECONDS:
                self._running = None
                self._turn.release()
        loop.call_later(READ_TURN_SECONDS, self._look, loop)

    def _work(self) -> None:
        while True:
            self._turn.acquire()
            has_turn = True
            while has_turn:
                queued = self._reads.get()
                if queued is None:
                    # For the next thread.
                    self._reads.put(None)
                    self._turn.release()
                    return
                has_turn = self._carry_out(queued)
                # Its page would stay in memory until the next read.
                del queued

    def _carry_out(self, queued: QueuedRead) -> bool:
        """Read, and have the loop take the result; returns whether this thread still has the turn."""
        read, ticket = queued
        with self._lock:
            self._running, self._began = queued, time.monotonic()
        result: Any = None
        try:
            # The client may have gone away.
            if not ticket.outcome.cancelled():
                result = read()
        except BaseException as exc:
            result = exc
        deliver([(ticket, result)])
        with self._lock:
            has_turn = self._running is queued
            if has_turn:
                self._running = None
        return has_turn

    def _close(self) -> None:
        """Carry out the reads that wait, and end the threads."""
        self._reads.put(None)
        for thread in self._threads:
            thread.join()
