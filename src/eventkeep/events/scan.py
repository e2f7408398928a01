"""Scans: all events of a selection, streamed in order or as bare columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.found import AnyPart, Found, columns_of, texts_of
from eventkeep.events.rows import PROFILE, Chunk, Rows, bounds, currency_text, row_slices
from eventkeep.events.selection import EventSelection
from eventkeep.events.sorted_streams import cut, filtered, merged
from eventkeep.limits import EXPORT_TIES_MAX, SCAN_ROWS
from eventkeep.model.event_columns import EventColumns, TextColumn

SCAN_SECOND_ROWS: Final = EXPORT_TIES_MAX
"""Rows of one second that a scan has in memory; more of them come in parts."""


def scan(parts: Sequence[AnyPart], selection: EventSelection, opened: OpenFiles) -> Iterator[EventColumns]:
    """All events that meet the selection's conditions, in its order, some at a time; its count does not matter.

    The events of one second are not parted, unless there are more than SCAN_SECOND_ROWS of them, or their documents
    have more than DOCUMENTS_AT_ONCE_BYTES.
    """
    streams = [rows_of(part, place, selection) for place, part in enumerate(parts)]
    for chunk in whole_seconds(merged(streams, ("order_time", "order_id")), SCAN_SECOND_ROWS):
        found = Found(chunk)
        start, size = 0, len(found)
        while start < len(found):
            some = found.take(slice(start, end_of_second(chunk["time"], start, size)))
            texts = texts_of(parts, some, opened)
            if texts is None:
                size = -(-len(some) // 2)
                continue
            yield event_columns(some.columns, selection.account, *texts)
            start += len(some)


def whole_seconds(chunks: Iterable[Chunk], rows_max: int) -> Iterator[Chunk]:
    """The rows of chunks, none of which is empty, in chunks that end with a second or have ``rows_max`` rows of one."""
    held: Chunk | None = None
    for chunk in chunks:
        own = chunk if held is None else {name: np.concatenate([held[name], chunk[name]]) for name in chunk}
        held = None
        times = own["time"]
        end = len(times)
        if times[0] != times[-1]:
            end = int(np.flatnonzero(times != times[-1])[-1]) + 1
            held = cut(own, end, len(times))
        elif end < rows_max:
            # All of one second, so far.
            held = own
            continue
        yield cut(own, 0, end)
    if held is not None:
        yield held


def end_of_second(times: npt.NDArray[np.int64], start: int, size: int) -> int:
    """The end of at most ``size`` rows from ``start``: behind the last second that is whole, if there is one."""
    end = min(start + size, len(times))
    if end < len(times):
        others = np.flatnonzero(times[start:end] != times[end])
        if len(others):
            return start + int(others[-1]) + 1
    return end


def rows_of(part: AnyPart, place: int, selection: EventSelection) -> Iterator[Chunk]:
    """The rows of a part that meet the conditions, in the selection's order, with columns that ascend in it."""
    if selection.profiles == frozenset() or selection.metrics == frozenset():
        return
    wanted = [
        (name, np.array(sorted(numbers), dtype=np.int64))
        for name, numbers in (("profile", selection.profiles), ("metric", selection.metrics))
        if numbers is not None
    ]
    for rows in slices_of(part, selection):
        chunk = columns_of(part, place, rows)
        chunk["key_low"] = part.columns(rows, ("key_low",))["key_low"]
        for name, numbers in wanted:
            chunk = filtered(chunk, np.isin(chunk[name], numbers))
        if not len(chunk["id"]):
            continue
        # Merging wants columns that ascend; the complement of one that ascends descends.
        chunk["order_time"], chunk["order_id"] = chunk["time"], chunk["id"]
        if selection.descending:
            chunk = {name: column[::-1] for name, column in chunk.items()}
            chunk["order_time"], chunk["order_id"] = -chunk["time"], ~chunk["id"]
        yield chunk


def slices_of(part: AnyPart, selection: EventSelection) -> Iterator[Rows | slice]:
    """The rows of a part that may meet the conditions, some at a time in the selection's order; each lot ascends."""
    start, end = bounds(part, selection)
    own = None if selection.profiles is None else rows_of_profiles(part, selection.profiles, (start, end), selection)
    first, last = (start, end) if own is None else (0, len(own))
    slices = list(row_slices(first, last, SCAN_ROWS))
    for rows in reversed(slices) if selection.descending else slices:
        yield rows if own is None else own[rows]


def rows_of_profiles(part: AnyPart, profiles: frozenset[int], rows: tuple[int, int], selection: EventSelection) -> Rows:
    """The rows of profiles within ``rows``, ascending: those of the others need not be read."""
    whole = part.account_rows(selection.account)
    numbers = np.array(sorted(profiles), dtype=np.uint32)
    starts, ends = part.entries(PROFILE, whole, numbers, rows)
    found = [
        part.order_rows(PROFILE, first, behind)
        for first, behind in zip(starts.tolist(), ends.tolist(), strict=True)
        if first < behind
    ]
    return np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


def event_columns(chunk: Chunk, account: int, unique_ids: TextColumn, properties: TextColumn) -> EventColumns:
    """The rows of one account as events."""
    numbers = {
        name: np.ascontiguousarray(chunk[name]) for name in ("time", "id", "key_low", "value", "profile", "metric")
    }
    numbers["account"] = np.full(len(chunk["id"]), account, dtype=np.uint32)
    texts = {"unique_id": unique_ids, "currency": currency_column(chunk["currency"]), "properties": properties}
    return EventColumns(numbers, texts)


def currency_column(codes: npt.NDArray[np.uint64]) -> TextColumn:
    distinct, places = np.unique(codes, return_inverse=True)
    known = [currency_text(code).encode() for code in distinct.tolist()]
    texts = [known[place] for place in places.tolist()]
    sizes = np.array([len(text) for text in known], dtype=np.uint32)[places]
    return TextColumn(b"".join(texts), sizes)


ARRAYS_ROWS: Final = 65_536
"""Rows of a segment that are read at once if they stay columns: fewer cost more calls, more the processor's cache."""
ARRAYS = ("time", "profile", "metric", "value", "currency")


def arrays(
    parts: Sequence[AnyPart], account: int, metrics: frozenset[int] | None, time_min: int | None, time_max: int | None
) -> Iterator[Chunk]:
    """The columns of ARRAYS for an account's events, in no order, some at a time; currencies are codes."""
    selection = EventSelection(account=account, count=0, time_min=time_min, time_max=time_max)
    wanted = None if metrics is None else np.array(sorted(metrics), dtype=np.int64)
    for part in parts:
        start, end = bounds(part, selection)
        for rows in row_slices(start, end, ARRAYS_ROWS):
            chunk = part.columns(rows, ARRAYS)
            if wanted is not None:
                # One metric is the usual case, and to compare takes a tenth of the time.
                one = len(wanted) == 1
                is_wanted = chunk["metric"] == wanted[0] if one else np.isin(chunk["metric"], wanted)
                if not is_wanted.all():
                    chunk = filtered(chunk, is_wanted)
            if len(chunk["time"]):
                yield chunk
