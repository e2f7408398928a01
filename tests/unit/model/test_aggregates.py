"""Buckets in time zones, and sums over them, against a plain model."""

from __future__ import annotations

import datetime
from collections import defaultdict
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.model import aggregates
from eventkeep.model.aggregates import BucketFinder, GroupedTotals, Totals, bucket_edges
from eventkeep.model.interval import Interval

ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia"]
INTERVALS: list[Interval] = ["hour", "day", "week", "month"]


def seconds(text: str, zone: str) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


def edges(start: str, end: str, interval: Interval, zone: str) -> list[str]:
    """The edges in the zone's own time."""
    found = bucket_edges(seconds(start, zone), seconds(end, zone), interval, ZoneInfo(zone))
    return [datetime.datetime.fromtimestamp(edge, ZoneInfo(zone)).isoformat() for edge in found]


@pytest.mark.parametrize(
    ("start", "end", "interval", "zone", "expected"),
    [
        (
            "2025-03-08",
            "2025-03-11",
            "day",
            "America/New_York",
            [
                "2025-03-08T00:00:00-05:00",
                "2025-03-09T00:00:00-05:00",
                "2025-03-10T00:00:00-04:00",
                "2025-03-11T00:00:00-04:00",
            ],
        ),
        (
            "2025-03-05T13:00",
            "2025-03-12",
            "week",
            "America/New_York",
            ["2025-03-03T00:00:00-05:00", "2025-03-10T00:00:00-04:00", "2025-03-17T00:00:00-04:00"],
        ),
        (
            "2025-10-31",
            "2025-12-01",
            "month",
            "America/New_York",
            ["2025-10-01T00:00:00-04:00", "2025-11-01T00:00:00-04:00", "2025-12-01T00:00:00-05:00"],
        ),
        (
            "2025-03-09T01:00",
            "2025-03-09T04:00",
            "hour",
            "America/New_York",
            ["2025-03-09T01:00:00-05:00", "2025-03-09T03:00:00-04:00", "2025-03-09T04:00:00-04:00"],
        ),
        (
            # Clocks went from midnight to one o'clock.
            "2018-11-03",
            "2018-11-06",
            "day",
            "America/Sao_Paulo",
            [
                "2018-11-03T00:00:00-03:00",
                "2018-11-04T01:00:00-02:00",
                "2018-11-05T00:00:00-02:00",
                "2018-11-06T00:00:00-02:00",
            ],
        ),
        (
            # 30 December was not there at all.
            "2011-12-29",
            "2012-01-01",
            "day",
            "Pacific/Apia",
            ["2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00"],
        ),
    ],
)
def test_buckets_begin_in_the_time_of_the_zone(
    start: str, end: str, interval: Interval, zone: str, expected: list[str]
) -> None:
    assert edges(start, end, interval, zone) == expected


@given(
    st.integers(seconds("2010-01-01", "UTC"), seconds("2026-01-01", "UTC")),
    st.integers(1, 40 * 86_400),
    st.sampled_from(INTERVALS),
    st.sampled_from(ZONES),
)
def test_buckets_cover_the_range_in_order(start: int, length: int, interval: Interval, zone: str) -> None:
    found = bucket_edges(start, start + length, interval, ZoneInfo(zone))
    assert found == sorted(set(found))
    assert found[0] <= start < found[1]
    assert found[-2] < start + length <= found[-1]
    finder = BucketFinder(found)
    times = np.array([start, start + length // 2, start + length - 1, *found[:-1]], dtype=np.int64)
    expected = [max(place for place, edge in enumerate(found) if edge <= time) for time in times.tolist()]
    assert finder.find(times).tolist() == expected


def test_edges_that_no_quarter_holds_are_found_too() -> None:
    finder = BucketFinder([0, 100, 1000])
    assert finder.find(np.array([0, 99, 100, 999], dtype=np.int64)).tolist() == [0, 0, 1, 1]


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(0, 6), st.integers(1, 9), st.one_of(st.none(), st.integers(-5, 5).map(float))
    ),
    max_size=60,
)


@pytest.mark.parametrize("held", [4, 16_000_000])
@given(events=EVENTS, cut=st.integers(0, 60))
def test_sums_are_those_of_a_plain_loop(held: int, events: list[tuple[int, int, int, float | None]], cut: int) -> None:
    count: dict[int, int] = defaultdict(int)
    total: dict[int, float] = defaultdict(float)
    unique: dict[int, set[int]] = defaultdict(set)
    for _, bucket, profile, value in events:
        count[bucket] += 1
        total[bucket] += value or 0.0
        unique[bucket].add(profile)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aggregates, "AGGREGATE_PROFILES_HELD_MAX", held)
        totals = Totals(7, with_unique=True)
        for part in (events[:cut], events[cut:]):
            totals.add(*columns(part)[1:])
    assert totals.count.tolist() == [count[bucket] for bucket in range(7)]
    assert totals.sum_value.tolist() == [total[bucket] for bucket in range(7)]
    assert totals.unique().tolist() == [len(unique[bucket]) for bucket in range(7)]


@given(events=EVENTS, wanted=st.lists(st.integers(0, 4), unique=True))
def test_groups_are_those_of_a_plain_loop(events: list[tuple[int, int, int, float | None]], wanted: list[int]) -> None:
    grouped = GroupedTotals(7)
    for part in (events[::2], events[1::2]):
        if part:
            grouped.add(*columns(part))
    found = grouped.of(wanted, ["count", "unique", "sum_value"])
    for row, measured in zip(wanted, found, strict=True):
        for bucket in range(7):
            chosen = [event for event in events if event[:2] == (row, bucket)]
            assert measured["count"][bucket] == len(chosen)
            assert measured["unique"][bucket] == len({event[2] for event in chosen})
            assert measured["sum_value"][bucket] == sum(event[3] or 0.0 for event in chosen)
    for measurement in ("count", "unique", "sum_value"):
        totals = grouped.totals(5, measurement)
        every = grouped.of(range(5), [measurement])
        assert totals.tolist() == [each[measurement].sum() for each in every]


def columns(
    events: list[tuple[int, int, int, float | None]],
) -> tuple[aggregates.Buckets, aggregates.Buckets, aggregates.Numbers, aggregates.Values]:
    return (
        np.array([event[0] for event in events], dtype=np.int64),
        np.array([event[1] for event in events], dtype=np.int64),
        np.array([event[2] for event in events], dtype=np.uint32),
        np.array([np.nan if event[3] is None else event[3] for event in events], dtype=np.float64),
    )
