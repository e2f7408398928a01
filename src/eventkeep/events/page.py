"""Pages: the first events of a selection in its order, out of all parts of a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.found import PAGE_COLUMNS, AnyPart, Found, columns_of, text_of_currency, texts_of
from eventkeep.events.rows import Chunk, Rows, bounds
from eventkeep.events.segment import METRIC, PROFILE
from eventkeep.events.selection import EventSelection
from eventkeep.limits import PAGE_BYTES_MAX
from eventkeep.model.event import StoredEvent
from eventkeep.model.event_columns import TextColumn


def select(parts: Sequence[AnyPart], selection: EventSelection) -> Found | None:
    """Up to ``selection.count`` rows in the selection's order; None if there are none."""
    if not selection.count or selection.profiles == frozenset() or selection.metrics == frozenset():
        return None
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
    numbers = np.array(sorted(number for number in wanted if 0 <= number < 1 << 32), dtype=np.uint32)
    if not len(numbers):
        return None
    whole = part.account_rows(selection.account)
    starts, ends = part.entries(order, *whole, numbers)
    metrics = None
    if order == PROFILE and selection.metrics is not None:
        metrics = np.array(sorted(selection.metrics), dtype=np.int64)
    found: list[Rows] = []
    for first, behind in zip(starts.tolist(), ends.tolist(), strict=True):
        if first < behind:
            rows = rows_within(part, order, first, behind, start, end, selection, metrics)
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
    start: int,
    end: int,
    selection: EventSelection,
    metrics: npt.NDArray[np.int64] | None,
) -> Rows:
    """Of an order's entries from ``first`` to ``behind``, which are of one number, the first rows in the range.

    Rows ascend, and are in the order of time.
    """
    if (start, end) != part.account_rows(selection.account):
        first, behind = entries_within(part, order, first, behind, start, end)
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


def entries_within(part: AnyPart, order: int, first: int, behind: int, start: int, end: int) -> tuple[int, int]:
    """Which of an order's entries, whose rows ascend, have rows from ``start`` to ``end``."""
    size = 256
    if behind - first <= size * 4:
        rows = part.order_rows(order, first, behind)
        return first + int(np.searchsorted(rows, start)), first + int(np.searchsorted(rows, end))
    return lower_entry(part, order, first, behind, start), lower_entry(part, order, first, behind, end)


def lower_entry(part: AnyPart, order: int, first: int, behind: int, row: int) -> int:
    """The first of an order's entries whose row is not before ``row``."""
    while first < behind:
        if behind - first <= 256:
            return first + int(np.searchsorted(part.order_rows(order, first, behind), row))
        middle = (first + behind) // 2
        if int(part.order_rows(order, middle, middle + 1)[0]) < row:
            first = middle + 1
        else:
            behind = middle
    return first


def events_of(parts: Sequence[AnyPart], found: Found, account: int, opened: OpenFiles) -> list[StoredEvent]:
    """The events of rows, in their order; fewer if their properties have more than PAGE_BYTES_MAX bytes.

    The last one is then that with which they do.
    """
    events: list[StoredEvent] = []
    start, total, size = 0, 0, len(found)
    while start < len(found):
        some = found.take(slice(start, start + size))
        columns = texts_of(parts, some, opened)
        if columns is None:
            size = -(-size // 2)
            continue
        numbers = [some.columns[name].tolist() for name in PAGE_COLUMNS]
        texts = [texts_at(column) for column in columns]
        for time, event_id, profile, metric, value, currency, unique_id, properties in zip(
            *numbers, *texts, strict=True
        ):
            events.append(
                StoredEvent(
                    account,
                    time,
                    event_id,
                    profile,
                    metric,
                    unique_id.decode(),
                    value if value == value else None,
                    text_of_currency(currency),
                    properties,
                )
            )
            total += len(properties)
            if total > PAGE_BYTES_MAX:
                return events
        start += len(some)
    return events


def texts_at(column: TextColumn) -> list[bytes]:
    """The texts of a column."""
    offsets, joined = column.offsets().tolist(), column.joined
    return [joined[begin:end] for begin, end in pairwise(offsets)]
