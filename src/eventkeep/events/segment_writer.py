"""Writing a segment: sorted rows first, then the orders, then the directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eventkeep.errors import EventStoreError
from eventkeep.events.directory import (
    GROUP_ROWS,
    ORDER_ENTRIES,
    ORDERS,
    Directory,
    OrderPlan,
    Widths,
    bytes_for,
    encode_directory,
    group_type,
    order_type,
)
from eventkeep.events.file_writer import FileWriter
from eventkeep.events.format import SEGMENT_SUFFIX, FileName, Head
from eventkeep.events.pieces import Words, checksums_of
from eventkeep.events.rows import Chunk
from eventkeep.events.segment import SegmentEntry
from eventkeep.files import Files
from eventkeep.limits import SEGMENT_ROWS_MAX

_WORD = (1 << 64) - 1
_SUMMED = ("account", "time", "id", "key_low", "profile", "metric", "value", "currency", "position", "file", "slot")


class Pieces:
    """Fills pieces of a fixed number of entries from columns of any length, and remembers checksums."""

    def __init__(self, writer: FileWriter, kind: np.dtype[Any], entries: int) -> None:
        self._writer, self._kind, self._entries = writer, kind, entries
        self._left: Chunk = {}
        self.offset = writer.size
        self.checksums: list[Words] = []

    def add(self, columns: Chunk) -> None:
        """Write the pieces that are full; the rest waits."""
        if self._left:
            columns = {name: np.concatenate([self._left[name], column]) for name, column in columns.items()}
        count = len(next(iter(columns.values())))
        full = count // self._entries * self._entries
        self._write({name: column[:full] for name, column in columns.items()}, full)
        self._left = {name: column[full:] for name, column in columns.items()} if full < count else {}

    def finish(self) -> Words:
        """Write the rest, filled up with zeros; returns the checksums of all pieces."""
        if self._left:
            count = len(next(iter(self._left.values())))
            fill = self._entries - count
            padded = {
                name: np.append(column, np.zeros(fill, dtype=column.dtype)) for name, column in self._left.items()
            }
            self._write(padded, self._entries)
            self._left = {}
        return np.concatenate(self.checksums) if self.checksums else np.empty(0, dtype=np.uint64)

    def _write(self, columns: Chunk, count: int) -> None:
        if not count:
            return
        pieces = np.empty(count // self._entries, dtype=self._kind)
        for name, column in columns.items():
            pieces[name] = column.reshape(-1, self._entries)
        self.checksums.append(checksums_of(pieces, np.full(len(pieces), self._kind.itemsize, dtype=np.uint32)))
        self._writer.write([memoryview(pieces.view(np.uint8).data)])


class SegmentWriter:
    """Writes one segment file. Every method raises OSError if an operation of the system fails.

    ``rows_max`` is at least the number of rows that will be added, ``metric_width`` the bytes of the largest metric's
    number; ``currencies`` and ``documents`` hold, ascending, at
    least those that the rows name.
    """

    def __init__(
        self,
        files: Files,
        folder: Path,
        head: Head,
        rows_max: int,
        time_base: int,
        metric_width: int,
        currencies: Words,
        documents: Words,
    ) -> None:
        if rows_max > SEGMENT_ROWS_MAX:
            raise EventStoreError(f"a segment holds at most {SEGMENT_ROWS_MAX} events, not {rows_max}")
        self._head, self._time_base = head, time_base
        self._currencies, self._documents = currencies, documents
        self._document_rows = np.zeros(len(documents), dtype=np.uint64)
        self._group_rows, self._order_entries = max(1, min(GROUP_ROWS, rows_max)), max(1, min(ORDER_ENTRIES, rows_max))
        self._writer = FileWriter(files, folder, FileName(head.number, SEGMENT_SUFFIX), head)
        self.path = self._writer.path
        position_width = bytes_for(head.last - head.first + 1)
        self._widths = Widths(metric_width, position_width, bytes_for(len(documents)), bytes_for(len(currencies)))
        kind = group_type(self._group_rows, self._widths)
        self._groups = Pieces(self._writer, kind, self._group_rows)
        self._group_checksums = np.empty(0, dtype=np.uint64)
        self._orders: list[OrderPlan] = []
        self.rows = 0
        self.sums = dict.fromkeys(_SUMMED, 0)
        self._accounts: list[tuple[int, int, int]] = []
        self._newest: list[int] = []
        self._fence_times: list[npt.NDArray[Any]] = []
        self._fence_ids: list[Words] = []

    @property
    def accounts(self) -> npt.NDArray[np.int64]:
        """The first rows of the accounts that were added."""
        return np.array([start for _, start, _ in self._accounts], dtype=np.int64)

    def add(self, rows: Chunk) -> None:
        """Write rows behind those that were written: sorted, with all columns and ``account``.

        ``currency`` and ``file`` are currency codes and document files' numbers, ``time`` and ``position`` whole.
        """
        count = len(rows["id"])
        if not count:
            return
        times = rows["time"] - self._time_base
        if int(times.max()) >= 1 << 32 or int(times.min()) < 0:
            raise EventStoreError("a segment's events lie within 136 years of each other, and these don't")
        for name in _SUMMED:
            column = rows[name].view(np.uint64) if name in ("value", "time") else rows[name]
            self.sums[name] = (self.sums[name] + int(column.sum(dtype=np.uint64))) & _WORD
        first = -self.rows % self._group_rows
        self._fence_times.append(times[first :: self._group_rows].astype(np.uint32))
        self._fence_ids.append(rows["id"][first :: self._group_rows].copy())
        self._note_accounts(rows["account"], times)
        file = np.searchsorted(self._documents, rows["file"])
        self._document_rows += np.bincount(file, minlength=len(self._documents)).astype(np.uint64)
        self._groups.add(
            {
                **{name: rows[name] for name in ("id", "key_low", "value", "profile", "metric", "slot")},
                "time": times.astype(np.uint32),
                "position": rows["position"] - np.uint64(self._head.first),
                "file": file,
                "currency": np.searchsorted(self._currencies, rows["currency"]),
            }
        )
        self.rows += count

    def _note_accounts(self, accounts: npt.NDArray[np.uint32], times: npt.NDArray[np.int64]) -> None:
        starts = np.flatnonzero(np.diff(accounts)) + 1
        for start, end in zip([0, *starts.tolist()], [*starts.tolist(), len(accounts)], strict=True):
            account = int(accounts[start])
            if self._accounts and self._accounts[-1][0] == account:
                self._newest[-1] = int(times[end - 1])
            else:
                self._accounts.append((account, self.rows + start, int(times[start])))
                self._newest.append(int(times[end - 1]))

    def end_rows(self) -> None:
        """All rows were added; the orders come next."""
        self._group_checksums = self._groups.finish()

    def begin_order(self, number_max: int) -> OrderWriter:
        """The next of the orders; its numbers are at most ``number_max``."""
        return OrderWriter(self._writer, self._order_entries, bytes_for(number_max + 1))

    def end_order(self, order: OrderWriter) -> None:
        self._orders.append(order.finish())
        if order.entries != self.rows:
            raise EventStoreError(f"{self.path}: an order has {order.entries} of {self.rows} rows; nothing was changed")

    def finish(self, documents_sum: int) -> SegmentEntry:
        """Write the directory, sync, and give the file its name, which is durable after the folder is synced."""
        assert len(self._orders) == len(ORDERS)
        accounts = np.array(self._accounts, dtype=np.uint32).reshape(-1, 3)
        directory = Directory(
            rows=self.rows,
            widths=self._widths,
            group_rows=self._group_rows,
            order_entries=self._order_entries,
            groups_offset=self._groups.offset,
            time_base=self._time_base,
            position_base=self._head.first,
            orders=tuple(self._orders),
            sums={**self.sums, "document": documents_sum},
            accounts=accounts[:, 0],
            account_starts=accounts[:, 1],
            oldest=accounts[:, 2],
            newest=np.array(self._newest, dtype=np.uint32),
            currencies=self._currencies,
            documents=self._documents,
            document_rows=self._document_rows,
            group_checksums=self._group_checksums,
            fence_times=np.concatenate(self._fence_times) if self._fence_times else np.empty(0, dtype=np.uint32),
            fence_ids=np.concatenate(self._fence_ids) if self._fence_ids else np.empty(0, dtype=np.uint64),
        )
        directory_checksum = self._writer.finish(encode_directory(directory))
        head = self._head
        return SegmentEntry(
            head.number, head.first, head.last, self._writer.size, directory_checksum, self.rows, self.rows
        )

    def abandon(self) -> None:
        self._writer.abandon()


class OrderWriter:
    """Writes one order: numbers with their rows, sorted within each account."""

    def __init__(self, writer: FileWriter, entries: int, width: int) -> None:
        self._pieces, self._size, self._width = Pieces(writer, order_type(entries, width), entries), entries, width
        self._fences: list[npt.NDArray[np.uint32]] = []
        self.entries = 0

    def add(self, numbers: npt.NDArray[np.uint32], rows: npt.NDArray[Any]) -> None:
        self._fences.append(numbers[-self.entries % self._size :: self._size].astype(np.uint32))
        self._pieces.add({"number": numbers, "row": rows})
        self.entries += len(numbers)

    def finish(self) -> OrderPlan:
        fences = np.concatenate(self._fences) if self._fences else np.empty(0, dtype=np.uint32)
        return OrderPlan(self._pieces.offset, self._width, self._pieces.finish(), fences)
