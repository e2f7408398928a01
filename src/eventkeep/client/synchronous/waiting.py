"""How the client waits, and works beside its caller: with threads.

``asynchronous.waiting`` is the same with asyncio.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from types import TracebackType

pause = time.sleep
Semaphore = threading.Semaphore


class Changes:
    """A lock, held by ``with``, and those who wait for something under it to change."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.Lock())

    def __enter__(self) -> None:
        self._condition.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._condition.release()

    def wait(self, seconds: float | None) -> None:
        """Let go of the lock until something changed, or for so many seconds; None is without end."""
        self._condition.wait(seconds)

    def tell(self) -> None:
        """Something changed: wake all who wait. The caller holds the lock."""
        self._condition.notify_all()


class Workers:
    """Threads that run beside the caller until they return by themselves."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None], count: int, name: str) -> None:
        """Run ``work`` so many times, side by side."""
        # Daemons, because the interpreter waits for other threads before it calls AtExit, which ends these.
        self._threads = [
            threading.Thread(target=work, name=f"{name} {number}", daemon=True) for number in range(1, count + 1)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until all have returned."""
        for thread in self._threads:
            thread.join()


class AtExit:
    """Has something closed that is still open at the end of the interpreter."""

    def __init__(self) -> None:
        self._close: Callable[[], object] | None = None

    def add(self, close: Callable[[], object]) -> None:
        """Have ``close`` called at the end of the interpreter, where that can be."""
        self._close = close
        atexit.register(close)

    def remove(self) -> None:
        """No longer."""
        if self._close is not None:
            atexit.unregister(self._close)


def from_thread(close: Callable[[], None]) -> Callable[[], None]:
    """``close`` for another thread to call."""
    return close
