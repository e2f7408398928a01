"""Documents in memory: the unique ids and the properties of events, by their addresses or end to end."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from eventkeep.events.format import checksum
from eventkeep.model.event_columns import EventColumns, TextColumn
from eventkeep.native import store_pieces
from eventkeep.native.library import address

Words = npt.NDArray[np.uint64]
Sizes = npt.NDArray[np.uint32]

_WORD: int = (1 << 64) - 1
_PRIME = 0x9E3779B185EBCA87


class DocumentTexts:
    """The texts of documents by address and size (each of shape [n]); ``kept`` holds the memory that they point into.

    Nothing is joined: a flush packs the texts of the commits from their own memory.
    """

    __slots__ = ("kept", "properties", "property_sizes", "unique_id_sizes", "unique_ids")

    def __init__(
        self, unique_ids: Words, unique_id_sizes: Sizes, properties: Words, property_sizes: Sizes, kept: Any
    ) -> None:
        self.unique_ids, self.unique_id_sizes = unique_ids, unique_id_sizes
        self.properties, self.property_sizes = properties, property_sizes
        self.kept = kept

    def __len__(self) -> int:
        return len(self.unique_ids)

    @classmethod
    def of_commits(cls, commits: Sequence[EventColumns]) -> DocumentTexts:
        """The documents of all commits, in their order."""
        parts = [(_addresses(events.texts["unique_id"]), _addresses(events.texts["properties"])) for events in commits]
        return cls(
            np.concatenate([unique_ids for unique_ids, _ in parts]),
            np.concatenate([events.texts["unique_id"].sizes for events in commits]),
            np.concatenate([properties for _, properties in parts]),
            np.concatenate([events.texts["properties"].sizes for events in commits]),
            tuple(commits),
        )

    @classmethod
    def empty(cls, count: int) -> DocumentTexts:
        """So many empty documents, to `put` others in their places."""
        words, sizes = np.zeros((2, count), dtype=np.uint64), np.zeros((2, count), dtype=np.uint32)
        return cls(words[0], sizes[0], words[1], sizes[1], ())

    def put(self, places: npt.NDArray[Any], others: DocumentTexts) -> None:
        """Have other documents at these places (shape [n])."""
        self.unique_ids[places], self.unique_id_sizes[places] = others.unique_ids, others.unique_id_sizes
        self.properties[places], self.property_sizes[places] = others.properties, others.property_sizes
        self.kept = (self.kept, others.kept)

    def take(self, places: npt.NDArray[Any] | slice) -> DocumentTexts:
        return DocumentTexts(
            self.unique_ids[places],
            self.unique_id_sizes[places],
            self.properties[places],
            self.property_sizes[places],
            self.kept,
        )

    def sizes(self) -> npt.NDArray[np.int64]:
        """Bytes of each document (shape [n])."""
        return self.unique_id_sizes.astype(np.int64) + self.property_sizes

    def unique_id_at(self, place: int) -> bytes:
        return ctypes.string_at(int(self.unique_ids[place]), int(self.unique_id_sizes[place]))

    def properties_at(self, place: int) -> bytes:
        return ctypes.string_at(int(self.properties[place]), int(self.property_sizes[place]))

    def sum_with(self, ids: Words) -> int:
        """The sum modulo 2^64 of the hashes of the documents, each with its event's id (shape [n])."""
        if store_pieces.is_built():
            return store_pieces.documents_sum(
                np.ascontiguousarray(self.unique_ids),
                np.ascontiguousarray(self.unique_id_sizes),
                np.ascontiguousarray(self.properties),
                np.ascontiguousarray(self.property_sizes),
                np.ascontiguousarray(ids),
            )
        total = 0
        for place, event_id in enumerate(ids.tolist()):
            word = checksum(self.unique_id_at(place)) * _PRIME + checksum(self.properties_at(place))
            total += _avalanche((word & _WORD) ^ event_id)
        return total & _WORD


class CutTexts:
    """Documents that were cut out of their blocks: texts end to end, and their sizes (each of shape [n])."""

    __slots__ = ("properties", "unique_ids")

    def __init__(self, unique_ids: TextColumn, properties: TextColumn) -> None:
        self.unique_ids, self.properties = unique_ids, properties

    def texts(self) -> DocumentTexts:
        return DocumentTexts(
            _addresses(self.unique_ids),
            self.unique_ids.sizes,
            _addresses(self.properties),
            self.properties.sizes,
            self,
        )


def _addresses(column: TextColumn) -> Words:
    """The address of each text of a column (shape [n])."""
    base = address(np.frombuffer(column.joined, dtype=np.uint8)) if column.joined else 0
    return (column.offsets()[:-1] + base).astype(np.uint64)


def _avalanche(word: int) -> int:
    word = (word ^ (word >> 33)) * 0xC2B2AE3D27D4EB4F & _WORD
    word = (word ^ (word >> 29)) * 0x165667B19E3779F9 & _WORD
    return word ^ (word >> 32)
