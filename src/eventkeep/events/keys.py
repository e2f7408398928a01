"""Keys of events side by side: which are the first with theirs, which are stored; and rows in their order."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from eventkeep.model.event_columns import Flags, Keys
from eventkeep.native import keys as native_keys

Halves = tuple[Keys, Keys]
"""The upper and the lower halves of keys (each of shape [n])."""

TIES_MAX: Final = 1_000
"""Equal neighbours that are put in order one by one."""
_HALF: Final = np.uint64(32)


def first_keys(keys: Halves, earlier: Halves) -> Flags:
    """Whether each key is neither among the ``earlier`` ones nor equal to one before it (shape [n])."""
    if native_keys.is_built():
        return native_keys.first_keys(keys, earlier)
    seen = set(_pairs(earlier))
    flags = np.zeros(len(keys[0]), dtype=np.bool_)
    for place, key in enumerate(_pairs(keys)):
        flags[place] = key not in seen
        seen.add(key)
    return flags


def find_keys(stored: Halves, asked: Halves) -> Flags:
    """Whether each of the ``asked`` keys is among the ``stored`` ones (shape [asked])."""
    if native_keys.is_built():
        return native_keys.find_keys(stored, asked)
    places = np.flatnonzero(np.isin(stored[0], asked[0]))
    known = set(_pairs((stored[0][places], stored[1][places])))
    return np.array([key in known for key in _pairs(asked)], dtype=np.bool_)


def sorted_words(words: Keys) -> npt.NDArray[np.int64]:
    """The places of the words in ascending order (shape [n]); those of equal words ascend."""
    if native_keys.is_built():
        return native_keys.sort_words(words)
    return np.argsort(words, kind="stable").astype(np.int64)


def sorted_rows(accounts: npt.NDArray[np.uint32], times: npt.NDArray[np.int64], keys: Halves) -> npt.NDArray[np.int64]:
    """The places of events in the order of account, time and key (shape [n])."""
    ids, lows = keys
    oldest = int(times.min()) if len(times) else 0
    since = (times - oldest).astype(np.uint64)
    order = None
    if len(times) and int(since.max()) < 1 << 32:
        words = since << _HALF | ids >> _HALF
        order = _with_ties(sorted_words(words), words, ids, lows)
    if order is None:
        return np.lexsort((lows, ids, times, accounts)).astype(np.int64)
    if (accounts != accounts[0]).any():
        order = order[sorted_words(accounts[order].astype(np.uint64))]
    return order


def _with_ties(order: npt.NDArray[np.int64], words: Keys, ids: Keys, lows: Keys) -> npt.NDArray[np.int64] | None:
    """The same order, with equal words in the order of their keys; None if there are too many of them."""
    in_order = words[order]
    ties = np.flatnonzero(in_order[1:] == in_order[:-1]).tolist()
    if len(ties) > TIES_MAX:
        return None
    while ties:
        first = end = ties.pop()
        while ties and ties[-1] == first - 1:
            first = ties.pop()
        run = order[first : end + 2]
        order[first : end + 2] = run[np.lexsort((lows[run], ids[run]))]
    return order


def _pairs(keys: Halves) -> list[tuple[Any, Any]]:
    return list(zip(keys[0].tolist(), keys[1].tolist(), strict=True))
