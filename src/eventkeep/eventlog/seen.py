"""Which events were seen: a register-blocked Bloom filter over the keys of all stored events.

One 64-bit word holds all the bits of a key, so that asking is one gather. A key is
the upper half of an event's 128-bit key, which is as good as random: its top bits
choose the word, its lowest 24 bits choose four bits in it. With 27 bits of memory a
key about 0.14 % of new keys look seen; these are looked up exactly in the log.

The filter grows by layers, each four times the last, so that nothing stored has to be
read again while the server runs; a start builds one layer of the right size.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]

BITS_PER_KEY: Final = 27
"""Bits of memory for each key, when a layer is full."""
WORDS_POWER_MIN: Final = 18
"""The smallest layer has two to this power 64-bit words: 2 MiB."""
LAYER_GROWTH_POWER: Final = 2
"""Each layer has two to this power times the words of the one before."""


class Layer:
    """One array of words and the number of keys it was made for."""

    def __init__(self, words_power: int) -> None:
        self.words_power = words_power
        self.words: Keys = np.zeros(1 << words_power, dtype=np.uint64)
        self.capacity = (64 << words_power) // BITS_PER_KEY
        self.count = 0

    def add(self, keys: Keys) -> None:
        places, masks = self._places(keys), key_masks(keys)
        # Two keys of one call may share a word, and an assignment keeps only one of
        # them: what did not get its bits goes again, which ends after a few rounds.
        while len(places):
            self.words[places] |= masks
            lost = (self.words[places] & masks) != masks
            places, masks = places[lost], masks[lost]
        self.count += len(keys)

    def holds(self, keys: Keys, masks: Keys) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = (self.words[self._places(keys)] & masks) == masks
        return found

    def _places(self, keys: Keys) -> Keys:
        return keys >> np.uint64(64 - self.words_power)


class SeenFilter:
    """Answers "certainly new" or "perhaps seen" for arrays of 64-bit keys.

    One thread at a time may call ``add``; the committer is that thread.
    """

    def __init__(self, expected_keys: int = 0) -> None:
        words = max(1, expected_keys * 2 * BITS_PER_KEY // 64)
        self._layers = [Layer(max(WORDS_POWER_MIN, (words - 1).bit_length()))]

    def add(self, keys: Keys) -> None:
        """Remember ``keys`` (shape [n])."""
        newest = self._layers[-1]
        if newest.count and newest.count + len(keys) > newest.capacity:
            newest = Layer(newest.words_power + LAYER_GROWTH_POWER)
            self._layers.append(newest)
        newest.add(keys)

    def perhaps_seen(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """For each of ``keys`` (shape [n]): False if it was certainly never added (shape [n])."""
        masks = key_masks(keys)
        answer = self._layers[0].holds(keys, masks)
        for layer in self._layers[1:]:
            answer |= layer.holds(keys, masks)
        return answer

    @property
    def memory_bytes(self) -> int:
        return sum(layer.words.nbytes for layer in self._layers)

    @property
    def count(self) -> int:
        """Keys added so far."""
        return sum(layer.count for layer in self._layers)


_BITS: Final = np.uint64(1) << np.arange(64, dtype=np.uint64)
_BIT_PAIRS: Final[Keys] = (_BITS[:, None] | _BITS).reshape(-1)
"""The word with two bits set, for each twelve bits that choose them."""
_TWELVE: Final = np.uint64(12)
_TWELVE_BITS: Final = np.uint64(0xFFF)


def key_masks(keys: Keys) -> Keys:
    """The word with four bits set for each key; fewer where two of them coincide."""
    low, high = keys & _TWELVE_BITS, (keys >> _TWELVE) & _TWELVE_BITS
    return _BIT_PAIRS[low.astype(np.intp)] | _BIT_PAIRS[high.astype(np.intp)]
