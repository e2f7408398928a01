"""The parameters of our own operations, and the form of positions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import InvalidRequest
from eventkeep.limits import FEED_WAIT_SECONDS_MAX, PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX, QUERY_BYTES_MAX
from eventkeep.protocol.admin.positions import Position, parse_position
from eventkeep.protocol.admin.queries import (
    MetricsQuery,
    ProfilesQuery,
    TailQuery,
    parse_metrics_query,
    parse_no_parameters,
    parse_profiles_query,
    parse_tail_query,
)


def test_nothing_asked_is_the_first_page_of_all() -> None:
    assert parse_metrics_query(b"") == MetricsQuery(page_size=PAGE_EVENTS_DEFAULT)
    assert parse_profiles_query(b"") == ProfilesQuery(page_size=PAGE_EVENTS_DEFAULT, descending=False)
    assert parse_tail_query(b"") == TailQuery(after=None, wait_seconds=0)
    assert parse_no_parameters(b"").parameters == ()


def test_parameters_are_parsed() -> None:
    metrics = parse_metrics_query(b"name=Placed+Order&page%5Bsize%5D=7&page[cursor]=abc123")
    assert (metrics.name, metrics.page_size, metrics.cursor) == ("Placed Order", 7, "abc123")
    assert metrics.next_page("def456") == [
        ("name", "Placed Order"),
        ("page[size]", "7"),
        ("page[cursor]", "def456"),
    ]
    assert parse_profiles_query(b"email=%20ADA@Shop.example").identifier == ("email", "ada@shop.example")
    assert parse_profiles_query(b"phone_number=%2B1 500 555 0006").identifier == ("phone_number", "+15005550006")
    assert parse_profiles_query(b"external_id=A%201").identifier == ("external_id", "A 1")
    assert parse_profiles_query(b"sort=-created").descending
    tail = parse_tail_query(b"after=0a1b2c3d-7-2&wait_seconds=30&include=profile,metric,profile")
    assert (tail.after, tail.wait_seconds, tail.includes) == (Position("0a1b2c3d", 7, 2), 30, ("profile", "metric"))
    assert tail.scopes == ("profiles:read", "metrics:read")


@pytest.mark.parametrize(
    ("parse", "query", "parameters"),
    [
        (parse_no_parameters, b"page[size]=1", ["page[size]"]),
        (parse_metrics_query, b"email=ada@shop.example", ["email"]),
        (parse_metrics_query, b"name=", ["name"]),
        (parse_metrics_query, b"name=%ff", ["name"]),
        (parse_metrics_query, b"name=a&name=b", ["name"]),
        (parse_metrics_query, b"page[size]=0&page[cursor]=", ["page[size]", "page[cursor]"]),
        (parse_metrics_query, f"page[size]={PAGE_EVENTS_MAX + 1}".encode(), ["page[size]"]),
        (parse_metrics_query, "page[size]=\N{SUPERSCRIPT TWO}".encode(), ["page[size]"]),
        (parse_metrics_query, b"page[size]=-1", ["page[size]"]),
        (parse_profiles_query, b"email=nobody", ["email"]),
        (parse_profiles_query, b"phone_number=12&sort=email", ["phone_number", "sort"]),
        (parse_profiles_query, b"email=ada@shop.example&external_id=1", ["external_id"]),
        (parse_tail_query, f"wait_seconds={FEED_WAIT_SECONDS_MAX + 1}".encode(), ["wait_seconds"]),
        (parse_tail_query, b"include=attributions&x=1", ["x", "include"]),
        (parse_tail_query, b"after=0a1b2c3d-0-0", ["after"]),
        (parse_tail_query, b"after=nonsense&wait_seconds=1.5", ["after", "wait_seconds"]),
    ],
)
def test_every_fault_names_its_parameter(parse: object, query: bytes, parameters: list[str]) -> None:
    assert callable(parse)
    with pytest.raises(InvalidRequest) as refused:
        parse(query)
    assert [fault.parameter for fault in refused.value.faults] == parameters


def test_query_that_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(InvalidRequest, match="at most"):
        parse_metrics_query(b"name=" + b"a" * QUERY_BYTES_MAX)


@given(
    st.builds(
        Position,
        st.binary(min_size=4, max_size=4).map(bytes.hex),
        st.integers(1, 10**18 - 1),
        st.integers(0, 10**9 - 1),
    )
)
def test_positions_are_read_as_they_are_written(position: Position) -> None:
    assert parse_position(str(position)) == position


@given(st.text("0123456789abcdef-", max_size=40))
def test_invalid_positions_are_refused(text: str) -> None:
    try:
        position = parse_position(text)
    except InvalidRequest as refused:
        assert [fault.parameter for fault in refused.faults] == ["after"]
    else:
        assert parse_position(str(position)) == position
