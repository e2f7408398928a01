"""Bodies that take too long to arrive: one look at all of them each second, not a timer for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

LOOK_SECONDS: Final = 1.0
"""How late a deadline may be noticed, in seconds."""


class Deadlines:
    """Lets each awaitable have ``seconds``, and up to LOOK_SECONDS more.

    ``asyncio.timeout`` does it to the millisecond, and takes a tenth of the time that a
    single create takes as a whole. One event loop's tasks use it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[asyncio.Task[Any], float] = {}
        self._expired: set[asyncio.Task[Any]] = set()
        self._looking = False

    async def within(self, awaitable: Awaitable[Result]) -> Result:
        """Its result. Raises TimeoutError where it is not there in time; it is cancelled then."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("deadlines are kept for tasks")
        loop = asyncio.get_running_loop()
        self._until[task] = loop.time() + self._seconds
        if not self._looking:
            self._looking = True
            loop.call_later(LOOK_SECONDS, self._look, loop)
        try:
            return await awaitable
        except asyncio.CancelledError as exc:
            # Whoever else asked for the end gets it.
            if task in self._expired and task.uncancel() == 0:
                raise TimeoutError from exc
            raise
        finally:
            del self._until[task]
            self._expired.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, until in self._until.items():
            if until <= now and task not in self._expired:
                self._expired.add(task)
                task.cancel()
        self._looking = bool(self._until)
        if self._looking:
            loop.call_later(LOOK_SECONDS, self._look, loop)
