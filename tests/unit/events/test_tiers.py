"""Which segments are merged: every sequence of flushes leaves few, and each event is written a few times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventkeep.events.tiers import next_merge
from eventkeep.limits import SEGMENT_ROWS_MAX

SIZES = st.sampled_from([0, 1, 8, 60, 1_000, 30_000, 200_000])


def settle(sizes: list[int], flushes: list[int]) -> int:
    """Add the flushes one by one and merge when it is due; returns the rows that merges wrote."""
    written = 0
    for size in flushes:
        sizes.append(size)
        while (found := next_merge(sizes)) is not None:
            first, end = found
            total = sum(sizes[first:end])
            assert end - first >= 4
            assert total <= SEGMENT_ROWS_MAX
            written += total
            sizes[first:end] = [total]
    return written


def test_small_flushes_end_in_few_segments() -> None:
    sizes: list[int] = []
    written = settle(sizes, [8] * 10_000)
    assert len(sizes) <= 7 * 5
    assert written <= 6 * 80_000


def test_large_flushes_end_in_full_segments() -> None:
    sizes: list[int] = []
    written = settle(sizes, [200_000] * 500)
    assert len(sizes) <= 30
    assert written <= 4 * 100_000_000


@given(st.lists(SIZES, max_size=300))
def test_any_flushes_end_in_few_segments(flushes: list[int]) -> None:
    sizes: list[int] = []
    settle(sizes, flushes)
    assert sum(sizes) == sum(flushes)
    assert len(sizes) <= 60 + sum(flushes) // (SEGMENT_ROWS_MAX // 2)


def test_nothing_is_merged_for_few_segments() -> None:
    assert next_merge([]) is None
    assert next_merge([100] * 7) is None
    assert next_merge([SEGMENT_ROWS_MAX] * 40) is None
