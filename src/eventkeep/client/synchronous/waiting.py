"""Waiting, and work beside the caller: with threads.

``asynchronous.waiting`` is its counterpart with asyncio.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

from eventkeep.client.forks import notice_fork, reset_after_fork

Value = TypeVar("Value")

pause = time.sleep
Semaphore = threading.Semaphore


class Local(Generic[Value]):
    """A value that a forked child makes anew."""

    def __init__(self, make: Callable[[], Value], abandon: Callable[[Value], object] = lambda value: None) -> None:
        self._make, self._abandon = make, abandon
        self._value = make()
        reset_after_fork(self)

    def get(self) -> Value:
        """Return the value of this process."""
        notice_fork()
        return self._value

    def all(self) -> list[Value]:
        """Return the value of this process alone, in a list."""
        return [self._value]

    def after_fork(self) -> None:
        """Make a new value. Sockets of the old one are closed here, and stay open in the parent."""
        self._abandon(self._value)
        self._value = self._make()


class Changes:
    """A lock, held by ``with``, and a condition on it."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.Lock())

    def __enter__(self) -> None:
        self._condition.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._condition.release()

    def wait(self, seconds: float | None) -> None:
        """Release the lock until ``notify``, or for so many seconds; None waits without end."""
        self._condition.wait(seconds)

    def notify(self) -> None:
        """Wake everyone who waits. The caller holds the lock."""
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
    """Has a batch closed that is still open at the end of the interpreter."""

    def __init__(self) -> None:
        self._close: Callable[[], object] | None = None

    def add(self, batch: Any, close: Callable[[], object]) -> None:
        """Have ``close`` called at the end of the interpreter."""
        self._close = close
        atexit.register(close)

    def remove(self) -> None:
        """Do not call it any more."""
        if self._close is not None:
            atexit.unregister(self._close)


def from_thread(close: Callable[[], None]) -> Callable[[], None]:
    """Return ``close`` for another thread to call."""
    return close
