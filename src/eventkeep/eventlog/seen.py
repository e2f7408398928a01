"""Which events were seen: a blocked Bloom filter over the keys of all stored events.

A key is the upper half of an event's 128-bit key, which is as good as random. Its top
bits choose a place, and it sets four bits in each of the four 64-bit words there. A new
key is nearly always told by the first word, so that asking is one gather; what passes
is asked for in the others. With 32 bits of memory a key about one new key in 15,000
looks seen; these are looked up exactly in the log.

The filter grows by layers, each four times the last, so that nothing stored has to be
read again while the server runs; a start builds one layer of the right size.

Keys are added and asked for in C where it is built, in a sixth of the time, and else by numpy.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from eventkeep.native.native_bloom import NativeBloom

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]

BITS_PER_KEY: Final = 32
"""Bits of memory for each key, when a layer is full."""
WORD_BITS: Final = 64
WORD_BYTES: Final = WORD_BITS // 8
LINE_BYTES: Final = 64
"""Bytes that a processor's cache takes in at once."""
PLACE_WORDS: Final = 4
"""Words at each place."""
PLACES_POWER_MIN: Final = 16
"""The smallest layer has two to this power places: 2 MiB."""
ADDED_AT_ONCE: Final = 4_096
"""Keys whose masks are made together: few enough for the processor's cache, and no other thread waits long."""
LAYER_GROWTH_POWER: Final = 2
"""Each layer has two to this power times the places of the one before."""


class Layer:
    """An array of places, four words each, and the number of keys it was made for."""

    def __init__(self, places_power: int) -> None:
        self.places_power = places_power
        self.words = aligned_places(1 << places_power)
        self.capacity = PLACE_WORDS * (WORD_BITS << places_power) // BITS_PER_KEY
        self.count = 0
        self._compiled = NativeBloom.of(self.words, places_power, MIX)

    def add(self, keys: Keys) -> None:
        self.count += len(keys)
        if self._compiled is not None:
            self._compiled.add(keys)
            return
        for start in range(0, len(keys), ADDED_AT_ONCE):
            some = keys[start : start + ADDED_AT_ONCE]
            places = self._places(some)
            for word in range(PLACE_WORDS):
                set_bits(self.words[:, word], places, key_masks(some, word))

    def holds(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Whether each key was perhaps added (shape [n])."""
        if self._compiled is not None:
            return self._compiled.find(keys)
        places = self._places(keys)
        first_masks = key_masks(keys, 0)
        found: npt.NDArray[np.bool_] = (self.words[places, 0] & first_masks) == first_masks
        for word in range(1, PLACE_WORDS):
            # Few are left to be asked for in the other words.
            perhaps = np.flatnonzero(found)
            if not len(perhaps):
                break
            masks = key_masks(keys[perhaps], word)
            found[perhaps] = (self.words[places[perhaps], word] & masks) == masks
        return found

    def _places(self, keys: Keys) -> Places:
        return (keys >> np.uint64(WORD_BITS - self.places_power)).astype(np.intp)


def aligned_places(count: int) -> Keys:
    """Places of zeros (shape [count, PLACE_WORDS]), none of which lies in two lines of the processor's cache."""
    words = np.zeros(count * PLACE_WORDS + LINE_BYTES // WORD_BYTES, dtype=np.uint64)
    start = -words.ctypes.data % LINE_BYTES // WORD_BYTES
    return words[start : start + count * PLACE_WORDS].reshape(count, PLACE_WORDS)


def set_bits(words: Keys, places: Places, masks: Keys) -> None:
    """Set the bits of each mask in the word at its place."""
    # Two keys of one call may share a word, and an assignment keeps only one of
    # them: what did not get its bits goes again, which ends after a few rounds.
    while len(places):
        words[places] |= masks
        lost = (words[places] & masks) != masks
        places, masks = places[lost], masks[lost]


class SeenFilter:
    """Answers "certainly new" or "perhaps seen" for arrays of 64-bit keys.

    One thread at a time may call ``add``; the committer is that thread.
    """

    def __init__(self, expected_keys: int = 0) -> None:
        places = max(1, expected_keys * 2 * BITS_PER_KEY // (PLACE_WORDS * WORD_BITS))
        self._layers = [Layer(max(PLACES_POWER_MIN, (places - 1).bit_length()))]

    def add(self, keys: Keys) -> None:
        """Remember ``keys`` (shape [n])."""
        newest = self._layers[-1]
        if newest.count and newest.count + len(keys) > newest.capacity:
            newest = Layer(newest.places_power + LAYER_GROWTH_POWER)
            self._layers.append(newest)
        newest.add(keys)

    def perhaps_seen(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """For each of ``keys`` (shape [n]): False if it was certainly never added (shape [n])."""
        answer = self._layers[0].holds(keys)
        for layer in self._layers[1:]:
            answer |= layer.holds(keys)
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
_FORTY: Final = np.uint64(40)
_TWELVE_BITS: Final = np.uint64(0xFFF)


MIX: Final[Keys] = np.array(
    [1, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9],
    dtype=np.uint64,
)
"""For each word of a place an odd number: the upper bits of its products with the keys are the word's own."""


def key_masks(keys: Keys, word: int) -> Keys:
    """What each key sets in this word of its place: four bits, fewer where two of them coincide."""
    bits = (keys * MIX[word]) >> _FORTY if word else keys
    low, high = bits & _TWELVE_BITS, (bits >> _TWELVE) & _TWELVE_BITS
    return _BIT_PAIRS[low.astype(np.intp)] | _BIT_PAIRS[high.astype(np.intp)]
