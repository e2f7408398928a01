"""Ids that repeat: random bytes that follow from a seed and from the thing that they are for."""

from __future__ import annotations

import hashlib
from typing import Final

from eventkeep.clock import SystemRandomness

SEPARATOR: Final = "\0"


class RepeatableIds:
    """Randomness that gives each thing with a name the same bytes in every run. All else, keys above all, stays random.

    The names contain the numbers of accounts, profiles and jobs, so no two things get the same bytes.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._system = str(seed), SystemRandomness()

    def token_bytes(self, count: int) -> bytes:
        return self._system.token_bytes(count)

    def of(self, *names: str | int) -> BytesOf:
        return BytesOf(SEPARATOR.join([self._seed, *map(str, names)]))


class BytesOf:
    """The bytes of one thing, one piece after the other."""

    def __init__(self, name: str) -> None:
        self._name, self._drawn = name, 0

    def token_bytes(self, count: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(f"{self._name}{SEPARATOR}{self._drawn}".encode()).digest(count)

    def of(self, *names: str | int) -> BytesOf:
        return BytesOf(SEPARATOR.join([self._name, *map(str, names)]))
