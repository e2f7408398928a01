from __future__ import annotations

import datetime
import operator
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.protocol.conditions import condition_faults
from eventkeep.protocol.filters import Filter, Value, parse_filter
from eventkeep.protocol.reads.conditions import EVENT_TIME_MAX, event_bounds, future_faults
from eventkeep.protocol.revisions import REVISIONS

NEWEST = REVISIONS[-1]
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "greater-than": operator.gt,
    "greater-or-equal": operator.ge,
    "less-than": operator.lt,
    "less-or-equal": operator.le,
}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
TIMES = st.integers(0, 20)
TIME_VALUES = st.one_of(
    st.integers(-3, 23).map(lambda seconds: ("timestamp", seconds, float(seconds))),
    st.integers(-6, 46).map(lambda half: ("timestamp", half / 2, half / 2)),
    st.integers(-6, 46).map(lambda half: ("datetime", EPOCH + datetime.timedelta(seconds=half / 2), half / 2)),
)


@given(st.lists(st.tuples(st.sampled_from(sorted(COMPARISONS)), TIME_VALUES), min_size=1, max_size=4), TIMES)
def test_bounds_select_the_same_as_the_conditions(
    comparisons: list[tuple[str, tuple[str, Value, float]]], time: int
) -> None:
    conditions = [Filter.where(name, field, value).conditions[0] for name, (field, value, _) in comparisons]
    bounds = event_bounds(conditions)
    low = 0 if bounds.time_min is None else bounds.time_min
    high = EVENT_TIME_MAX if bounds.time_max is None else bounds.time_max
    expected = all(COMPARISONS[name](time, seconds) for name, (_, _, seconds) in comparisons)
    assert (not bounds.is_empty and low <= time <= high) == expected


@pytest.mark.parametrize(
    ("text", "is_empty"),
    [
        ('equals(metric_id,"a"),equals(metric_id,"a")', False),
        ('equals(metric_id,"a"),equals(metric_id,"b")', True),
        ('equals(metric_id,"a"),equals(profile_id,"b")', False),
        ("has(profile),has(metric)", False),
        ("less-than(timestamp,0)", True),
        ("less-or-equal(timestamp,0)", False),
        (f"greater-than(timestamp,{EVENT_TIME_MAX})", True),
        ("greater-than(timestamp,9223372036854775807)", True),
        ("greater-than(timestamp,5),less-than(timestamp,6)", True),
    ],
)
def test_contradictions_choose_nothing(text: str, is_empty: bool) -> None:
    filtered = parse_filter(text)
    assert condition_faults(filtered, NEWEST.filters) == []
    assert event_bounds(filtered.conditions).is_empty == is_empty


def test_ids_are_bounds() -> None:
    bounds = event_bounds(parse_filter('equals(metric_id,"a"),equals(profile_id,"b")').conditions)
    assert (bounds.metric_ids, bounds.profile_id, bounds.time_min, bounds.time_max) == (
        frozenset("a"),
        "b",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "chosen", "named"),
    [
        ('equals(metric_id,["a","b"])', {"a", "b"}, ("a", "b")),
        ('equals(metric_id,["a","b"]),equals(metric_id,["b","c"])', {"b"}, ("a", "b", "c")),
        ('equals(metric_id,["a","b"]),equals(metric_id,"c")', set[str](), ("a", "b", "c")),
        ("equals(metric_id,[])", set[str](), ()),
    ],
)
def test_metrics_of_a_list_are_bounds(text: str, chosen: set[str], named: tuple[str, ...]) -> None:
    bounds = event_bounds(parse_filter(text).conditions)
    assert (bounds.metric_ids, bounds.named_metric_ids) == (frozenset(chosen), named)
    assert bounds.is_empty == (not chosen)


def test_lists_and_decimals_are_of_newer_revisions() -> None:
    for text in ('equals(metric_id,["a"])', "greater-than(timestamp,1.5)"):
        filtered = parse_filter(text)
        for revision in REVISIONS:
            assert bool(condition_faults(filtered, revision.filters)) == (revision.date < "2026-04-15")


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("seconds", [99, 100, 101])
def test_lower_bounds_lie_not_in_the_future(name: str, seconds: int) -> None:
    conditions = Filter.where(name, "datetime", EPOCH + datetime.timedelta(seconds=seconds)).conditions
    is_refused = seconds > 100 and name.startswith("greater")
    assert [fault.parameter for fault in future_faults(conditions, 100.5)] == ["filter"] * is_refused
    assert future_faults(Filter.where(name, "timestamp", seconds).conditions, 100.5) == []


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (
            'equals(name,"x")',
            "'name' is not an allowed filter field for this resource.  "
            "Allowed fields are metric_id, profile_id, datetime, timestamp, profile, metric",
        ),
        (
            'contains(metric_id,"x")',
            "'contains' is not an allowed filter operator for metric_id.  Allowed operators are equals",
        ),
        (
            "equals(timestamp,1)",
            "'equals' is not an allowed filter operator for timestamp.  "
            "Allowed operators are greater-than, greater-or-equal, less-than, less-or-equal",
        ),
        ("has(datetime)", "'has' is not an allowed filter operator for datetime.  "),
        ("equals(profile_id,5)", "Invalid filter provided: expected a string in quotes for profile_id, got 5."),
        ("equals(metric_id,null)", "expected a string in quotes or a list of strings for metric_id, got null."),
        ('equals(metric_id,["a",5])', 'for metric_id, got ["a",5].'),
        ('equals(profile_id,["a"])', 'for profile_id, got ["a"].'),
        (
            'greater-than(datetime,"2024-06-15")',
            'expected a datetime without quotes, like 2024-06-15T12:00:00Z for datetime, got "2024-06-15".',
        ),
        ("greater-than(datetime,5)", "for datetime, got 5."),
        ("greater-than(timestamp,true)", "expected a number of Unix seconds for timestamp, got true."),
        ("greater-than(timestamp,2024-06-15)", "for timestamp, got 2024-06-15T00:00:00Z."),
    ],
)
def test_faults_have_the_words_of_the_service(text: str, detail: str) -> None:
    (fault,) = condition_faults(parse_filter(text), NEWEST.filters)
    assert fault.parameter == "filter"
    assert detail in fault.detail


def test_every_condition_is_looked_at() -> None:
    faults = condition_faults(parse_filter('equals(name,"x"),has(profile),equals(metric_id,5)'), NEWEST.filters)
    assert len(faults) == 2
