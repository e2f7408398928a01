"""The event that a connection waits for, and the latest time for it."""

from __future__ import annotations

import math
from enum import IntEnum, auto
from typing import Final

from eventkeep.clock import Clock
from eventkeep.limits import BODY_SECONDS_MAX, HEADER_SECONDS_MAX, LINGER_SECONDS_MAX, READING_SECONDS_MAX


class Wait(IntEnum):
    """The event that a connection waits for. As an integer, since the hash of any other enum is Python code."""

    APPLICATION = auto()
    """The response to a request that has arrived. It has no time limit."""
    HEAD = auto()
    """A request: it is idle, or a head arrives."""
    BODY = auto()
    READING = auto()
    """The client has to take some of its responses."""
    END = auto()
    """The client has to end its half."""


SECONDS: Final = {
    Wait.APPLICATION: math.inf,
    Wait.HEAD: HEADER_SECONDS_MAX,
    Wait.BODY: BODY_SECONDS_MAX,
    Wait.READING: READING_SECONDS_MAX,
    Wait.END: LINGER_SECONDS_MAX,
}
"""How long a connection waits."""


class Deadline:
    """The deadline of one connection. ``at`` is on the monotonic clock, in seconds."""

    __slots__ = ("_clock", "at", "wait")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.wait, self.at = Wait.APPLICATION, math.inf

    def start(self, wait: Wait) -> None:
        """Wait for this from now on."""
        self.wait = wait
        self.at = math.inf if wait is Wait.APPLICATION else self._clock.monotonic() + SECONDS[wait]
