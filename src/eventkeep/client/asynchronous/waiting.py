"""Waiting, and work beside the caller: with asyncio.

``synchronous.waiting`` is its counterpart with threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Generic, TypeVar

from eventkeep.client.forks import notice_fork, reset_after_fork

logger = logging.getLogger(__name__)
Value = TypeVar("Value")

pause = asyncio.sleep
Semaphore = asyncio.Semaphore


class Local(Generic[Value]):
    """A value for each event loop, since connections and semaphores work only in the loop that they were made in."""

    def __init__(self, make: Callable[[], Value], abandon: Callable[[Value], object] = lambda value: None) -> None:
        self._make = make
        self._values: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Value] = weakref.WeakKeyDictionary()
        self._inherited: list[Value] = []
        reset_after_fork(self)

    def get(self) -> Value:
        """Return the value of the running loop; it is made on first use."""
        notice_fork()
        loop = asyncio.get_running_loop()
        value = self._values.get(loop)
        if value is None:
            value = self._values[loop] = self._make()
        return value

    def all(self) -> list[Value]:
        """Return the values of all loops that are still referenced."""
        return list(self._values.values())

    def after_fork(self) -> None:
        """Forget the parent's values, but keep them alive: a transport that is collected changes the parent's epoll."""
        self._inherited += self._values.values()
        self._values = weakref.WeakKeyDictionary()


class Changes:
    """A lock, held by ``async with``, and a condition on it."""

    def __init__(self) -> None:
        self._condition = asyncio.Condition()

    async def __aenter__(self) -> None:
        await self._condition.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._condition.release()

    async def wait(self, seconds: float | None) -> None:
        """Release the lock until ``notify``, or for so many seconds; None waits without end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._condition.wait()

    def notify(self) -> None:
        """Wake everyone who waits. The caller holds the lock."""
        self._condition.notify_all()


class Workers:
    """Tasks that run beside the caller until they return by themselves."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, work: Callable[[], Coroutine[None, None, None]], count: int, name: str) -> None:
        """Run ``work`` so many times, side by side."""
        self._tasks = [asyncio.create_task(work(), name=f"{name} {number}") for number in range(1, count + 1)]

    async def join(self) -> None:
        """Wait until all have returned."""
        # A caller that is cancelled while it waits must not cancel the workers.
        await asyncio.shield(asyncio.gather(*self._tasks))


class AtExit:
    """Sends the events of a batch that nobody closed, when its loop is gone or the interpreter ends."""

    def __init__(self) -> None:
        self._finalizer: weakref.finalize[..., Any] | None = None

    def add(self, batch: Any, close: Callable[[], object]) -> None:
        """Watch the batch. ``close`` is a coroutine function and of no use here: no loop is left to run it."""
        self._finalizer = weakref.finalize(batch, _send_left, *batch.left_open())

    def remove(self) -> None:
        """Stop watching."""
        if self._finalizer is not None:
            self._finalizer.detach()


def _send_left(buffer: Any, client: Any, settings: Any, is_own_transport: bool) -> None:
    """Send the rest of a buffer with a client that needs no loop."""
    from eventkeep.client.synchronous.client import Client

    count = len(buffer)
    if not count:
        return
    if settings.spool is not None:
        logger.error("an AsyncBatch was left open: %d events stay in %s", count, settings.spool)
        return
    if not is_own_transport:
        logger.error("an AsyncBatch was left open: %d events are lost; close it with 'async with' or aclose()", count)
        return
    logger.error("an AsyncBatch was left open with %d events, which are sent now; close it with aclose()", count)
    try:
        with (
            Client(client.api_key, client.base_url, client.revision_date, timeout=client.timeout) as sender,
            sender.batch(close_seconds_max=settings.close_seconds_max, on_refused=settings.on_refused) as batch,
        ):
            for event in buffer.pending():
                batch.add(event)
    except Exception:
        logger.exception("not all events of an AsyncBatch that was left open could be sent")


def from_thread(close: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Return ``close`` for another thread to call: it runs in this loop, and the thread waits for it."""
    loop = asyncio.get_running_loop()
    return lambda: asyncio.run_coroutine_threadsafe(close(), loop).result()
