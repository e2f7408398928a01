"""A blocked Bloom filter over the keys of all stored events: "certainly new" or "perhaps known".

A key is the upper half of an event's 128-bit key, which is as good as random. It chooses a block of four words and
sets three bits in each of them. The filter grows by layers, each for as many keys as were added before, so that
nothing stored has to be read again while the server runs.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import numpy.typing as npt

from eventkeep.events.format import FILTER_MAGIC, FORMAT_VERSION, sealed, unsealed
from eventkeep.model.event_columns import Flags, Keys
from eventkeep.native import store_pieces
from eventkeep.native.library import address

BITS_PER_KEY: Final = 16
"""Bits of memory for each key in a full layer; one in 570 new keys looks known then."""
BITS_PER_KEY_AT_START: Final = 20
"""Bits of memory for each key in the layer that a start makes, which leaves room for a quarter more."""
BLOCK_WORDS: Final = 4
BLOCK_BITS: Final = BLOCK_WORDS * 64
LINE_WORDS: Final = 8
"""Words that a processor's cache takes in at once."""
KEYS_MIN: Final = 1 << 17
"""Keys that the smallest layer is made for."""
ADDED_AT_ONCE: Final = 4_096

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)
_BITS: Final = np.uint64(1) << np.arange(64, dtype=np.uint64)
_FIXED: Final = struct.Struct("<8sIIQQQ")
_LAYER: Final = struct.Struct("<QQ")


class Layer:
    """An array of blocks, and the number of keys that were added to it."""

    def __init__(self, blocks: int, count: int = 0) -> None:
        spare = np.zeros(blocks * BLOCK_WORDS + LINE_WORDS, dtype=np.uint64)
        # No block lies in two lines of the processor's cache.
        start = -address(spare) % (LINE_WORDS * 8) // 8
        self.words: npt.NDArray[np.uint64] = spare[start : start + blocks * BLOCK_WORDS].reshape(blocks, BLOCK_WORDS)
        self.count = count

    @property
    def capacity(self) -> int:
        """Keys up to which the layer tells new keys well enough."""
        return len(self.words) * BLOCK_BITS // BITS_PER_KEY

    def add(self, keys: Keys) -> None:
        self.count += len(keys)
        keys = np.ascontiguousarray(keys)
        if store_pieces.is_built():
            store_pieces.bloom_add(self.words, keys)
            return
        for start in range(0, len(keys), ADDED_AT_ONCE):
            some = keys[start : start + ADDED_AT_ONCE]
            blocks = self._blocks(some)
            for word, masks in enumerate(word_masks(some)):
                np.bitwise_or.at(self.words[:, word], blocks, masks)

    def find(self, keys: Keys) -> Flags:
        """Whether each key was perhaps added (shape [n])."""
        keys = np.ascontiguousarray(keys)
        if store_pieces.is_built():
            return store_pieces.bloom_find(self.words, keys)
        blocks = self._blocks(keys)
        found = np.ones(len(keys), dtype=np.bool_)
        for word, masks in enumerate(word_masks(keys)):
            found &= (self.words[blocks, word] & masks) == masks
        return found

    def _blocks(self, keys: Keys) -> npt.NDArray[np.intp]:
        # The upper half of the product with the number of blocks, which has at most 32 bits.
        blocks = np.uint64(len(self.words))
        low = (keys & _LOW) * blocks >> _HALF
        return (((keys >> _HALF) * blocks + low) >> _HALF).astype(np.intp)


def word_masks(keys: Keys) -> list[Keys]:
    """The bits that each key sets in each word of its block: three, fewer if two of them coincide."""
    mixed = keys * _MIX
    mixed ^= mixed >> _HALF
    masks = []
    for word in range(BLOCK_WORDS):
        bits = mixed >> _HALF if word & 1 else mixed
        bits = bits >> np.uint64(14 if word & 2 else 0)
        places = [((bits >> np.uint64(shift)) & np.uint64(63)).astype(np.intp) for shift in (0, 6, 12)]
        masks.append(_BITS[places[0]] | _BITS[places[1]] | _BITS[places[2]])
    return masks


class KeyFilter:
    """Tells certainly new keys from perhaps known ones. One thread at a time may add."""

    def __init__(self, expected_keys: int = 0) -> None:
        bits = max(KEYS_MIN * BITS_PER_KEY, expected_keys * BITS_PER_KEY_AT_START)
        self._layers: tuple[Layer, ...] = (Layer(-(-bits // BLOCK_BITS)),)

    def add(self, keys: Keys) -> None:
        """Remember ``keys`` (shape [n])."""
        newest = self._layers[-1]
        if newest.count and newest.count + len(keys) > newest.capacity:
            total = self.count + len(keys)
            newest = Layer(-(-total * BITS_PER_KEY // BLOCK_BITS))
            newest.add(keys)
            self._layers = (*self._layers, newest)
        else:
            newest.add(keys)

    def perhaps_known(self, keys: Keys) -> Flags:
        """For each of ``keys`` (shape [n]): False if it was certainly never added."""
        found = self._layers[0].find(keys)
        for layer in self._layers[1:]:
            found |= layer.find(keys)
        return found

    @property
    def memory_bytes(self) -> int:
        return sum(layer.words.nbytes for layer in self._layers)

    @property
    def count(self) -> int:
        """Keys added so far."""
        return sum(layer.count for layer in self._layers)

    def encode(self, store: int, position: int) -> bytes:
        """The filter as a file's content: that of a store, with all keys up to a position of the log."""
        parts = [_FIXED.pack(FILTER_MAGIC, FORMAT_VERSION, len(self._layers), store, position, 0)]
        for layer in self._layers:
            parts += [_LAYER.pack(len(layer.words), layer.count), layer.words.tobytes()]
        return sealed(b"".join(parts))

    @classmethod
    def decode(cls, content: bytes, store: int, position: int) -> KeyFilter | None:
        """The filter out of a file; None if it is damaged, of another store, or does not stand for ``position``."""
        body = unsealed(content)
        if body is None or len(body) < _FIXED.size:
            return None
        magic, version, layers, *own = _FIXED.unpack_from(body)
        if (magic, version, own) != (FILTER_MAGIC, FORMAT_VERSION, [store, position, 0]):
            return None
        found, place = cls(), _FIXED.size
        read: list[Layer] = []
        for _ in range(layers):
            blocks, count = _LAYER.unpack_from(body, place)
            place += _LAYER.size
            layer = Layer(blocks, count)
            words = np.frombuffer(body, dtype="<u8", count=blocks * BLOCK_WORDS, offset=place)
            layer.words[:] = words.reshape(blocks, BLOCK_WORDS)
            place += words.nbytes
            read.append(layer)
        found._layers = tuple(read)
        return found
