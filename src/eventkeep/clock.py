"""Time and randomness as objects that are passed in, so that tests can control them."""

from __future__ import annotations

import os
import time
from typing import Protocol


class Clock(Protocol):
    """A source of the time."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC, with a fraction."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences have a meaning."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class Randomness(Protocol):
    """A source of random bytes."""

    def token_bytes(self, count: int) -> bytes:
        """``count`` unpredictable bytes."""


class SystemRandomness:
    """The operating system's source."""

    def token_bytes(self, count: int) -> bytes:
        return os.urandom(count)
