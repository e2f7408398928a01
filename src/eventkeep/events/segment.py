"""A segment for reading: sorted rows in a file, found by fences in memory and checked reads of pieces."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.errors import EventStoreError
from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.directory import Directory, decode_directory, group_type, order_type
from eventkeep.events.documents import DocumentFile, check_head, read_directory
from eventkeep.events.format import HEAD_BYTES, RESTORE, SEGMENT_MAGIC, SEGMENT_SUFFIX, FileName, decode_head
from eventkeep.events.pieces import Content, bad_piece, read_pieces
from eventkeep.events.rows import METRIC, Chunk, Rows, clipped, contains, lower_bound, runs
from eventkeep.model.event_columns import Flags, Keys
from eventkeep.model.event_count import EventCount
from eventkeep.native import store_pieces
from eventkeep.native.selecting import SearchedPart

Numbers = npt.NDArray[np.uint32]

_OFFSET_MAX = (1 << 32) - 1


class SegmentEntry(msgspec.Struct, frozen=True):
    """A range of positions in the manifest: the segment with its events; file number 0 if there are none."""

    number: int
    first: int
    last: int
    size: int
    checksum: int
    rows: int
    live_rows: int


class Segment:
    """The rows of a segment file. Any thread may read."""

    def __init__(
        self,
        opened: OpenFiles,
        folder: Path,
        store: int,
        entry: SegmentEntry,
        document_files: dict[int, DocumentFile],
    ) -> None:
        """Reads the directory. Raises EventStoreError if the file is not the one that the manifest lists."""
        self.entry, self.rows, self._opened = entry, entry.rows, opened
        self.path = folder / str(FileName(entry.number, SEGMENT_SUFFIX))
        self.directory = self._read_directory(store)
        plan = self.directory
        self._group = group_type(plan.group_rows, plan.widths)
        try:
            self.document_files = [document_files[number] for number in plan.documents.tolist()]
        except KeyError as exc:
            raise EventStoreError(f"{self.path} needs document file {exc}, which the manifest does not list") from exc
        self._starts = np.append(plan.account_starts, np.uint32(plan.rows)).astype(np.int64)
        kinds = {name: self._group[name].base for name in self._group.names or ()}
        widths = np.array([kind.itemsize for kind in kinds.values()], dtype=np.uint32)
        before = (np.cumsum(widths) - widths).tolist()
        self._columns = {name: (start, kind) for start, (name, kind) in zip(before, kinds.items(), strict=True)}
        """Of each column the bytes of a row before it, and its type."""
        self._row_groups = store_pieces.RowGroups(plan.groups_offset, plan.group_rows, widths, plan.group_checksums)
        self._order_types = [order_type(plan.order_entries, order.width) for order in plan.orders]
        self._searched = [
            store_pieces.OrderPieces(order.offset, plan.order_entries, order.width, order.checksums, order.fences)
            for order in plan.orders
        ]
        self.searched = self._searched_part()
        self._counts: dict[int, dict[int, EventCount]] = {}
        self._lock = threading.Lock()

    def _read_directory(self, store: int) -> Directory:
        entry, path = self.entry, self.path
        with self._opened.borrowed([path]) as (file,):
            try:
                content = read_directory(self._opened.files, file, path, SEGMENT_MAGIC, entry.size, entry.checksum)
                head = decode_head(self._opened.files.read(file, HEAD_BYTES, 0), SEGMENT_MAGIC, path)
            except OSError as exc:
                raise EventStoreError(f"{path} can't be read: {exc.strerror}") from exc
        check_head(head, store, entry.number, path)
        directory = decode_directory(content, path)
        if directory.rows != entry.rows or (head.first, head.last) != (entry.first, entry.last):
            raise EventStoreError(f"{path} has other rows or positions than the manifest says; {RESTORE}")
        return directory

    def _searched_part(self) -> SearchedPart:
        plan = self.directory
        part = SearchedPart(plan.accounts, self._starts)
        part.be_file(
            arrays=msgspec.structs.asdict(plan),
            widths=msgspec.structs.asdict(plan.widths),
            groups_offset=plan.groups_offset,
            group_rows=plan.group_rows,
            time_base=plan.time_base,
            orders=[order.structure(0) for order in self._searched],
        )
        return part

    def account_rows(self, account: int) -> tuple[int, int]:
        accounts = self.directory.accounts
        place = int(np.searchsorted(accounts, np.uint32(account)))
        if place == len(accounts) or accounts[place] != account:
            return 0, 0
        return int(self._starts[place]), int(self._starts[place + 1])

    def lower_bound(self, start: int, end: int, time: int, event_id: int) -> int:
        plan, size = self.directory, self.directory.group_rows
        offset = time - plan.time_base
        oldest, newest = self.times_within(start, end) if start < end else (time, time)
        if time < oldest or start == end:
            return start
        if time > newest or offset > _OFFSET_MAX:
            return end
        first, behind = -(-start // size), -(-end // size)
        group = (
            first
            - 1
            + lower_bound(plan.fence_times[first:behind], plan.fence_ids[first:behind], np.uint32(offset), event_id)
        )
        low, high = max(start, group * size), min(end, (group + 1) * size)
        if low >= high:
            return start
        found = self._groups(group, group + 1)[0]
        own = slice(low - group * size, high - group * size)
        return low + lower_bound(found["time"][own], found["id"][own], np.uint32(offset), event_id)

    def times_within(self, start: int, end: int) -> tuple[int, int]:
        plan, size = self.directory, self.directory.group_rows
        account = int(np.searchsorted(self._starts, start, side="right")) - 1
        oldest, newest = int(plan.oldest[account]), int(plan.newest[account])
        if start // size * size >= self._starts[account]:
            oldest = int(plan.fence_times[start // size])
        behind = -(-end // size)
        if behind * size < self._starts[account + 1]:
            newest = int(plan.fence_times[behind])
        return plan.time_base + oldest, plan.time_base + newest

    def rows_around(self, start: int, end: int, time_min: int, time_max: int) -> tuple[int, int]:
        oldest, newest = self.times_within(start, end) if start < end else (0, 0)
        if start == end or time_max < oldest or time_min > newest:
            return start, start
        plan, size = self.directory, self.directory.group_rows
        first, behind = -(-start // size), -(-end // size)
        # The first times of the groups; those before the first time that is wanted, but for the last of them, have
        # earlier rows alone, and those behind the last time have later ones.
        fences = plan.fence_times[first:behind]
        low = first - 1 + int(np.searchsorted(fences, max(0, time_min - plan.time_base), side="left"))
        high = first + int(np.searchsorted(fences, min(_OFFSET_MAX, time_max - plan.time_base), side="right"))
        return max(start, low * size), min(end, high * size)

    def entries(
        self, order: int, whole: tuple[int, int], numbers: Numbers, rows: tuple[int, int]
    ) -> npt.NDArray[np.int64]:
        start, end = whole
        if start == end or not len(numbers):
            return np.full((2, len(numbers)), start, dtype=np.int64)
        if not store_pieces.is_built():
            found = self._entries_in_python(order, start, end, numbers)
            return found if rows == whole else clipped(self, order, found, rows)
        with self._opened.borrowed([self.path]) as (file,):
            places, bad, error = self._searched[order].find(file, whole, rows, numbers)
        if bad >= 0:
            plan = self.directory.orders[order]
            size = self._order_types[order].itemsize
            raise bad_piece(self.path, plan.offset + bad * size, size, error)
        pairs: npt.NDArray[np.int64] = places.view(np.int64).reshape(2, -1)
        return pairs

    def _entries_in_python(self, order: int, start: int, end: int, numbers: Numbers) -> npt.NDArray[np.int64]:
        plan, size = self.directory.orders[order], self.directory.order_entries
        first, behind = -(-start // size), -(-end // size)
        fences = plan.fences[first:behind]
        pieces = np.concatenate(
            [np.searchsorted(fences, numbers, side="left"), np.searchsorted(fences, numbers, side="right")]
        )
        pieces += first - 1
        # The piece before the first fence holds the account's first entries, unless they begin with a piece.
        np.maximum(pieces, start // size, out=pieces)
        distinct, piece_of = np.unique(pieces, return_inverse=True)
        read = self._order_pieces(order, distinct)["number"][piece_of]
        places = pieces[:, None] * size + np.arange(size)
        is_own = (places >= start) & (places < end)
        wanted = numbers.astype(read.dtype)
        count = len(numbers)
        before = np.empty(read.shape, dtype=np.bool_)
        before[:count] = read[:count] < wanted[:, None]
        before[count:] = read[count:] <= wanted[:, None]
        behind_these = np.maximum(pieces * size, start) + np.count_nonzero(before & is_own, axis=1)
        found: npt.NDArray[np.int64] = behind_these.reshape(2, count)
        too_large = numbers > np.iinfo(read.dtype).max
        found[:, too_large] = end
        return found

    def order_rows(self, order: int, start: int, end: int) -> Rows:
        if start >= end:
            return np.empty(0, dtype=np.int64)
        size = self.directory.order_entries
        first, behind = start // size, -(-end // size)
        read = self._order_pieces(order, np.arange(first, behind))["row"]
        return read.reshape(-1)[start - first * size : end - first * size].astype(np.int64)

    def rows_at(self, order: int, entries: Rows) -> Rows:
        """The rows of an order's entries (shape [n])."""
        size = self.directory.order_entries
        pieces, piece_of = runs(entries // size)
        rows: Rows = self._order_pieces(order, pieces)["row"][piece_of, entries % size].astype(np.int64)
        return rows

    def order_chunk(self, order: int, start: int, end: int) -> Chunk:
        """The numbers and rows of an order's entries from ``start`` to ``end``; ``start`` begins a piece."""
        size = self.directory.order_entries
        read = self._order_pieces(order, np.arange(start // size, -(-end // size)))
        return {name: read[name].reshape(-1)[: end - start].astype(np.uint32) for name in ("number", "row")}

    def columns(self, rows: Rows | slice, names: tuple[str, ...]) -> Chunk:
        places = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
        if not len(places):
            return {name: self._decoded(name, np.empty(0, dtype=self._group[name].base)) for name in names}
        if not store_pieces.is_built():
            return self._columns_in_python(places, names)
        with self._opened.borrowed([self.path]) as (file,):
            content, bad, error = self._row_groups.read(file, places)
        if bad >= 0:
            size = self._group.itemsize
            raise bad_piece(self.path, self.directory.groups_offset + bad * size, size, error)
        count, found = len(places), {}
        for name in names:
            start, kind = self._columns[name]
            found[name] = self._decoded(name, content[start * count : (start + kind.itemsize) * count].view(kind))
        return found

    def _columns_in_python(self, rows: Rows, names: tuple[str, ...]) -> Chunk:
        size = self.directory.group_rows
        groups, group_of = runs(rows // size)
        offsets = self.directory.groups_offset + groups * self._group.itemsize
        read = self._read(offsets, self._group.itemsize, self.directory.group_checksums[groups]).view(self._group)
        return {name: self._decoded(name, read[name][group_of, rows % size]) for name in names}

    def contains(self, ids: Keys, key_lows: Keys) -> Flags:
        return contains(self, ids, key_lows)

    def counts(self, account: int) -> dict[int, EventCount]:
        with self._lock:
            known = self._counts.get(account)
        if known is None:
            known = self._count(account)
            with self._lock:
                self._counts[account] = known
        return known

    def _count(self, account: int) -> dict[int, EventCount]:
        start, end = self.account_rows(account)
        found: dict[int, EventCount] = {}
        place = start
        while place < end:
            number = int(self.order_chunk_number(METRIC, place))
            _, ends = self.entries(METRIC, (start, end), np.array([number], dtype=np.uint32), (start, end))
            behind = int(ends[0])
            rows = [int(self.order_rows(METRIC, at, at + 1)[0]) for at in (place, behind - 1)]
            times = self.columns(np.array(rows), ("time",))["time"]
            found[number] = EventCount(behind - place, int(times[0]), int(times[1]))
            place = behind
        return found

    def order_chunk_number(self, order: int, place: int) -> int:
        """The number of an order's entry."""
        size = self.directory.order_entries
        read = self._order_pieces(order, np.array([place // size]))
        return int(read["number"].reshape(-1)[place % size])

    def _decoded(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if name == "time":
            return values + np.int64(self.directory.time_base)
        if name == "position":
            return values + np.uint64(self.directory.position_base)
        if name == "metric":
            return values.astype(np.uint32)
        if name == "currency":
            return np.asarray(self.directory.currencies[values])
        return values

    def _groups(self, first: int, behind: int) -> npt.NDArray[Any]:
        size = self._group.itemsize
        offsets = self.directory.groups_offset + np.arange(first, behind) * size
        return self._read(offsets, size, self.directory.group_checksums[first:behind]).view(self._group)

    def _order_pieces(self, order: int, pieces: npt.NDArray[Any]) -> npt.NDArray[Any]:
        plan = self.directory.orders[order]
        kind = self._order_types[order]
        return self._read(plan.offset + pieces * kind.itemsize, kind.itemsize, plan.checksums[pieces]).view(kind)

    def _read(self, offsets: npt.NDArray[Any], size: int, checksums: Keys) -> Content:
        sizes = np.full(len(offsets), size, dtype=np.uint32)
        offsets = offsets.astype(np.uint64)
        return read_pieces(self._opened, [self.path], None, offsets, sizes, np.ascontiguousarray(checksums))
