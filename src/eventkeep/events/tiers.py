"""Which segments are merged next: neighbours of about one size, so that each event is written a few times only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eventkeep.limits import SEGMENT_ROWS_MAX

MERGED_AT_ONCE: Final = 8
"""Neighbours that are merged together, and the factor between the sizes of two levels."""
MERGED_AT_ONCE_MAX: Final = 32
LARGE_SHARE: Final = 0.75
"""The share of the rows of a merge that its largest input may have: past it, writing them again gains too little."""
_LEVEL_BITS: Final = 3


def level(rows: int) -> int:
    """0 for up to 7 rows, and one more for each factor of MERGED_AT_ONCE."""
    return max(0, rows.bit_length() - 1) // _LEVEL_BITS


def next_merge(rows: Sequence[int]) -> tuple[int, int] | None:
    """The first and the end of the neighbours to merge, from the rows of each; None if all is well.

    Small ones come first. A merge begins and ends with segments of one level, and those between them are of
    no higher one. Segments that are at least half as large as a segment can be stay as they are.
    """
    is_full = [count >= SEGMENT_ROWS_MAX // 2 for count in rows]
    levels = [level(count) for count in rows]
    for highest in sorted({own for own, full in zip(levels, is_full, strict=True) if not full}):
        start = 0
        while start < len(rows):
            end = start
            while end < len(rows) and not is_full[end] and levels[end] <= highest:
                end += 1
            if (found := _window(rows, levels, highest, start, end)) is not None:
                return found
            start = end + 1
    return None


def _window(rows: Sequence[int], levels: Sequence[int], highest: int, start: int, end: int) -> tuple[int, int] | None:
    """Neighbours from ``start`` to ``end`` that are worth merging, the oldest first."""
    places = [place for place in range(start, end) if levels[place] == highest]
    for first in places:
        total = largest = 0
        fitting = first
        for place in range(first, min(end, first + MERGED_AT_ONCE_MAX)):
            total, largest = total + rows[place], max(largest, rows[place])
            if total > SEGMENT_ROWS_MAX:
                # As many as fit are merged, unless they are few.
                return (first, fitting) if fitting - first >= MERGED_AT_ONCE // 2 else None
            if levels[place] == highest:
                fitting = place + 1
                if fitting - first >= MERGED_AT_ONCE and largest <= LARGE_SHARE * max(1, total):
                    return first, fitting
    return None
