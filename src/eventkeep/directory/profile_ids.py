"""The public ids of new profiles."""

from __future__ import annotations

from typing import Final

from eventkeep.clock import Randomness
from eventkeep.model.ulid import PAIR_BITS, PAIRS, RANDOM_BYTES, new_ulid

COUNTED_MASK: Final = 2**PAIR_BITS - 1
"""The bits of a ULID that its last two characters stand for."""


class ProfileIds:
    """Makes ULIDs, each greater than the one before, so that the index of ids grows at its end.

    A millisecond starts at a random place; further ids of it count up from there, as the
    ULID specification has it. If the clock goes back, the last millisecond goes on.
    Only the thread that commits may call.
    """

    def __init__(self, randomness: Randomness, kind: str = "profiles") -> None:
        self._randomness, self._kind = randomness, kind
        self._milliseconds, self._counted = -1, 0
        self._common = ""
        """All but the last two characters, which neighbouring ids have in common."""

    def of(self, account: int, first_number: int) -> ProfileIds:
        """The source for the profiles of an account from a number on: this one, unless ids are to be repeatable."""
        own = self._randomness.of(self._kind, account, first_number)
        return self if own is self._randomness else ProfileIds(own, self._kind)

    def __call__(self, now_us: int) -> str:
        """The id of a profile that is made now, in Unix microseconds."""
        milliseconds = now_us // 1000
        if milliseconds > self._milliseconds:
            self._milliseconds = milliseconds
            # One bit less leaves room to count up.
            self._counted = int.from_bytes(self._randomness.token_bytes(RANDOM_BYTES)) >> 1
            self._common = ""
        else:
            self._counted += 1
        last = self._counted & COUNTED_MASK
        if not last or not self._common:
            self._common = new_ulid(self._milliseconds, self._counted.to_bytes(RANDOM_BYTES))[:-2]
        return self._common + PAIRS[last]
