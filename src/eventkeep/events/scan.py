"""Scans: all events of a selection, streamed in order or as bare columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.found import AnyPart, Found, columns_of, texts_of
from eventkeep.events.rows import Chunk, bounds, currency_text, row_slices
from eventkeep.events.selection import EventSelection
from eventkeep.events.sorted_streams import filtered, merged
from eventkeep.limits import SCAN_ROWS
from eventkeep.model.event_columns import EventColumns, TextColumn


def scan(parts: Sequence[AnyPart], selection: EventSelection, opened: OpenFiles) -> Iterator[EventColumns]:
    """All events that meet the selection's conditions, in its order, some at a time; its count does not matter."""
    streams = [rows_of(part, place, selection) for place, part in enumerate(parts)]
    for chunk in merged(streams, ("order_time", "order_id")):
        found = Found(chunk)
        start, size = 0, SCAN_ROWS
        while start < len(found):
            some = found.take(slice(start, start + size))
            texts = texts_of(parts, some, opened)
            if texts is None:
                size = -(-size // 2)
                continue
            yield event_columns(some.columns, selection.account, *texts)
            start += len(some)


def rows_of(part: AnyPart, place: int, selection: EventSelection) -> Iterator[Chunk]:
    """The rows of a part that meet the conditions, in the selection's order, with columns that ascend in it."""
    if selection.profiles == frozenset() or selection.metrics == frozenset():
        return
    start, end = bounds(part, selection)
    slices = list(row_slices(start, end, SCAN_ROWS))
    wanted = [
        (name, np.array(sorted(numbers), dtype=np.int64))
        for name, numbers in (("profile", selection.profiles), ("metric", selection.metrics))
        if numbers is not None
    ]
    for rows in reversed(slices) if selection.descending else slices:
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
