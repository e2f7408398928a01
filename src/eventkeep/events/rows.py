"""The common base of segments and parts of the tail: rows sorted by account, time and id, and their orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from eventkeep.events.directory import ORDER_ENTRIES, ORDERS
from eventkeep.events.selection import EventSelection
from eventkeep.model.event_columns import Flags, Keys
from eventkeep.model.event_count import EventCount

Chunk = dict[str, npt.NDArray[Any]]
"""Columns by their names, equally long: time as i64, currency as ``currency_codes``, the others as they are stored."""
Rows = npt.NDArray[np.int64]

PROFILE, METRIC, KEY = range(len(ORDERS))
"""The orders by their places."""
ID_MAX: Final = (1 << 64) - 1


class Part(Protocol):
    """Sorted rows of events, on disk or in memory, which never change."""

    rows: int

    def account_rows(self, account: int) -> tuple[int, int]:
        """The first row of an account's, and the end of them."""

    def lower_bound(self, start: int, end: int, time: int, event_id: int) -> int:
        """The first of an account's rows from ``start`` to ``end`` that is at or behind (time, id), else ``end``."""

    def times_within(self, start: int, end: int) -> tuple[int, int]:
        """A time that none of these rows of one account is before, and one that none is after; nothing is read."""

    def rows_around(self, start: int, end: int, time_min: int, time_max: int) -> tuple[int, int]:
        """Rows of one account, from the first to the end, with all that have these times; nothing is read."""

    def entries(
        self, order: int, whole: tuple[int, int], numbers: npt.NDArray[np.uint32], rows: tuple[int, int]
    ) -> npt.NDArray[np.int64]:
        """The first and the end of each of ``numbers`` in an order (shape [2, n]).

        They are looked for within an account's rows ``whole``, and those with ``rows`` are found (each the first and
        the end).
        """

    def order_rows(self, order: int, start: int, end: int) -> Rows:
        """The rows of an order's entries from ``start`` to ``end``."""

    def rows_at(self, order: int, entries: Rows) -> Rows:
        """The rows of an order's entries, which ascend (shape [n])."""

    def columns(self, rows: Rows | slice, names: tuple[str, ...]) -> Chunk:
        """Columns of ``rows``, which ascend; a slice is quicker than the same rows as an array."""

    def counts(self, account: int) -> dict[int, EventCount]:
        """The account's events by their metric's number."""


def bounds(part: Part, selection: EventSelection) -> tuple[int, int]:
    """The rows of the part that are the account's and within the selection's times and cursor."""
    start, end = part.account_rows(selection.account)
    if start == end:
        return start, end
    first, last = start, end
    if selection.time_min is not None:
        start = max(start, part.lower_bound(first, last, selection.time_min, 0))
    if selection.time_max is not None:
        end = min(end, part.lower_bound(first, last, selection.time_max + 1, 0))
    if selection.after is not None:
        time, event_id = selection.after
        if selection.descending:
            end = min(end, part.lower_bound(first, last, time, event_id))
        else:
            behind = (time, event_id + 1) if event_id < ID_MAX else (time + 1, 0)
            start = max(start, part.lower_bound(first, last, *behind))
    return start, max(start, end)


def contains(part: Part, ids: Keys, key_lows: Keys) -> Flags:
    """For each key (two halves, each of shape [n]): whether a row of the part has it (shape [n])."""
    whole = 0, part.rows
    starts, ends = part.entries(KEY, whole, (ids >> np.uint64(32)).astype(np.uint32), whole)
    found = np.zeros(len(ids), dtype=np.bool_)
    counts = ends - starts
    # The order has the upper halves of the ids only; the rows decide.
    keys = np.repeat(np.arange(len(ids)), counts)
    if len(keys):
        entries = np.arange(len(keys)) - np.repeat(np.cumsum(counts) - counts, counts) + starts[keys]
        by_entry = np.argsort(entries, kind="stable")
        rows = part.rows_at(KEY, entries[by_entry])
        by_row = np.argsort(rows, kind="stable")
        keys = keys[by_entry[by_row]]
        columns = part.columns(rows[by_row], ("id", "key_low"))
        found[keys[(columns["id"] == ids[keys]) & (columns["key_low"] == key_lows[keys])]] = True
    return found


def clipped(part: Part, order: int, found: npt.NDArray[np.int64], rows: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Of entries of one number each, those with ``rows``."""
    for place in range(found.shape[1]):
        first, behind = found[:, place].tolist()
        found[:, place] = [lower_entry(part, order, first, behind, row) for row in rows]
    return found


def lower_entry(part: Part, order: int, first: int, behind: int, row: int) -> int:
    """The first of an order's entries, whose rows ascend, that is not before ``row``."""
    while behind - first > ORDER_ENTRIES:
        middle = (first + behind) // 2
        if int(part.order_rows(order, middle, middle + 1)[0]) < row:
            first = middle + 1
        else:
            behind = middle
    return first + int(np.searchsorted(part.order_rows(order, first, behind), row))


def runs(ascending: Rows) -> tuple[Rows, Rows]:
    """The distinct values, and which of them each value is (shape [n])."""
    is_first = np.empty(len(ascending), dtype=np.bool_)
    is_first[:1] = True
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    return ascending[is_first], np.cumsum(is_first) - 1


def lower_bound(times: npt.NDArray[Any], ids: Keys, time: Any, event_id: int) -> int:
    """The place of the first of sorted (time, id) that is at or behind the given one; ``time`` is of the column's type.

    A Python integer in its place would have numpy convert the whole column.
    """
    first = int(np.searchsorted(times, time, side="left"))
    if first == len(times) or times[first] != time:
        return first
    behind = int(np.searchsorted(times, time, side="right"))
    return first + int(np.searchsorted(ids[first:behind], np.uint64(event_id), side="left"))


def metric_counts(metrics: npt.NDArray[np.uint32], times: npt.NDArray[np.int64]) -> dict[int, EventCount]:
    """The number of events of each metric, and their oldest and newest time."""
    found: dict[int, EventCount] = {}
    for metric in np.unique(metrics).tolist():
        own = times[metrics == metric]
        found[metric] = EventCount(len(own), int(own.min()), int(own.max()))
    return found


def row_slices(start: int, end: int, size: int) -> Iterator[slice]:
    """The rows from ``start`` to ``end`` in slices of at most ``size``."""
    for first in range(start, end, size):
        yield slice(first, min(end, first + size))


CURRENCY_BYTES_MAX: Final = 8
"""Bytes of a currency; its code is them as a little-endian integer, 0 for none."""


def currency_text(code: int) -> str:
    return code.to_bytes(CURRENCY_BYTES_MAX, "little").rstrip(b"\0").decode()
