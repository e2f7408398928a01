"""The ids by which a request is found again: in its answer, in an error document, in the log."""

from __future__ import annotations

import itertools
import uuid

from eventkeep.clock import Randomness

COUNTER_BITS = 48


class RequestIds:
    """Hands out UUIDs that differ: 74 random bits that a process draws once, and a counter behind them.

    A tenth of the cost of drawing each one; nothing rests on their being unpredictable.
    """

    def __init__(self, randomness: Randomness) -> None:
        drawn = uuid.UUID(bytes=randomness.token_bytes(16), version=4)
        self._start = str(drawn)[: -COUNTER_BITS // 4]
        self._counter = itertools.count(drawn.int)

    def next(self) -> str:
        """An id that was not handed out before."""
        return f"{self._start}{next(self._counter) % 2**COUNTER_BITS:012x}"
