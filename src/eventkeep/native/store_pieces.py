"""The compiled calls of the event store: pieces of files in, verified bytes out; documents into blocks and out of them.

Every function lets go of the interpreter's lock. They are there if ``is_built`` says so; without them
`eventkeep.events` does the same in Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eventkeep.native.library import address, call, calls_of

Words = npt.NDArray[np.uint64]
Sizes = npt.NDArray[np.uint32]
Content = npt.NDArray[np.uint8]


class _Pieces(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("files", "offsets", "sizes", "checksums")),
        ("count", ctypes.c_size_t),
    )


class _Documents(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("unique_ids", "unique_id_sizes", "properties", "property_sizes")),
        ("count", ctypes.c_size_t),
    )


class _Cut(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("blocks", "block_sizes", "block_of", "number_of")),
        ("count", ctypes.c_size_t),
    )


class OrderStructure(ctypes.Structure):
    """An order of a segment: its place in the file, and the addresses of its checksums and fences."""

    _fields_ = (
        ("offset", ctypes.c_uint64),
        ("checksums", ctypes.c_void_p),
        ("fences", ctypes.c_void_p),
        *((name, kind) for name, kind in (("file", ctypes.c_int32), ("entries", ctypes.c_uint32))),
        ("width", ctypes.c_uint32),
    )


class _Tables(ctypes.Structure):
    _fields_ = (("entries", ctypes.c_void_p), ("counts", ctypes.c_void_p))


class _Blocks(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in ("files", "offsets", "checksums", "raw_sizes", "sizes"))


class _Search(ctypes.Structure):
    _fields_ = (
        ("start", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("numbers", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
        ("first_row", ctypes.c_uint32),
        ("end_row", ctypes.c_uint32),
    )


class _Rows(ctypes.Structure):
    _fields_ = (
        ("offset", ctypes.c_uint64),
        *((name, ctypes.c_void_p) for name in ("checksums", "rows", "widths")),
        ("count", ctypes.c_size_t),
        ("file", ctypes.c_int32),
        ("group_rows", ctypes.c_uint32),
        ("columns", ctypes.c_uint32),
    )


@cache
def _calls() -> dict[str, Any] | None:
    """The calls by their names, None if the library was not built or lacks them."""
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    arguments: dict[str, tuple[Any, Any]] = {
        "read_pieces": ((pointer, pointer, pointer), size),
        "find_entries": ((pointer,) * 6, ctypes.c_bool),
        "read_rows": ((pointer,) * 5, ctypes.c_bool),
        "checksums": ((pointer, pointer, size, pointer), None),
        "pack": ((pointer, pointer, size, pointer), None),
        "documents_sum": ((pointer, pointer), ctypes.c_uint64),
        "number_files": ((pointer, pointer, size, pointer, pointer), size),
        "locate": ((pointer, pointer, pointer, size, ctypes.c_uint32, *(pointer,) * 4), ctypes.c_int64),
        "measure": ((pointer, pointer, pointer), size),
        "cut": ((pointer, pointer, pointer), None),
        "bloom_add": ((pointer, ctypes.c_uint64, pointer, size), None),
        "bloom_find": ((pointer, ctypes.c_uint64, pointer, size, pointer), None),
    }
    return calls_of(arguments)


def is_built() -> bool:
    """Whether the calls are there."""
    return _calls() is not None


def read_pieces(
    files: npt.NDArray[np.int32], offsets: Words, sizes: Sizes, checksums: Words
) -> tuple[Content, int, int]:
    """The content of pieces, one after the other, by the descriptor, offset, size and checksum of each (shape [n]).

    Returns the content, how many pieces are good before the first that is not, and the system's error number for
    that one: 0 if it could be read and is damaged or short.
    """
    content = np.empty(int(sizes.sum(dtype=np.uint64)), dtype=np.uint8)
    error = ctypes.c_int32()
    pieces = _Pieces(address(files), address(offsets), address(sizes), address(checksums), len(sizes))
    good = call(_calls(), "read_pieces")(ctypes.byref(pieces), address(content), ctypes.byref(error))
    return content, int(good), error.value


class OrderPieces:
    """An order of a segment: the offset of its pieces, their checksums and first numbers (each of shape [pieces])."""

    def __init__(self, offset: int, entries: int, width: int, checksums: Words, fences: Sizes) -> None:
        self._kept = checksums, fences
        self._pointers = address(checksums), address(fences)
        self._offset, self._entries, self._width = offset, entries, width
        self._piece_bytes = entries * (4 + width)

    def structure(self, file: int) -> OrderStructure:
        """The order for a compiled call, with the descriptor of its file."""
        return OrderStructure(self._offset, *self._pointers, file, self._entries, self._width)

    def find(
        self, file: int, entries: tuple[int, int], rows: tuple[int, int], numbers: Sizes
    ) -> tuple[Words, int, int]:
        """Find the begin of the entries of each of ``numbers``, then the end of each (shape [2 * n]).

        They are looked for among ``entries`` (the first and the end), and those with ``rows`` (likewise) are found.
        Also returns a piece that can't be used, -1 if all can, and the system's error number for it: 0 if it could be
        read and is damaged or short.
        """
        found = np.empty(2 * len(numbers), dtype=np.uint64)
        content = np.empty(self._piece_bytes, dtype=np.uint8)
        bad, error = ctypes.c_uint64(), ctypes.c_int32()
        order = self.structure(file)
        search = _Search(*entries, address(numbers), len(numbers), *rows)
        is_good = call(_calls(), "find_entries")(
            ctypes.byref(order),
            ctypes.byref(search),
            address(content),
            address(found),
            ctypes.byref(bad),
            ctypes.byref(error),
        )
        return found, -1 if is_good else bad.value, error.value


class RowGroups:
    """The groups of rows of a segment: their offset, with the bytes of each column and the groups' checksums."""

    def __init__(self, offset: int, group_rows: int, widths: Sizes, checksums: Words) -> None:
        self._kept = widths, checksums
        self._pointers = address(checksums), address(widths)
        self._offset, self._group_rows, self._columns = offset, group_rows, len(widths)
        self._row_bytes = int(widths.sum())

    def read(self, file: int, rows: npt.NDArray[np.int64]) -> tuple[Content, int, int]:
        """The columns of ``rows``, which ascend (shape [n]), one after the other.

        Also returns a group that can't be used, -1 if all can, and the system's error number for it: 0 if it could be
        read and is damaged or short.
        """
        content = np.empty(self._row_bytes * len(rows), dtype=np.uint8)
        group = np.empty(self._row_bytes * self._group_rows, dtype=np.uint8)
        bad, error = ctypes.c_uint64(), ctypes.c_int32()
        checksums, widths = self._pointers
        wanted = _Rows(self._offset, checksums, address(rows), widths, len(rows), file, self._group_rows, self._columns)
        is_good = call(_calls(), "read_rows")(
            ctypes.byref(wanted), address(group), address(content), ctypes.byref(bad), ctypes.byref(error)
        )
        return content, -1 if is_good else bad.value, error.value


def checksums(content: Content, sizes: Sizes) -> Words:
    """The checksums (shape [n]) of pieces of these sizes that lie one after the other."""
    found = np.empty(len(sizes), dtype=np.uint64)
    call(_calls(), "checksums")(address(content), address(sizes), len(sizes), address(found))
    return found


def pack(unique_ids: Words, unique_id_sizes: Sizes, properties: Words, property_sizes: Sizes, starts: Sizes) -> Content:
    """Blocks of documents, one after the other.

    The documents are given by the addresses and sizes of their texts (shape [n]); block b holds those from
    ``starts[b]`` to ``starts[b + 1]`` (shape [blocks + 1]).
    """
    blocks, count = len(starts) - 1, len(unique_ids)
    size = int(unique_id_sizes.sum(dtype=np.uint64)) + int(property_sizes.sum(dtype=np.uint64))
    content = np.empty(size + 4 * blocks + 8 * count, dtype=np.uint8)
    documents = _documents(unique_ids, unique_id_sizes, properties, property_sizes)
    call(_calls(), "pack")(ctypes.byref(documents), address(starts), blocks, address(content))
    return content


def documents_sum(
    unique_ids: Words, unique_id_sizes: Sizes, properties: Words, property_sizes: Sizes, ids: Words
) -> int:
    """The sum modulo 2^64 of the hashes of documents, each with its event's id (shape [n])."""
    documents = _documents(unique_ids, unique_id_sizes, properties, property_sizes)
    return int(call(_calls(), "documents_sum")(ctypes.byref(documents), address(ids)))


def number_files(parts: npt.NDArray[Any], places: npt.NDArray[Any]) -> tuple[Sizes, Words]:
    """Number the files of documents, which are given by part and place (shape [n]), in the order they are met in.

    Returns the number of each document's file (shape [n]), and of each file the part and the place as the upper and the
    lower half of a word.
    """
    count = len(parts)
    parts, places = (np.ascontiguousarray(column, dtype=np.uint32) for column in (parts, places))
    file_of, files = np.empty(count, dtype=np.uint32), np.empty(count, dtype=np.uint64)
    found = call(_calls(), "number_files")(address(parts), address(places), count, address(file_of), address(files))
    return file_of, files[:found]


class LocatedBlocks(NamedTuple):
    """Blocks (shape [blocks]), and of each document its block and its number in it (shape [n])."""

    files: npt.NDArray[np.int32]
    offsets: Words
    sizes: Sizes
    checksums: Words
    raw_sizes: Words
    block_of: Sizes
    number_of: Content


def locate(
    tables: Sequence[npt.NDArray[Any]], file_of: npt.NDArray[Any], slots: npt.NDArray[Any], number_bits: int
) -> LocatedBlocks | int:
    """The blocks of documents, which are given by their file's place in ``tables`` and by their slot (shape [n]).

    The lower ``number_bits`` of a slot are the document's number in its block. Blocks come in the order of their tables
    and places, each once. If a slot is past its table, returns the place of that table, of the first such document.
    """
    count = len(slots)
    file_of, slots = (np.ascontiguousarray(column, dtype=np.uint32) for column in (file_of, slots))
    files, sizes = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.uint32)
    offsets, checksums, raw_sizes, words = np.empty((4, count), dtype=np.uint64)
    block_of, number_of = np.empty(count, dtype=np.uint32), np.empty(count, dtype=np.uint8)
    addresses = np.array([address(table) for table in tables], dtype=np.uint64)
    counts = np.array([len(table) for table in tables], dtype=np.uint64)
    found = call(_calls(), "locate")(
        ctypes.byref(_Tables(address(addresses), address(counts))),
        address(file_of),
        address(slots),
        count,
        number_bits,
        address(words),
        ctypes.byref(_Blocks(*(address(each) for each in (files, offsets, checksums, raw_sizes, sizes)))),
        address(block_of),
        address(number_of),
    )
    if found < 0:
        return -1 - int(found)
    return LocatedBlocks(
        *(files[:found], offsets[:found], sizes[:found], checksums[:found], raw_sizes[:found]), block_of, number_of
    )


def cut(
    blocks: Words, block_sizes: Words, block_of: Sizes, number_of: Content
) -> tuple[Content, Sizes, Content, Sizes] | int:
    """The documents with these numbers in these blocks (shape [n]); blocks are given by address and size.

    Returns the unique ids end to end, their sizes, the properties end to end, their sizes; or the place of the
    first document that its block does not hold.
    """
    count = len(block_of)
    unique_id_sizes, property_sizes = np.empty(count, dtype=np.uint32), np.empty(count, dtype=np.uint32)
    wanted = _Cut(address(blocks), address(block_sizes), address(block_of), address(number_of), count)
    good = call(_calls(), "measure")(ctypes.byref(wanted), address(unique_id_sizes), address(property_sizes))
    if good < count:
        return int(good)
    unique_ids = np.empty(int(unique_id_sizes.sum(dtype=np.uint64)), dtype=np.uint8)
    properties = np.empty(int(property_sizes.sum(dtype=np.uint64)), dtype=np.uint8)
    call(_calls(), "cut")(ctypes.byref(wanted), address(unique_ids), address(properties))
    return unique_ids, unique_id_sizes, properties, property_sizes


def bloom_add(words: Words, keys: Words) -> None:
    """Set the bits of ``keys`` (shape [n]) in the filter's blocks (``words``, shape [blocks, 4])."""
    call(_calls(), "bloom_add")(address(words), len(words), address(keys), len(keys))


def bloom_find(words: Words, keys: Words) -> npt.NDArray[np.bool_]:
    """Whether each of ``keys`` was perhaps added (shape [n])."""
    found = np.zeros(len(keys), dtype=np.bool_)
    call(_calls(), "bloom_find")(address(words), len(words), address(keys), len(keys), address(found))
    return found


def _documents(unique_ids: Words, unique_id_sizes: Sizes, properties: Words, property_sizes: Sizes) -> _Documents:
    return _Documents(
        address(unique_ids),
        address(unique_id_sizes),
        address(properties),
        address(property_sizes),
        len(unique_ids),
    )
