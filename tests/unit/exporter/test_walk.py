from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.exporter import walk
from eventkeep.exporter.records import Record
from eventkeep.exporter.walk import in_order
from tests.unit.exporter.made_records import record


def keys(batches: list[list[Record]]) -> list[tuple[int, str]]:
    return [(each.time, each.unique_id) for batch in batches for each in batch]


@given(
    st.lists(st.tuples(st.integers(1, 4), st.text("abc", max_size=2)), max_size=30), st.integers(1, 7), st.booleans()
)
def test_events_of_one_second_come_in_one_order_however_the_pages_are_cut(
    events: list[tuple[int, str]], page: int, is_backward: bool
) -> None:
    by_time = sorted(events, key=lambda event: -event[0] if is_backward else event[0])
    records = [record(unique_id, time) for time, unique_id in by_time]
    pages = [records[start : start + page] for start in range(0, len(records), page)]
    found = keys(list(in_order(pages)))
    assert found == sorted(events, key=lambda event: (-event[0] if is_backward else event[0], event[1]))


def test_too_many_of_one_second_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "EXPORT_TIES_MAX", 4)
    pages = [[record("c", 1), record("b", 1)], [record("a", 1), record("e", 1)], [record("d", 1), record("f", 2)]]
    found = list(in_order(pages))
    assert [[each.unique_id for each in batch] for batch in found] == [["a", "b", "c", "e"], ["d"], ["f"]]


def test_metrics_and_profiles_distinguish_events_with_the_same_unique_id() -> None:
    one = record()
    others = [
        record(metric=type(one.metric)("x", "Another")),
        record(metric=type(one.metric)("x", "Placed Order", "shop")),
        record(profile=type(one.profile)("x", email="ada@shop.example")),
    ]
    assert len({each.order for each in (one, *others)}) == 4
    assert [first.order <= second.order for first, second in pairwise(next(iter(in_order([[one, *others]]))))] == [
        True
    ] * 3
