"""The compiled calls about keys: which are the first with theirs, which are stored, and words in order.

Every function lets go of the interpreter's lock. They are there if ``is_built`` says so; without them
`eventkeep.events` does the same with numpy.
"""

from __future__ import annotations

import ctypes
import secrets
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from eventkeep.native.library import address, call, calls_of

Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Keys = tuple[Words, Words]
"""The upper and the lower halves of keys (each of shape [n])."""

SLOTS_PER_KEY: Final = 2
SLOTS_PER_ASKED_KEY: Final = 16
"""So many that most stored keys, which are far more, lead to a free one."""
_MULTIPLIER: Final = secrets.randbits(64) | 1
_PLACED_BYTES: Final = 16


class _Keys(ctypes.Structure):
    _fields_ = (("ids", ctypes.c_void_p), ("lows", ctypes.c_void_p), ("count", ctypes.c_size_t))


class _Table(ctypes.Structure):
    _fields_ = (("multiplier", ctypes.c_uint64), ("slots", ctypes.c_void_p), ("bits", ctypes.c_uint32))


@cache
def _calls() -> dict[str, Any] | None:
    """The calls by their names, None if the library was not built or lacks them."""
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    return calls_of(
        {
            "first_keys": ((pointer,) * 4, None),
            "find_keys": ((pointer,) * 4, None),
            "sort_words": ((pointer, size, pointer, pointer), None),
        }
    )


def is_built() -> bool:
    """Whether the calls are there."""
    return _calls() is not None


def first_keys(keys: Keys, earlier: Keys) -> Flags:
    """Whether each key is neither among the ``earlier`` ones nor equal to one before it (shape [n])."""
    first = np.empty(len(keys[0]), dtype=np.bool_)
    keys, earlier = contiguous(keys), contiguous(earlier)
    slots = _slots(SLOTS_PER_KEY * (len(keys[0]) + len(earlier[0])))
    own, others, table = _keys(keys), _keys(earlier), _table(slots)
    call(_calls(), "first_keys")(ctypes.byref(own), ctypes.byref(others), ctypes.byref(table), address(first))
    return first


def find_keys(stored: Keys, asked: Keys) -> Flags:
    """Whether each of the ``asked`` keys is among the ``stored`` ones (shape [asked])."""
    found = np.zeros(len(asked[0]), dtype=np.bool_)
    stored, asked = contiguous(stored), contiguous(asked)
    slots = _slots(SLOTS_PER_ASKED_KEY * len(asked[0]))
    own, others, table = _keys(stored), _keys(asked), _table(slots)
    call(_calls(), "find_keys")(ctypes.byref(own), ctypes.byref(others), ctypes.byref(table), address(found))
    return found


def sort_words(words: Words) -> npt.NDArray[np.int64]:
    """The places of the words in ascending order (shape [n]); those of equal words ascend."""
    words = np.ascontiguousarray(words)
    order = np.empty(len(words), dtype=np.int64)
    room = np.empty(2 * len(words) * _PLACED_BYTES, dtype=np.uint8)
    call(_calls(), "sort_words")(address(words), len(words), address(room), address(order))
    return order


def contiguous(keys: Keys) -> Keys:
    return np.ascontiguousarray(keys[0]), np.ascontiguousarray(keys[1])


def _slots(least: int) -> npt.NDArray[np.uint32]:
    """At least so many free slots."""
    return np.zeros(1 << max(1, least.bit_length()), dtype=np.uint32)


def _keys(keys: Keys) -> _Keys:
    ids, lows = keys
    return _Keys(address(ids), address(lows), len(ids))


def _table(slots: npt.NDArray[np.uint32]) -> _Table:
    return _Table(_MULTIPLIER, address(slots), len(slots).bit_length() - 1)
