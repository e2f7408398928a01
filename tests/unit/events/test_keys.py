"""Keys side by side and rows in order, with the compiled calls and without them, against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.events import keys
from eventkeep.native import keys as native_keys

FEW = st.integers(0, 3) | st.integers(0, 2**64 - 1)
PAIRS = st.lists(st.tuples(FEW, FEW), max_size=40)
EVENTS = st.lists(
    st.tuples(st.integers(0, 2) | st.just(2**32 - 1), st.integers(-5, 5) | st.integers(-(2**62), 2**62), FEW, FEW),
    max_size=40,
)


@pytest.fixture(params=["compiled", "numpy"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "numpy":
        monkeypatch.setattr(native_keys, "is_built", lambda: False)
    elif not native_keys.is_built():
        pytest.skip("the compiled library was not built")


def halves(pairs: list[tuple[int, int]]) -> keys.Halves:
    return (
        np.array([pair[0] for pair in pairs], dtype=np.uint64),
        np.array([pair[1] for pair in pairs], dtype=np.uint64),
    )


@given(PAIRS, PAIRS)
def test_first_keys(own: list[tuple[int, int]], earlier: list[tuple[int, int]]) -> None:
    expected = [key not in earlier and key not in own[:place] for place, key in enumerate(own)]
    assert keys.first_keys(halves(own), halves(earlier)).tolist() == expected


@given(PAIRS, PAIRS)
def test_stored_keys(stored: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    assert keys.find_keys(halves(stored), halves(asked)).tolist() == [key in stored for key in asked]


@given(st.lists(FEW, max_size=60))
def test_words_in_order(words: list[int]) -> None:
    order = keys.sorted_words(np.array(words, dtype=np.uint64)).tolist()
    assert order == sorted(range(len(words)), key=words.__getitem__)


@given(EVENTS)
def test_rows_in_order(events: list[tuple[int, int, int, int]]) -> None:
    accounts = np.array([event[0] for event in events], dtype=np.uint32)
    times = np.array([event[1] for event in events], dtype=np.int64)
    order = keys.sorted_rows(accounts, times, halves([event[2:] for event in events])).tolist()
    assert [events[place] for place in order] == sorted(events)
    assert sorted(order) == list(range(len(events)))


def test_many_rows_that_differ_in_their_last_bits() -> None:
    count = keys.TIES_MAX + 10
    lows = np.arange(count, dtype=np.uint64)[::-1].copy()
    same = np.zeros(count, dtype=np.uint64)
    order = keys.sorted_rows(np.ones(count, dtype=np.uint32), np.zeros(count, dtype=np.int64), (same, lows))
    assert order.tolist() == list(range(count))[::-1]
