"""Writing a segment in memory to the disk: its documents, its rows and its orders."""

from __future__ import annotations

import numpy as np

from eventkeep.events.directory import ORDERS, bytes_for
from eventkeep.events.documents import DocumentFileEntry, DocumentWriter, Slots
from eventkeep.events.format import DOCUMENTS_MAGIC, SEGMENT_MAGIC, Head
from eventkeep.events.memory_segment import MemorySegment
from eventkeep.events.rewrite import ROW_COLUMNS, Rewritten, Target, account_breaks
from eventkeep.events.rows import KEY, row_slices
from eventkeep.events.segment import SegmentEntry
from eventkeep.events.segment_writer import SegmentWriter
from eventkeep.limits import MERGE_ROWS


class Flush:
    """One flush of events that cover the positions from ``first`` to ``last``; see `Rewrite` for its errors."""

    def __init__(self, target: Target, events: MemorySegment, positions: tuple[int, int]) -> None:
        self._target, self._events, self._positions = target, events, positions
        self._documents: DocumentWriter | None = None
        self._writer: SegmentWriter | None = None

    def run(self) -> Rewritten:
        """Write the document file and the segment."""
        target, events = self._target, self._events
        self._documents = DocumentWriter(target.opened.files, target.folder, self._head(DOCUMENTS_MAGIC))
        breaks = account_breaks(events.numbers["account"], events.rows)
        slots = self._documents.add(events.texts, events.numbers["id"], breaks)
        documents = self._documents.finish()
        segment = self._write_segment(documents, slots)
        return Rewritten(segment, documents)

    def abandon(self) -> None:
        """Remove the files that were written."""
        for writer in (self._writer, self._documents):
            if writer is not None:
                writer.abandon()

    def _write_segment(self, documents: DocumentFileEntry, slots: Slots) -> SegmentEntry:
        events, target = self._events, self._target
        assert self._documents is not None
        self._writer = writer = SegmentWriter(
            target.opened.files,
            target.folder,
            self._head(SEGMENT_MAGIC),
            events.rows,
            int(events.numbers["time"].min()),
            bytes_for(int(events.numbers["metric"].max()) + 1),
            np.unique(events.numbers["currency"]),
            np.array([documents.number], dtype=np.uint64),
        )
        for rows in row_slices(0, events.rows, MERGE_ROWS):
            chunk = events.columns(rows, (*(name for name in ROW_COLUMNS if name not in ("file", "slot")), "account"))
            chunk["slot"] = slots[rows]
            chunk["file"] = np.full(len(chunk["slot"]), documents.number, dtype=np.uint64)
            writer.add(chunk)
        writer.end_rows()
        for order, name in enumerate(ORDERS):
            numbers, places = events.order(order)
            entries = writer.begin_order((1 << 32) - 1 if order == KEY else int(events.numbers[name].max()))
            for rows in row_slices(0, events.rows, MERGE_ROWS):
                entries.add(numbers[rows], places[rows].astype(np.uint32))
            writer.end_order(entries)
        return writer.finish(self._documents.sum)

    def _head(self, magic: bytes) -> Head:
        return Head(magic, self._target.store, self._target.new_number(), *self._positions)
