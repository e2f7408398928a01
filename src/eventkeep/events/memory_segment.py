"""Events that are not flushed yet, as a segment in memory: the same rows, orders and reads as a segment on disk."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from eventkeep.events.keys import find_keys, sorted_rows, sorted_words
from eventkeep.events.rows import CURRENCY_BYTES_MAX, KEY, Chunk, Rows, clipped, lower_bound, metric_counts
from eventkeep.events.texts import DocumentTexts
from eventkeep.model.event_columns import NUMBERS, EventColumns, Flags, Keys, TextColumn
from eventkeep.model.event_count import EventCount
from eventkeep.native.selecting import SearchedPart


class Commit:
    """The events of one record of the log."""

    __slots__ = ("events", "position")

    def __init__(self, position: int, events: EventColumns) -> None:
        self.position, self.events = position, events


class MemorySegment:
    """The events of some commits, sorted. Any thread may read."""

    def __init__(self, commits: Sequence[Commit]) -> None:
        events = [commit.events for commit in commits]
        columns = {name: np.concatenate([part.numbers[name] for part in events]) for name in NUMBERS}
        sizes = [len(part) for part in events]
        columns["position"] = np.repeat(np.array([commit.position for commit in commits], dtype=np.uint64), sizes)
        columns["currency"] = np.concatenate([_currencies(part.texts["currency"]) for part in events])
        order = sorted_rows(columns["account"], columns["time"], (columns["id"], columns["key_low"]))
        self.numbers: Chunk = {name: column[order] for name, column in columns.items()}
        self.texts = DocumentTexts.of_commits(events).take(order)
        self.rows = len(order)
        changes = np.flatnonzero(np.diff(self.numbers["account"])) + 1
        self.starts = np.concatenate([[0], changes, [self.rows]]).astype(np.int64)
        """The first row of each account, and the end of the last."""
        self._accounts = self.numbers["account"][self.starts[:-1]]
        self.searched = SearchedPart(self._accounts, self.starts)
        self.searched.be_memory(self.numbers)
        self._orders: dict[int, tuple[npt.NDArray[np.uint32], Rows]] = {}
        self._lock = threading.Lock()

    def account_rows(self, account: int) -> tuple[int, int]:
        place = int(np.searchsorted(self._accounts, np.uint32(account)))
        if place == len(self._accounts) or self._accounts[place] != account:
            return 0, 0
        return int(self.starts[place]), int(self.starts[place + 1])

    def lower_bound(self, start: int, end: int, time: int, event_id: int) -> int:
        own = slice(start, end)
        return start + lower_bound(self.numbers["time"][own], self.numbers["id"][own], np.int64(time), event_id)

    def times_within(self, start: int, end: int) -> tuple[int, int]:
        times = self.numbers["time"]
        return int(times[start]), int(times[end - 1])

    def rows_around(self, start: int, end: int, time_min: int, time_max: int) -> tuple[int, int]:
        first = self.lower_bound(start, end, time_min, 0)
        return first, max(first, self.lower_bound(start, end, time_max + 1, 0))

    def entries(
        self, order: int, whole: tuple[int, int], numbers: npt.NDArray[np.uint32], rows: tuple[int, int]
    ) -> npt.NDArray[np.int64]:
        start, end = whole
        own = self.order(order)[0][start:end]
        starts, ends = np.searchsorted(own, numbers, side="left"), np.searchsorted(own, numbers, side="right")
        found = start + np.array([starts, ends])
        return found if rows == whole else clipped(self, order, found, rows)

    def order_rows(self, order: int, start: int, end: int) -> Rows:
        return self.order(order)[1][start:end]

    def rows_at(self, order: int, entries: Rows) -> Rows:
        return self.order(order)[1][entries]

    def order(self, order: int) -> tuple[npt.NDArray[np.uint32], Rows]:
        """The numbers and the rows of an order (each of shape [rows]); it is made when it is first asked for."""
        with self._lock:
            if order not in self._orders:
                self._orders[order] = self._sorted(order)
                if order != KEY:
                    self.searched.add_order(order, *self._orders[order])
            return self._orders[order]

    def _sorted(self, order: int) -> tuple[npt.NDArray[np.uint32], Rows]:
        if order == KEY:
            numbers = (self.numbers["id"] >> np.uint64(32)).astype(np.uint32)
            words = numbers.astype(np.uint64)
        else:
            numbers = self.numbers[("profile", "metric")[order]]
            words = self.numbers["account"].astype(np.uint64) << np.uint64(32) | numbers
        rows = sorted_words(words)
        return numbers[rows], rows

    def columns(self, rows: Rows | slice, names: tuple[str, ...]) -> Chunk:
        return {name: self.numbers[name][rows] for name in names}

    def counts(self, account: int) -> dict[int, EventCount]:
        start, end = self.account_rows(account)
        return metric_counts(self.numbers["metric"][start:end], self.numbers["time"][start:end])


class MemoryPart:
    """Commits that followed one another; their segment in memory is made when it is first read."""

    __slots__ = ("_keys", "_lock", "_segment", "bytes", "commits", "events")

    def __init__(self, commits: tuple[Commit, ...], events: int, size: int) -> None:
        """``events`` and ``size`` are those of all commits, in events and in bytes."""
        self.commits, self.events, self.bytes = commits, events, size
        self._segment: MemorySegment | None = None
        self._keys: tuple[Keys, Keys] | None = None
        self._lock = threading.Lock()

    def contains(self, ids: Keys, key_lows: Keys) -> Flags:
        """For each key (two halves, each of shape [n]): whether an event has it (shape [n]). Only for one thread.

        Almost every commit asks, so that the segment is not made for it.
        """
        if self._keys is None:
            own = np.concatenate([commit.events.numbers["id"] for commit in self.commits])
            self._keys = own, np.concatenate([commit.events.numbers["key_low"] for commit in self.commits])
        return find_keys(self._keys, (ids, key_lows))

    def segment(self) -> MemorySegment:
        segment = self._segment
        if segment is None:
            with self._lock:
                segment = self._segment
                if segment is None:
                    segment = self._segment = MemorySegment(self.commits)
        return segment


def joined(parts: tuple[MemoryPart, ...], sealed: int, added: MemoryPart, events_max: int) -> tuple[MemoryPart, ...]:
    """The parts with one more behind them, small neighbours joined.

    The first ``sealed`` are being flushed and stay as they are. Only parts that are no larger are joined with, so that
    an event is sorted again a logarithmic number of times.
    """
    keep = len(parts)
    while (
        keep > sealed and parts[keep - 1].events <= added.events and parts[keep - 1].events + added.events <= events_max
    ):
        last = parts[keep - 1]
        added = MemoryPart(last.commits + added.commits, last.events + added.events, last.bytes + added.bytes)
        keep -= 1
    return (*parts[:keep], added)


def _currencies(column: TextColumn) -> Keys:
    """Currencies as codes (shape [n])."""
    sizes = column.sizes
    if not column.joined:
        return np.zeros(len(sizes), dtype=np.uint64)
    offsets = column.offsets()[:-1]
    content = np.frombuffer(column.joined + bytes(CURRENCY_BYTES_MAX), dtype=np.uint8)
    codes = np.zeros(len(sizes), dtype=np.uint64)
    for place in range(min(int(sizes.max()), CURRENCY_BYTES_MAX)):
        has_byte = sizes > place
        codes[has_byte] |= content[offsets[has_byte] + place].astype(np.uint64) << np.uint64(8 * place)
    return codes
