"""Time and randomness, passed in wherever they are needed, so that tests can hold them."""

from __future__ import annotations

import os
import time
from typing import Protocol, Self


class Clock(Protocol):
    """The source of the time."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC, with a fraction."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""

    def of(self, account: int) -> Clock:
        """The clock of an account: this one, unless the controls of a stand-in moved it."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def of(self, account: int) -> Self:
        return self


class Randomness(Protocol):
    """The source of random bytes."""

    def token_bytes(self, count: int) -> bytes:
        """``count`` unpredictable bytes."""

    def of(self, *names: str | int) -> Randomness:
        """The source for one thing: this one, unless a stand-in is to give things the same ids in every run."""


class SystemRandomness:
    """The operating system's source."""

    def token_bytes(self, count: int) -> bytes:
        return os.urandom(count)

    def of(self, *_: str | int) -> Self:
        return self


def microseconds(clock: Clock) -> int:
    """The time now in Unix microseconds."""
    return int(clock.now() * 1_000_000)
