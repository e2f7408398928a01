"""The ids that identify a request in its response, in an error document and in the log."""

from __future__ import annotations

import uuid
from typing import Final

from eventkeep.clock import Randomness

COUNTER_BITS: Final = 48
PLACE_BITS: Final = 12
"""The counter's lowest bits, whose texts are precomputed: formatting numbers takes longer than the rest."""
PLACES: Final = tuple(f"{place:03x}" for place in range(1 << PLACE_BITS))
UPPER_MAX: Final = (1 << COUNTER_BITS - PLACE_BITS) - 1


class RequestIds:
    """Hands out distinct UUIDs: 74 random bits that a process draws once, and a counter behind them.

    This costs a tenth of drawing each one; the ids need not be unpredictable.
    """

    def __init__(self, randomness: Randomness) -> None:
        drawn = uuid.UUID(bytes=randomness.token_bytes(16), version=4)
        self._start = str(drawn)[: -COUNTER_BITS // 4]
        self._upper, self._place = drawn.int >> PLACE_BITS & UPPER_MAX, drawn.int % len(PLACES)
        self._front = ""

    def next(self) -> str:
        """An id that was not handed out before."""
        if self._place == len(PLACES):
            self._upper = (self._upper + 1) & UPPER_MAX
            self._place, self._front = 0, ""
        if not self._front:
            self._front = f"{self._start}{self._upper:09x}"
        self._place += 1
        return self._front + PLACES[self._place - 1]
