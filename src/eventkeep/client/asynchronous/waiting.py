"""How the client waits, and works beside its caller: with asyncio.

``synchronous.waiting`` is the same with threads.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from types import TracebackType

pause = asyncio.sleep
Semaphore = asyncio.Semaphore


class Changes:
    """A lock, held by ``async with``, and those who wait for something under it to change."""

    def __init__(self) -> None:
        self._condition = asyncio.Condition()

    async def __aenter__(self) -> None:
        await self._condition.acquire()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._condition.release()

    async def wait(self, seconds: float | None) -> None:
        """Let go of the lock until something changed, or for so many seconds; None is without end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._condition.wait()

    def tell(self) -> None:
        """Something changed: wake all who wait. The caller holds the lock."""
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
        # A caller that is cancelled while it waits does not take the workers with it.
        await asyncio.shield(asyncio.gather(*self._tasks))


class AtExit:
    """Nothing: there is no loop any more where the interpreter ends. The threads' counterpart closes what is open."""

    def add(self, close: Callable[[], object]) -> None:
        """Have ``close`` called at the end of the interpreter, where that can be."""

    def remove(self) -> None:
        """No longer."""


def from_thread(close: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """``close`` for another thread to call: it runs in this loop, and the thread waits for it."""
    loop = asyncio.get_running_loop()
    return lambda: asyncio.run_coroutine_threadsafe(close(), loop).result()
