"""Pages: the first events of a selection in its order, out of all parts of a snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.found import AnyPart, Found, columns_of, text_of_currency, texts_of
from eventkeep.events.memory_segment import MemorySegment
from eventkeep.events.pieces import bad_piece
from eventkeep.events.rows import METRIC, PROFILE, Chunk, Rows, bounds
from eventkeep.events.segment import Segment
from eventkeep.events.selection import EventSelection, events_within
from eventkeep.limits import PAGE_BYTES_MAX
from eventkeep.model.event_columns import TextColumn
from eventkeep.model.stored_events import StoredEvents
from eventkeep.native import selecting


def select(parts: Sequence[AnyPart], selection: EventSelection, opened: OpenFiles) -> Found | None:
    """Up to ``selection.count`` rows in the selection's order; None if there are none.

    Raises EventStoreError if a part can't be read or is damaged.
    """
    if not selection.count or selection.profiles == frozenset() or selection.metrics == frozenset():
        return None
    if not selecting.is_built():
        return select_in_python(parts, selection)
    profiles, metrics = numbers_of(selection.profiles), numbers_of(selection.metrics)
    if profiles is not None or metrics is not None:
        for part in parts:
            if isinstance(part, MemorySegment):
                part.order(METRIC if profiles is None else PROFILE)
    wanted = selecting.Wanted(
        account=selection.account,
        count=selection.count,
        descending=selection.descending,
        time_min=selection.time_min,
        time_max=selection.time_max,
        after=selection.after,
        profiles=profiles,
        metrics=metrics,
    )
    with files_of_parts(parts, opened) as files:
        rows = selecting.select([part.searched for part in parts], files, wanted)
    return found_of(parts, rows)


def numbers_of(wanted: frozenset[int] | None) -> npt.NDArray[np.uint32] | None:
    """The numbers that a profile or a metric can have, sorted; None if there is no condition."""
    if wanted is None:
        return None
    return np.array(sorted(number for number in wanted if 0 <= number < 1 << 32), dtype=np.uint32)


@contextmanager
def files_of_parts(parts: Sequence[AnyPart], opened: OpenFiles) -> Iterator[list[int]]:
    """The descriptor of each part's file inside the block; those of parts in memory are -1."""
    with opened.borrowed([part.path for part in parts if isinstance(part, Segment)]) as descriptors:
        following = iter(descriptors)
        yield [next(following) if isinstance(part, Segment) else -1 for part in parts]


def found_of(parts: Sequence[AnyPart], rows: npt.NDArray[Any] | selecting.BadPiece) -> Found | None:
    """The rows that were found; None if there are none. Raises EventStoreError for the piece that can't be used."""
    if isinstance(rows, selecting.BadPiece):
        part = parts[rows.part]
        assert isinstance(part, Segment)
        raise bad_piece(part.path, rows.offset, rows.size, rows.error)
    if not len(rows):
        return None
    return Found({name: np.ascontiguousarray(rows[name]) for name in selecting.ROW.names or ()})


def select_in_python(parts: Sequence[AnyPart], selection: EventSelection) -> Found | None:
    """The same without the compiled search."""
    ranges = [(place, *bounds(part, selection)) for place, part in enumerate(parts)]
    edges = [
        (parts[place].times_within(start, end)[1 if selection.descending else 0], place, start, end)
        for place, start, end in ranges
        if start < end
    ]
    edges.sort(key=lambda edge: edge[0], reverse=selection.descending)
    found: Found | None = None
    for edge, place, start, end in edges:
        if found is not None and len(found) == selection.count:
            last = int(found.columns["time"][-1])
            # No event of this part, nor of those behind it, comes before the last of the page.
            if edge < last if selection.descending else edge > last:
                break
        columns = candidates(parts[place], place, start, end, selection)
        if columns is not None and len(columns["id"]):
            found = first_of(found, columns, selection)
    return found


def find(parts: Sequence[AnyPart], account: int, time: int, event_id: int, opened: OpenFiles) -> Found | None:
    """The row of one event by its time (Unix seconds) and id; None if there is none.

    Raises EventStoreError if a part can't be read or is damaged.
    """
    if not selecting.is_built():
        return find_in_python(parts, account, time, event_id)
    with files_of_parts(parts, opened) as files:
        rows = selecting.find_event([part.searched for part in parts], files, account, time, event_id)
    return found_of(parts, rows)


def find_in_python(parts: Sequence[AnyPart], account: int, time: int, event_id: int) -> Found | None:
    """The same without the compiled search."""
    for place, part in enumerate(parts):
        start, end = part.account_rows(account)
        if start == end:
            continue
        oldest, newest = part.times_within(start, end)
        if not oldest <= time <= newest:
            continue
        row = part.lower_bound(start, end, time, event_id)
        if row < end:
            columns = columns_of(part, place, slice(row, row + 1))
            if columns["id"][0] == event_id and columns["time"][0] == time:
                return Found(columns)
    return None


def first_of(found: Found | None, columns: Chunk, selection: EventSelection) -> Found:
    """The first ``selection.count`` rows of both, in order."""
    if found is not None:
        columns = {name: np.concatenate([found.columns[name], column]) for name, column in columns.items()}
    order = np.lexsort((columns["id"], columns["time"]))
    if selection.descending:
        order = order[::-1]
    order = order[: selection.count]
    return Found({name: column[order] for name, column in columns.items()})


def candidates(part: AnyPart, place: int, start: int, end: int, selection: EventSelection) -> Chunk | None:
    """At least the first ``selection.count`` rows of a part that meet all conditions, if it has so many."""
    count = selection.count
    if selection.profiles is not None:
        return of_numbers(part, place, PROFILE, selection.profiles, start, end, selection)
    if selection.metrics is not None:
        return of_numbers(part, place, METRIC, selection.metrics, start, end, selection)
    own = slice(max(start, end - count), end) if selection.descending else slice(start, min(end, start + count))
    return columns_of(part, place, own)


def of_numbers(
    part: AnyPart, place: int, order: int, wanted: frozenset[int], start: int, end: int, selection: EventSelection
) -> Chunk | None:
    """The rows from ``start`` to ``end`` of some profiles, or of some metrics, the first of each."""
    numbers = numbers_of(wanted)
    if numbers is None or not len(numbers):
        return None
    starts, ends = part.entries(order, part.account_rows(selection.account), numbers, (start, end))
    metrics = None
    if order == PROFILE and selection.metrics is not None:
        metrics = np.array(sorted(selection.metrics), dtype=np.int64)
    found: list[Rows] = []
    for first, behind in zip(starts.tolist(), ends.tolist(), strict=True):
        if first < behind:
            rows = rows_within(part, order, first, behind, selection, metrics)
            if len(rows):
                found.append(rows)
    if not found:
        return None
    rows = found[0] if len(found) == 1 else np.sort(np.concatenate(found))
    rows = rows[-selection.count :] if selection.descending else rows[: selection.count]
    return columns_of(part, place, rows)


def rows_within(
    part: AnyPart,
    order: int,
    first: int,
    behind: int,
    selection: EventSelection,
    metrics: npt.NDArray[np.int64] | None,
) -> Rows:
    """The rows of the first of an order's entries from ``first`` to ``behind``, which are of one number.

    Rows ascend, and are in the order of time. Those of other metrics than ``metrics`` are passed over.
    """
    found: list[Rows] = []
    missing, size = selection.count, selection.count
    while missing > 0 and first < behind:
        if selection.descending:
            low, high = max(first, behind - size), behind
            behind = low
        else:
            low, high = first, min(behind, first + size)
            first = high
        rows = part.order_rows(order, low, high)
        if metrics is not None:
            rows = rows[np.isin(part.columns(rows, ("metric",))["metric"], metrics)]
        found.append(rows)
        missing -= len(rows)
        # Few of a profile's events are of the metric: look at more of them at once.
        size = min(size * 4, 65_536)
    if not found:
        return np.empty(0, dtype=np.int64)
    rows = np.concatenate(found[::-1] if selection.descending else found)
    return rows[-selection.count :] if selection.descending else rows[: selection.count]


def events_of(parts: Sequence[AnyPart], found: Found, account: int, opened: OpenFiles) -> StoredEvents:
    """The events of rows, of which there is one at least, in their order.

    There are fewer if their properties have more than PAGE_BYTES_MAX bytes: the last one is that with which they do.
    Raises EventStoreError if a file can't be read or is damaged.
    """
    read: list[tuple[TextColumn, TextColumn]] = []
    start, left, size = 0, PAGE_BYTES_MAX, len(found)
    while start < len(found) and left >= 0:
        some = found if size == len(found) else found.take(slice(start, start + size))
        texts = texts_of(parts, some, opened)
        if texts is None:
            size = -(-size // 2)
            continue
        read.append(texts)
        left -= len(texts[1].joined)
        start += len(some)
    events = made_of(found.take(slice(0, start)).columns, account, *joined_texts(read))
    return events[: events_within(events.properties.sizes, PAGE_BYTES_MAX)] if left < 0 else events


def joined_texts(read: Sequence[tuple[TextColumn, TextColumn]]) -> tuple[TextColumn, TextColumn]:
    """The unique ids and the properties of events that were read in pieces."""
    if len(read) == 1:
        return read[0]
    unique_ids, properties = (TextColumn.joining(columns) for columns in zip(*read, strict=True))
    return unique_ids, properties


def made_of(columns: Chunk, account: int, unique_ids: TextColumn, properties: TextColumn) -> StoredEvents:
    """Events from their columns."""
    values, currencies = columns["value"].tolist(), columns["currency"]
    return StoredEvents(
        account,
        columns["time"],
        columns["id"],
        columns["profile"].tolist(),
        columns["metric"].tolist(),
        [None if number != number else number for number in values],
        list(map(text_of_currency, currencies.tolist())) if currencies.any() else [""] * len(values),
        unique_ids,
        properties,
    )
