"""A scan does not part the events of a second."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.events.scan import end_of_second, whole_seconds

PLENTY = 10**9


def chunks_of(times: list[int], size: int, rows_max: int = PLENTY) -> list[list[int]]:
    """The times of the rows of each chunk; rows come ``size`` at a time, and their order is asserted."""
    columns = {"time": np.array(times, dtype=np.int64), "id": np.arange(len(times))}
    given = [{name: c[start : start + size] for name, c in columns.items()} for start in range(0, len(times), size)]
    chunks = list(whole_seconds(given, rows_max))
    assert [id for chunk in chunks for id in chunk["id"].tolist()] == list(range(len(times)))
    return [chunk["time"].tolist() for chunk in chunks]


@given(st.lists(st.integers(1, 6), max_size=30), st.integers(1, 7), st.booleans())
def test_no_second_is_in_two_chunks(times: list[int], size: int, is_descending: bool) -> None:
    chunks = chunks_of(sorted(times, reverse=is_descending), size)
    assert all(first[-1] != second[0] for first, second in pairwise(chunks))


def test_large_second_comes_in_parts() -> None:
    assert chunks_of([1, 1, 1, 1, 1, 2], 2, rows_max=3) == [[1, 1, 1, 1], [1], [2]]


def test_part_of_a_chunk_ends_behind_a_second() -> None:
    times = np.array([1, 1, 2, 2, 2, 3], dtype=np.int64)
    assert [end_of_second(times, 0, size) for size in (1, 2, 3, 4, 5, 6, 9)] == [1, 2, 2, 2, 5, 6, 6]
    assert [end_of_second(times, 2, size) for size in (1, 2, 3)] == [3, 4, 5]
