"""Document files: blocks of documents, and a table with the place of each block."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.errors import EventStoreError
from eventkeep.events import blocks
from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.file_writer import FileWriter
from eventkeep.events.format import (
    DOCUMENTS_MAGIC,
    DOCUMENTS_SUFFIX,
    HEAD_BYTES,
    RESTORE,
    TRAILER_BYTES,
    FileName,
    Head,
    checksum,
    decode_head,
    decode_trailer,
)
from eventkeep.events.pieces import Sizes, Words, checksums_of, read_pieces
from eventkeep.events.rows import runs
from eventkeep.events.texts import CutTexts, DocumentTexts
from eventkeep.files import Files
from eventkeep.limits import PACKED_AT_ONCE_BYTES, PACKED_AT_ONCE_EVENTS
from eventkeep.native import store_pieces

NUMBER_BITS: Final = 4
"""Bits of a document's slot that are its number in the block; the others are the block's."""
TABLE_PIECE: Final = 256
"""Entries of a block table that have a checksum together."""
_ENTRY: Final = np.dtype([("offset", "<u8"), ("checksum", "<u8"), ("size", "<u4"), ("raw_size", "<u4")])
_NO_BLOCKS: Final = np.empty(0, dtype=_ENTRY)
_DIRECTORY: Final = struct.Struct("<QQQ")

Slots = npt.NDArray[np.uint32]


class DocumentFileEntry(msgspec.Struct, frozen=True):
    """A document file in the manifest: its size in bytes, its directory's checksum, its documents."""

    number: int
    size: int
    checksum: int
    documents: int


class DocumentFile:
    """A document file for reading. Its directory and table are read and verified when the first document is."""

    def __init__(self, opened: OpenFiles, folder: Path, store: int, entry: DocumentFileEntry) -> None:
        self.entry, self._opened, self._store = entry, opened, store
        self.path = folder / str(FileName(entry.number, DOCUMENTS_SUFFIX))

    def table(self) -> npt.NDArray[Any]:
        """The entries of the blocks (shape [blocks])."""
        return self._opened.table(self.path, self._read_table)

    def _read_table(self) -> npt.NDArray[Any]:
        entry, path = self.entry, self.path
        with self._opened.borrowed([path]) as (file,):
            try:
                directory = read_directory(self._opened.files, file, path, DOCUMENTS_MAGIC, entry.size, entry.checksum)
                head = decode_head(self._opened.files.read(file, HEAD_BYTES, 0), DOCUMENTS_MAGIC, path)
            except OSError as exc:
                raise EventStoreError(f"{path} can't be read: {exc.strerror}") from exc
        check_head(head, self._store, entry.number, path)
        count, offset, _ = _DIRECTORY.unpack_from(directory)
        checksums = np.frombuffer(directory, dtype="<u8", offset=_DIRECTORY.size).astype(np.uint64)
        firsts = np.arange(0, count, TABLE_PIECE)
        offsets = (offset + firsts * _ENTRY.itemsize).astype(np.uint64)
        sizes = (np.minimum(TABLE_PIECE, count - firsts) * _ENTRY.itemsize).astype(np.uint32)
        return read_pieces(self._opened, [path], None, offsets, sizes, checksums).view(_ENTRY)


def read_directory(files: Files, file: int, path: Path, magic: bytes, size: int, expected: int) -> bytes:
    """The directory of a file, verified by its trailer and the manifest. Raises EventStoreError if they don't agree."""
    if files.size(file) != size:
        raise EventStoreError(f"{path}: expected {size} bytes, found {files.size(file)}; {RESTORE}")
    trailer = files.read(file, TRAILER_BYTES, max(0, size - TRAILER_BYTES))
    directory_bytes, directory_checksum = decode_trailer(trailer, magic, path)
    directory = files.read(file, directory_bytes, max(0, size - TRAILER_BYTES - directory_bytes))
    if directory_checksum != expected or checksum(directory) != expected:
        raise EventStoreError(f"{path} is damaged or not the file that the manifest lists; {RESTORE}")
    return directory


def check_head(head: Head, store: int, number: int, path: Path) -> None:
    """Raises EventStoreError if the head is not of this store's file with this number."""
    if head.store != store or head.number != number:
        raise EventStoreError(f"{path} is file {head.number} of store {head.store:016x}, not of this one; {RESTORE}")


class Located(msgspec.Struct, frozen=True):
    """Documents of several files whose blocks are known: their places and sizes.

    ``file_of``, ``offsets``, ``sizes``, ``checksums`` and ``raw_sizes`` describe blocks (shape [blocks]);
    ``block_of`` and ``number_of`` the documents (shape [n]).
    """

    paths: list[Path]
    file_of: npt.NDArray[np.int32]
    offsets: Words
    sizes: Sizes
    checksums: Words
    raw_sizes: Words
    block_of: Sizes
    number_of: npt.NDArray[np.uint8]


def locate(document_files: Sequence[DocumentFile], file_of: npt.NDArray[Any], slots: Slots) -> Located:
    """Find the blocks of documents, which are given by the place of their file in ``document_files`` and their slot.

    ``file_of`` and ``slots`` are of shape [n]; the blocks come in the order of their files and places, each once.
    Raises EventStoreError with the file of the first document whose block the file does not have, or if a table can't
    be read.
    """
    if not store_pieces.is_built():
        return locate_in_python(document_files, file_of, slots)
    tables = _tables_of(document_files, file_of)
    found = store_pieces.locate(tables, file_of, slots, NUMBER_BITS)
    if isinstance(found, int):
        raise too_few_blocks(document_files[found].path, len(tables[found]))
    return Located([document_file.path for document_file in document_files], *found)


def _tables_of(document_files: Sequence[DocumentFile], file_of: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """The table of each file; an empty one for those that no document is in, whose tables are not read."""
    is_used = np.bincount(file_of, minlength=len(document_files)).tolist()
    return [
        document_file.table() if used else _NO_BLOCKS
        for document_file, used in zip(document_files, is_used, strict=True)
    ]


def too_few_blocks(path: Path, count: int) -> EventStoreError:
    return EventStoreError(f"{path} has {count} blocks, and a segment names one past them; {RESTORE}")


def locate_in_python(document_files: Sequence[DocumentFile], file_of: npt.NDArray[Any], slots: Slots) -> Located:
    """The same without the compiled library."""
    tables, wanted = _tables_of(document_files, file_of), slots >> np.uint32(NUMBER_BITS)
    counts = np.array([len(table) for table in tables], dtype=np.int64)
    past = np.flatnonzero(wanted >= counts[file_of])
    if len(past):
        place = int(file_of[past[0]])
        raise too_few_blocks(document_files[place].path, len(tables[place]))
    distinct, block_of = np.unique(file_of.astype(np.int64) << 32 | wanted.astype(np.int64), return_inverse=True)
    block_file, block = (distinct >> 32).astype(np.int32), distinct & 0xFFFFFFFF
    entries = np.empty(len(distinct), dtype=_ENTRY)
    # The blocks of a file are one run.
    places, _ = runs(block_file)
    starts = [*np.searchsorted(block_file, places).tolist(), len(distinct)]
    for place, (start, end) in zip(places.tolist(), pairwise(starts), strict=True):
        entries[start:end] = tables[place][block[start:end]]
    return Located(
        paths=[document_file.path for document_file in document_files],
        file_of=block_file,
        offsets=np.ascontiguousarray(entries["offset"]),
        sizes=np.ascontiguousarray(entries["size"]),
        checksums=np.ascontiguousarray(entries["checksum"]),
        raw_sizes=entries["raw_size"].astype(np.uint64),
        block_of=block_of.astype(np.uint32),
        number_of=(slots & np.uint32((1 << NUMBER_BITS) - 1)).astype(np.uint8),
    )


def read_documents(opened: OpenFiles, located: Located) -> CutTexts:
    """Read, verify, decompress and cut documents. Raises EventStoreError for a block that is damaged."""
    content = read_pieces(opened, located.paths, located.file_of, located.offsets, located.sizes, located.checksums)
    raw = blocks.decompress(content, located.sizes, located.raw_sizes)
    if raw is not None:
        addresses, kept = raw
        texts = blocks.cut(addresses, located.raw_sizes, kept, located.block_of, located.number_of)
        if texts is not None:
            return texts
    names = ", ".join(sorted({located.paths[place].name for place in located.file_of.tolist()}))
    raise EventStoreError(f"{names}: a block does not hold the documents that a segment names; {RESTORE}")


class DocumentWriter:
    """Writes one document file. Every method raises OSError if an operation of the system fails."""

    def __init__(self, files: Files, folder: Path, head: Head) -> None:
        name = FileName(head.number, DOCUMENTS_SUFFIX)
        self.number, self._writer = head.number, FileWriter(files, folder, name, head)
        self.path = self._writer.path
        self._documents = self._blocks = 0
        self._table: list[npt.NDArray[Any]] = []
        self.sum = 0
        """The sum modulo 2^64 of the hashes of the documents, each with its event's id."""

    def add(self, texts: DocumentTexts, ids: Words, breaks: npt.NDArray[Any]) -> Slots:
        """Write documents with the ids of their events (shape [n]); returns their slots (shape [n]).

        A block begins at each of ``breaks``, which are ascending places of documents with 0 first.
        """
        slots = np.empty(len(texts), dtype=np.uint32)
        self.sum = (self.sum + texts.sum_with(ids)) & 0xFFFFFFFFFFFFFFFF
        starts = blocks.block_starts(texts.sizes(), breaks)
        totals = np.concatenate([[0], np.cumsum(texts.sizes())])[starts]
        first = 0
        while first < len(starts) - 1:
            # A slice at a time, because the work under the interpreter's lock is in proportion to it.
            end = int(np.searchsorted(totals, totals[first] + PACKED_AT_ONCE_BYTES, side="right")) - 1
            end = min(max(end, first + 1), first + PACKED_AT_ONCE_EVENTS // blocks.BLOCK_DOCUMENTS_MAX, len(starts) - 1)
            self._write_blocks(texts, starts[first : end + 1], slots)
            first = end
        self._documents += len(texts)
        return slots

    def _write_blocks(self, texts: DocumentTexts, starts: Sizes, slots: Slots) -> None:
        begin, end = int(starts[0]), int(starts[-1])
        counts = np.diff(starts)
        raw, raw_sizes = blocks.pack(texts.take(slice(begin, end)), starts - starts[0])
        content, sizes = blocks.compress(raw, raw_sizes)
        offset = self._writer.write([content])
        entries = np.empty(len(sizes), dtype=_ENTRY)
        entries["offset"] = offset + np.cumsum(sizes, dtype=np.uint64) - sizes
        entries["checksum"] = checksums_of(np.frombuffer(content, dtype=np.uint8), sizes)
        entries["size"], entries["raw_size"] = sizes, raw_sizes
        self._table.append(entries)
        block_of = np.repeat(np.arange(self._blocks, self._blocks + len(counts), dtype=np.uint32), counts)
        number_of = np.arange(begin, end, dtype=np.uint32) - np.repeat(starts[:-1], counts)
        slots[begin:end] = block_of << np.uint32(NUMBER_BITS) | number_of
        self._blocks += len(counts)

    def finish(self) -> DocumentFileEntry:
        """Write the table, sync, and give the file its name, which is durable after the folder is synced."""
        table = np.concatenate(self._table) if self._table else np.empty(0, dtype=_ENTRY)
        offset = self._writer.write([table.tobytes()]) if len(table) else self._writer.size
        sizes = np.diff(np.append(np.arange(0, len(table), TABLE_PIECE), len(table))) * _ENTRY.itemsize
        checksums = checksums_of(table, sizes.astype(np.uint32)) if len(table) else np.empty(0, dtype=np.uint64)
        directory = _DIRECTORY.pack(self._blocks, offset, self._documents) + checksums.astype("<u8").tobytes()
        directory_checksum = self._writer.finish(directory)
        return DocumentFileEntry(self.number, self._writer.size, directory_checksum, self._documents)

    def abandon(self) -> None:
        self._writer.abandon()
