"""The seen filter's places through the compiled calls: arrays in, arrays out."""

from __future__ import annotations

import ctypes
from typing import Final

import numpy as np
import numpy.typing as npt

from eventkeep.native.library import library

HOLDING_KEYS_MAX: Final = 1_000
"""Keys for which it takes less time to keep the interpreter's lock than to get it back."""

Words = npt.NDArray[np.uint64]


class _Layer(ctypes.Structure):
    _fields_ = (("places", ctypes.c_void_p), ("power", ctypes.c_uint32), ("mix", ctypes.c_void_p))


class NativeBloom:
    """Adds keys to ``places`` (shape [2 ** power, 4]), and asks for them.

    ``mix`` has an odd number for each word of a place (shape [4]). Both have to stay where they are.
    """

    def __init__(self, places: Words, power: int, mix: Words) -> None:
        if places.shape != (1 << power, len(mix)) or not places.flags.c_contiguous:
            raise ValueError(f"expected {1 << power} places of {len(mix)} words, got {places.shape}")
        self._kept = places, mix
        self._layer = ctypes.byref(_Layer(places.ctypes.data, power, mix.ctypes.data))

    @classmethod
    def of(cls, places: Words, power: int, mix: Words) -> NativeBloom | None:
        """None where the library is not built."""
        return None if library() is None else cls(places, power, mix)

    def add(self, keys: Words) -> None:
        """Set what each key sets (shape [n])."""
        keys = np.ascontiguousarray(keys)
        library(len(keys) <= HOLDING_KEYS_MAX).eventkeep_seen_add(self._layer, keys.ctypes.data, len(keys))

    def find(self, keys: Words) -> npt.NDArray[np.bool_]:
        """Whether each key was perhaps added (shape [n])."""
        keys = np.ascontiguousarray(keys)
        found = np.zeros(len(keys), dtype=np.bool_)
        library(len(keys) <= HOLDING_KEYS_MAX).eventkeep_seen_find(
            self._layer, keys.ctypes.data, len(keys), found.ctypes.data
        )
        return found
