"""Rows that a read found in several parts, with their columns, and the documents behind them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from eventkeep.events import blocks
from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.documents import DocumentFile, locate, read_documents
from eventkeep.events.memory_segment import MemorySegment
from eventkeep.events.rows import Chunk, Rows, currency_text
from eventkeep.events.segment import Segment
from eventkeep.events.texts import CutTexts, DocumentTexts
from eventkeep.limits import DOCUMENTS_AT_ONCE_BYTES
from eventkeep.model.event_columns import TextColumn
from eventkeep.native import store_pieces

PAGE_COLUMNS: Final = ("time", "id", "profile", "metric", "value", "currency")
AnyPart = Segment | MemorySegment

text_of_currency = lru_cache(maxsize=1_000)(currency_text)


class Found:
    """Rows of several parts, with their columns: ``part`` has each row's place in the parts."""

    __slots__ = ("columns",)

    def __init__(self, columns: Chunk) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns["id"])

    def take(self, places: npt.NDArray[Any] | slice) -> Found:
        return Found({name: column[places] for name, column in self.columns.items()})


def columns_of(part: AnyPart, place: int, rows: Rows | slice) -> Chunk:
    """The columns of a page for rows of the part at ``place``, with the places of their documents."""
    names = (*PAGE_COLUMNS, "file", "slot") if isinstance(part, Segment) else PAGE_COLUMNS
    columns = part.columns(rows, names)
    count = len(columns["id"])
    if isinstance(part, MemorySegment):
        columns["file"] = columns["slot"] = np.zeros(count, dtype=np.uint32)
    columns["part"] = np.full(count, place, dtype=np.int64)
    columns["row"] = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
    return columns


def files_of(parts: Sequence[AnyPart], found: Found) -> tuple[list[DocumentFile], npt.NDArray[np.uint32]]:
    """The document files of rows on disk, and each row's place in them."""
    if store_pieces.is_built():
        file_of, distinct = store_pieces.number_files(found.columns["part"], found.columns["file"])
    else:
        wanted = found.columns["part"].astype(np.uint64) << np.uint64(32) | found.columns["file"].astype(np.uint64)
        distinct, places = np.unique(wanted, return_inverse=True)
        file_of = places.astype(np.uint32)
    document_files: list[DocumentFile] = []
    for number in distinct.tolist():
        part = parts[number >> 32]
        assert isinstance(part, Segment)
        document_files.append(part.document_files[number & 0xFFFFFFFF])
    return document_files, file_of


def texts_of(parts: Sequence[AnyPart], found: Found, opened: OpenFiles) -> tuple[TextColumn, TextColumn] | None:
    """The unique ids and the properties of rows; None if they have too many bytes for more than one event."""
    part_of = found.columns["part"]
    is_stored = np.array([isinstance(part, Segment) for part in parts])[part_of]
    if is_stored.all():
        document_files, files = files_of(parts, found)
        located = locate(document_files, files, found.columns["slot"])
        if int(located.raw_sizes.sum()) > DOCUMENTS_AT_ONCE_BYTES and len(found) > 1:
            return None
        cut = read_documents(opened, located)
        return cut.unique_ids, cut.properties
    texts = DocumentTexts.empty(len(found))
    for place in set(part_of[~is_stored].tolist()):
        part = parts[place]
        assert isinstance(part, MemorySegment)
        own = np.flatnonzero(part_of == place)
        texts.put(own, part.texts.take(found.columns["row"][own]))
    if int(texts.sizes().sum()) > DOCUMENTS_AT_ONCE_BYTES and len(found) > 1:
        return None
    stored = np.flatnonzero(is_stored)
    if len(stored):
        both = texts_of(parts, found.take(stored), opened)
        if both is None:
            return None
        texts.put(stored, CutTexts(*both).texts())
    every = blocks.joined(texts)
    return every.unique_ids, every.properties
