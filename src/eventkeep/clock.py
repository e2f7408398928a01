"""Time and randomness, passed in wherever they are needed, so that tests can hold them."""

from __future__ import annotations

import os
import time
from typing import Protocol


class Clock(Protocol):
    """The source of the time."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC, with a fraction."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class Randomness(Protocol):
    """The source of random bytes."""

    def token_bytes(self, count: int) -> bytes:
        """``count`` unpredictable bytes."""


class SystemRandomness:
    """The operating system's source."""

    def token_bytes(self, count: int) -> bytes:
        return os.urandom(count)
