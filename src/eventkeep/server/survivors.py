"""The surviving profiles of numbers that were merged into others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from eventkeep.model.aggregates import Numbers


class Survivors:
    """The surviving profiles of merged ones."""

    def __init__(self, merges: Mapping[int, int]) -> None:
        self._merged = np.array(sorted(merges), dtype=np.uint32)
        self._into = np.array([merges[number] for number in sorted(merges)], dtype=np.uint32)

    @classmethod
    def into(cls, merged: Mapping[int, Sequence[int]]) -> Self:
        """The survivors, given the numbers that were merged into each of them."""
        return cls({number: survivor for survivor, numbers in merged.items() for number in numbers})

    def of(self, profiles: Numbers) -> Numbers:
        """The profiles (shape [n]) that the numbers stand for today."""
        if not len(self._merged):
            return profiles
        places = np.minimum(np.searchsorted(self._merged, profiles), len(self._merged) - 1)
        return np.where(self._merged[places] == profiles, self._into[places], profiles)
