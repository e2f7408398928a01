"""Writing segments anew: several neighbours become one, some rows may go, documents may change.

Merging is this with all rows and documents; retention and the deletion of a person need nothing else. It works in
slices of bounded size, whose long steps let go of the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.errors import EventStoreError
from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.directory import ORDERS, SUMS
from eventkeep.events.documents import (
    DocumentFile,
    DocumentFileEntry,
    DocumentWriter,
    locate,
    read_documents,
)
from eventkeep.events.format import DOCUMENTS_MAGIC, SEGMENT_MAGIC, Head
from eventkeep.events.rows import KEY, Chunk, row_slices
from eventkeep.events.segment import Segment, SegmentEntry
from eventkeep.events.segment_writer import SegmentWriter
from eventkeep.events.sorted_streams import filtered, merged
from eventkeep.events.texts import DocumentTexts
from eventkeep.limits import DOCUMENTS_AT_ONCE_BYTES, MERGE_ROWS, SHARED_BLOCK_ROWS_MAX
from eventkeep.model.event_columns import Flags

RowFilter = Callable[[Chunk], Flags]
"""Which rows of a chunk stay (shape [n])."""
DocumentTransform = Callable[[Chunk, DocumentTexts], DocumentTexts]
"""The documents of a chunk's rows, changed or not."""

ROW_COLUMNS: Final = ("time", "id", "key_low", "value", "profile", "metric", "currency", "position", "file", "slot")
_ROW_KEYS: Final = ("account", "time", "id", "key_low")
_DROPPED: Final = np.uint32(0xFFFFFFFF)
_WORD: Final = (1 << 64) - 1


class Target(msgspec.Struct, frozen=True):
    """The target of a rewrite: ``new_number`` gives the number of each new file."""

    opened: OpenFiles
    folder: Path
    store: int
    new_number: Callable[[], int]


class Rewritten(msgspec.Struct, frozen=True):
    """The new segment, and the new document file if documents were written."""

    segment: SegmentEntry
    documents: DocumentFileEntry | None


class Rewrite:
    """One rewrite of ``inputs``, which cover the positions from ``first`` to ``last``.

    Documents are written anew if ``packs`` is set. ``stops`` is asked in each step whether to give up. Every step
    raises OSError or EventStoreError if it fails; then, and if the result is not used, ``abandon`` removes the new
    files.
    """

    def __init__(
        self,
        target: Target,
        inputs: Sequence[Segment],
        positions: tuple[int, int],
        packs: bool,
        stops: Callable[[], bool],
        keep: RowFilter | None = None,
        transform: DocumentTransform | None = None,
    ) -> None:
        self._target, self._inputs, self._positions, self._stops = target, inputs, positions, stops
        self._keep, self._transform = keep, transform
        self._packs = packs or transform is not None
        self._rows_max = sum(segment.rows for segment in inputs)
        self._new_rows = [np.full(segment.rows, _DROPPED, dtype=np.uint32) for segment in inputs]
        self._read = dict.fromkeys(SUMS, 0)
        self._documents: DocumentWriter | None = None
        self._writer: SegmentWriter | None = None
        self._number_max = dict.fromkeys(("profile", "metric"), 0)
        self._files = {each.entry.number: each for segment in inputs for each in segment.document_files}
        self._document_files: list[DocumentFile] = [self._files[number] for number in sorted(self._files)]
        self._document_numbers = np.array(sorted(self._files), dtype=np.uint64)

    def run(self) -> Rewritten:
        """Write the new segment and prove that it holds the events of its inputs."""
        documents = self._document_numbers
        if self._packs:
            self._documents = DocumentWriter(
                self._target.opened.files, self._target.folder, self._head(DOCUMENTS_MAGIC)
            )
            documents = np.array([self._documents.number], dtype=np.uint64)
        self._writer = writer = SegmentWriter(
            self._target.opened.files,
            self._target.folder,
            self._head(SEGMENT_MAGIC),
            self._rows_max,
            min(segment.directory.time_base for segment in self._inputs),
            max(segment.directory.widths.metric for segment in self._inputs),
            np.unique(np.concatenate([segment.directory.currencies for segment in self._inputs])),
            documents,
        )
        for chunk in merged([self._rows_of(place) for place in range(len(self._inputs))], _ROW_KEYS):
            self._add(chunk)
        writer.end_rows()
        for order, name in enumerate(ORDERS):
            self._write_order(order, _DROPPED.item() if order == KEY else self._number_max[name])
        entry = self._documents.finish() if self._documents is not None else None
        document_sum = self._documents.sum if self._documents is not None else self._inputs_sum("document")
        segment = writer.finish(document_sum)
        self._prove(segment, entry)
        return Rewritten(segment, entry)

    def abandon(self) -> None:
        """Remove the files that were written."""
        for writer in (self._writer, self._documents):
            if writer is not None:
                writer.abandon()

    def _head(self, magic: bytes) -> Head:
        return Head(magic, self._target.store, self._target.new_number(), *self._positions)

    def _inputs_sum(self, name: str) -> int:
        return sum(segment.directory.sums[name] for segment in self._inputs) & _WORD

    def _rows_of(self, place: int) -> Iterator[Chunk]:
        segment = self._inputs[place]
        starts = np.append(segment.directory.account_starts, np.uint32(segment.rows)).astype(np.int64)
        for rows in row_slices(0, segment.rows, MERGE_ROWS):
            self._check_stop()
            chunk = segment.columns(rows, ROW_COLUMNS)
            chunk["file"] = segment.directory.documents[chunk["file"]]
            numbers = np.arange(rows.start, rows.stop, dtype=np.uint32)
            chunk["account"] = segment.directory.accounts[np.searchsorted(starts, numbers, side="right") - 1]
            chunk["input"], chunk["row"] = np.full(len(numbers), place, dtype=np.uint16), numbers
            add_sums(self._read, chunk)
            if self._keep is not None:
                chunk = filtered(chunk, self._keep(chunk))
            if len(chunk["id"]):
                yield chunk

    def _check_stop(self) -> None:
        if self._stops():
            raise EventStoreError("the store is being closed; the merge is done again after the next start")

    def _add(self, chunk: Chunk) -> None:
        writer = self._writer
        assert writer is not None
        if self._documents is not None:
            chunk["slot"] = self._packed(chunk)
            chunk["file"] = np.full(len(chunk["id"]), self._documents.number, dtype=np.uint64)
        new_rows = np.arange(writer.rows, writer.rows + len(chunk["id"]), dtype=np.uint32)
        for place in np.unique(chunk["input"]).tolist():
            own = chunk["input"] == place
            self._new_rows[place][chunk["row"][own]] = new_rows[own]
        for name in self._number_max:
            self._number_max[name] = max(self._number_max[name], int(chunk[name].max()))
        writer.add(chunk)

    def _packed(self, chunk: Chunk) -> npt.NDArray[np.uint32]:
        """Write the documents of the chunk's rows; returns their slots."""
        assert self._documents is not None
        slots = np.empty(len(chunk["id"]), dtype=np.uint32)
        size = len(slots)
        start = 0
        while start < len(slots):
            part = {name: column[start : start + size] for name, column in chunk.items()}
            files = np.searchsorted(self._document_numbers, part["file"])
            located = locate(self._document_files, files, part["slot"])
            if int(located.raw_sizes.sum()) > DOCUMENTS_AT_ONCE_BYTES and size > 1:
                size = -(-size // 2)
                continue
            texts = read_documents(self._target.opened, located).texts()
            if self._transform is not None:
                texts = self._transform(part, texts)
            breaks = account_breaks(part["account"], self._rows_max)
            slots[start : start + len(texts)] = self._documents.add(texts, part["id"], breaks)
            start += len(texts)
        return slots

    def _write_order(self, order: int, number_max: int) -> None:
        writer = self._writer
        assert writer is not None
        starts = writer.accounts
        entries = writer.begin_order(number_max)
        # Rows of one account are one range, so that its place stands for the account.
        streams = [self._entries_of(place, order, starts) for place in range(len(self._inputs))]
        keys = ("entry",) if order == KEY or len(starts) <= 1 else ("account", "entry")
        for chunk in merged(streams, keys):
            entry = chunk["entry"]
            entries.add((entry >> np.uint64(32)).astype(np.uint32), (entry & np.uint64(0xFFFFFFFF)).astype(np.uint32))
        writer.end_order(entries)

    def _entries_of(self, place: int, order: int, starts: npt.NDArray[np.int64]) -> Iterator[Chunk]:
        segment, new_rows = self._inputs[place], self._new_rows[place]
        size = segment.directory.order_entries
        for rows in row_slices(0, segment.rows, max(size, MERGE_ROWS // size * size)):
            self._check_stop()
            chunk = segment.order_chunk(order, rows.start, rows.stop)
            own = new_rows[chunk["row"]]
            entry = chunk["number"].astype(np.uint64) << np.uint64(32) | own
            found = {"entry": entry[own != _DROPPED]}
            if not len(found["entry"]):
                continue
            if order != KEY and len(starts) > 1:
                found["account"] = np.searchsorted(starts, own[own != _DROPPED], side="right")
            yield found

    def _prove(self, entry: SegmentEntry, documents: DocumentFileEntry | None) -> None:
        """Read the new files. Raises EventStoreError unless their sums are those of the inputs."""
        target, files = self._target, dict(self._files)
        if documents is not None:
            files[documents.number] = DocumentFile(target.opened, target.folder, target.store, documents)
        written = Segment(target.opened, target.folder, target.store, entry, files)
        found = sums_of(written, documents is not None, target.opened)
        expected = {name: self._inputs_sum(name) for name in SUMS}
        wrong = [name for name in SUMS if name != "document" and self._read[name] != expected[name]]
        changed = {"document"} if documents is None else {"file", "slot"}
        if self._keep is None:
            changed |= {"document"} if self._transform is not None else set()
            wrong += [name for name in SUMS if name not in changed and found[name] != expected[name]]
            wrong += ["rows"] if entry.rows != self._rows_max else []
        else:
            assert self._writer is not None
            written_sums = self._writer.sums
            wrong += [name for name in SUMS if name != "document" and found[name] != written_sums[name]]
        if wrong:
            raise EventStoreError(
                f"writing {written.path.name} from {', '.join(each.path.name for each in self._inputs)} changed "
                f"{', '.join(sorted(set(wrong)))}; the old files stay"
            )


def account_breaks(accounts: npt.NDArray[np.uint32], rows: int) -> npt.NDArray[Any]:
    """The rows that must begin a block of documents: each account, unless the segment has few rows; 0 comes first."""
    if rows < SHARED_BLOCK_ROWS_MAX:
        return np.zeros(1, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(np.diff(accounts)) + 1])


def add_sums(sums: dict[str, int], chunk: Chunk) -> None:
    """Add the chunk's columns to sums modulo 2^64."""
    for name in SUMS:
        if name in chunk:
            column = chunk[name]
            words = np.ascontiguousarray(column).view(np.uint64) if name in ("value", "time") else column
            sums[name] = (sums[name] + int(words.sum(dtype=np.uint64))) & _WORD


def sums_of(segment: Segment, with_documents: bool, opened: OpenFiles) -> dict[str, int]:
    """The sums of a segment's columns, of its documents if they are asked for, as they are read from its files.

    Raises EventStoreError if its orders are not sorted or not of all rows.
    """
    sums = dict.fromkeys(SUMS, 0)
    starts = np.append(segment.directory.account_starts, np.uint32(segment.rows)).astype(np.int64)
    for rows in row_slices(0, segment.rows, MERGE_ROWS):
        chunk = segment.columns(rows, ROW_COLUMNS)
        places = np.searchsorted(starts, np.arange(rows.start, rows.stop), side="right") - 1
        chunk["account"] = segment.directory.accounts[places]
        local = chunk["file"]
        chunk["file"] = segment.directory.documents[local]
        add_sums(sums, chunk)
        if with_documents:
            sums["document"] = (sums["document"] + _documents_sum(segment, chunk, local, opened)) & _WORD
    for order in range(len(ORDERS)):
        check_order(segment, order, starts, sums)
    return sums


def _documents_sum(segment: Segment, chunk: Chunk, files: npt.NDArray[Any], opened: OpenFiles) -> int:
    located = locate(segment.document_files, files, chunk["slot"])
    if int(located.raw_sizes.sum()) > DOCUMENTS_AT_ONCE_BYTES and len(files) > 1:
        half = len(files) // 2
        return sum(
            _documents_sum(segment, {name: column[own] for name, column in chunk.items()}, files[own], opened)
            for own in (slice(0, half), slice(half, None))
        )
    return read_documents(opened, located).texts().sum_with(chunk["id"])


def check_order(segment: Segment, order: int, starts: npt.NDArray[np.int64], sums: dict[str, int]) -> None:
    """Raises EventStoreError if an order is not sorted, has not each row once, or has other numbers than the rows."""
    total = numbers = 0
    size = segment.directory.order_entries
    last: tuple[int, int] | None = None
    for rows in row_slices(0, segment.rows, max(size, MERGE_ROWS // size * size)):
        chunk = segment.order_chunk(order, rows.start, rows.stop)
        total += int(chunk["row"].sum(dtype=np.uint64))
        numbers += int(chunk["number"].sum(dtype=np.uint64))
        entry = chunk["number"].astype(np.uint64) << np.uint64(32) | chunk["row"]
        account = (
            np.searchsorted(starts, chunk["row"], side="right") if order != KEY else np.zeros(len(entry), np.int64)
        )
        ascends = (account[1:] > account[:-1]) | ((account[1:] == account[:-1]) & (entry[1:] > entry[:-1]))
        if not ascends.all() or (last is not None and last >= (int(account[0]), int(entry[0]))):
            raise EventStoreError(
                f"{segment.path.name}: the order by {ORDERS[order]} is not sorted; the old files stay"
            )
        last = int(account[-1]), int(entry[-1])
    is_whole = total == segment.rows * (segment.rows - 1) // 2
    if not is_whole or (order != KEY and numbers & _WORD != sums[ORDERS[order]]):
        raise EventStoreError(f"{segment.path.name}: the order by {ORDERS[order]} is not whole; the old files stay")
