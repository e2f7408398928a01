"""Filters, sorts and pages over random small stores return the result of a list comprehension."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from eventkeep.testing import ServerProcess
from tests.contract.api import PAGED_REVISION, Api, iso
from tests.folder_changes import new_key

START: Final = 1_718_452_800
METRICS: Final = ("Order", "View", "Click")
PROFILES: Final = ("ada", "bob", "cyd")
UNKNOWN: Final = "ZZZZZZ"
OPERATORS: Final = {
    "greater-than": lambda time, bound: time > bound,
    "greater-or-equal": lambda time, bound: time >= bound,
    "less-than": lambda time, bound: time < bound,
    "less-or-equal": lambda time, bound: time <= bound,
}


class Sent(msgspec.Struct, frozen=True, order=True):
    """A sent event; few values each, so that many share a second, and some are duplicates."""

    second: int
    metric: str
    profile: str
    unique_id: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.profile, self.metric, self.unique_id


class Question(msgspec.Struct, frozen=True):
    """Conditions, (operator, field, value), that must all hold, and a sort."""

    conditions: tuple[tuple[str, str, Any], ...]
    sort: str
    is_and: bool

    def holds(self, event: Sent) -> bool:
        for operator, field, value in self.conditions:
            if field in ("timestamp", "datetime") and not OPERATORS[operator](START + event.second, value):
                return False
            if field == "metric_id" and event.metric != value:
                return False
            if field == "profile_id" and event.profile != value:
                return False
        return True

    def query(self, ids: dict[str, str]) -> dict[str, str]:
        """The query parameters; ``ids`` are those of metrics and profiles by name."""
        written = []
        for operator, field, value in self.conditions:
            if operator == "has":
                written.append(f"has({field})")
            elif field == "timestamp":
                written.append(f"{operator}({field},{value})")
            elif field == "datetime":
                written.append(f"{operator}({field},{iso(value)})")
            else:
                written.append(f'equals({field},"{ids.get(value, UNKNOWN)}")')
        joined = ",".join(written)
        filtered = {"filter": f"and({joined})" if self.is_and else joined} if written else {}
        return {**filtered, "sort": self.sort}

    def is_of_unknown_metric(self, ids: dict[str, str]) -> bool:
        """Whether the server must refuse the question: there is no metric of the asked name yet."""
        return any(field == "metric_id" and value not in ids for _, field, value in self.conditions)


sent_events: Final = st.builds(
    Sent,
    second=st.integers(0, 5),
    metric=st.sampled_from(METRICS),
    profile=st.sampled_from(PROFILES),
    unique_id=st.sampled_from("abcd"),
)
time_conditions: Final = st.tuples(
    st.sampled_from(sorted(OPERATORS)), st.sampled_from(["timestamp", "datetime"]), st.integers(START - 1, START + 6)
)
conditions: Final = st.one_of(
    time_conditions,
    st.tuples(st.just("equals"), st.just("metric_id"), st.sampled_from([*METRICS, "Nothing"])),
    st.tuples(st.just("equals"), st.just("profile_id"), st.sampled_from([*PROFILES, "nobody"])),
    st.tuples(st.just("has"), st.sampled_from(["profile", "metric"]), st.none()),
)
questions: Final = st.builds(
    Question,
    conditions=st.lists(conditions, max_size=3).map(tuple),
    sort=st.sampled_from(["datetime", "-datetime", "timestamp", "-timestamp"]),
    is_and=st.booleans(),
)
EXAMPLES: Final = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class Stores:
    """Accounts of one server, a new and empty one for each example."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._numbers = itertools.count()

    def new(self) -> Api:
        key = new_key(self._server.data, f"paging {next(self._numbers)}")
        return Api(self._server.url, key, PAGED_REVISION)


@pytest.fixture(scope="module")
def stores(server: ServerProcess) -> Stores:
    return Stores(server)


def store(api: Api, events: list[Sent]) -> None:
    if events:
        api.create_many(
            [
                (
                    event.metric,
                    {"external_id": event.profile},
                    {"unique_id": event.unique_id, "time": iso(START + event.second)},
                )
                for event in events
            ]
        )


def first_of_each_key(events: list[Sent]) -> list[Sent]:
    kept: dict[tuple[str, str, str], Sent] = {}
    for event in events:
        kept.setdefault(event.key, event)
    return list(kept.values())


def read(api: Api, query: dict[str, str]) -> tuple[list[tuple[str, Sent]], dict[str, str]]:
    """The events of a page with their public ids, and the ids of metrics and profiles by name."""
    page = api.page(include="metric,profile", **query)
    names = {
        item["id"]: item["attributes"].get("name") or item["attributes"]["external_id"] for item in page["included"]
    }
    events = [
        (
            event["id"],
            Sent(
                event["attributes"]["timestamp"] - START,
                names[event["relationships"]["metric"]["data"]["id"]],
                names[event["relationships"]["profile"]["data"]["id"]],
                event["attributes"]["event_properties"]["$event_id"],
            ),
        )
        for event in page["data"]
    ]
    return events, {name: identity for identity, name in names.items()}


@EXAMPLES
@given(events=st.lists(sent_events, max_size=25), asked=st.lists(questions, min_size=1, max_size=4))
def test_any_filter_and_sort_gives_the_result_of_a_list_comprehension(
    stores: Stores, events: list[Sent], asked: list[Question]
) -> None:
    with stores.new() as api:
        store(api, events[: len(events) // 2])
        store(api, events[len(events) // 2 :])
        everything, ids = read(api, {"page[size]": "1000", "sort": "datetime"})
        assert sorted([event for _, event in everything]) == sorted(first_of_each_key(events))
        assert [identity for identity, _ in everything] == sorted(identity for identity, _ in everything)
        for question in asked:
            if question.is_of_unknown_metric(ids):
                assert api.call("get_events", query=question.query(ids)).status_code == 400
                continue
            found, _ = read(api, {"page[size]": "1000", **question.query(ids)})
            # Public ids sort as (time, id) does.
            chosen = [each for each in everything if question.holds(each[1])]
            assert found == (chosen[::-1] if question.sort.startswith("-") else chosen)


def walk(api: Api, page: dict[str, Any], way: str, inserts: Iterator[list[Sent]]) -> list[dict[str, Any]]:
    """The pages from ``page`` on, in one direction; before each step some events arrive."""
    pages = [page]
    while (link := pages[-1]["links"][way]) is not None:
        store(api, next(inserts, []))
        response = api.http.get(link)
        assert response.status_code == 200
        pages.append(response.json())
        assert len(pages) < 100
    return pages


def ids_of(pages: list[dict[str, Any]]) -> list[str]:
    return [event["id"] for page in pages for event in page["data"]]


@EXAMPLES
@given(
    events=st.lists(sent_events, max_size=20),
    inserted=st.lists(st.lists(sent_events, max_size=4), max_size=8),
    question=questions,
    page_size=st.integers(1, 5),
)
def test_walk_in_both_directions_has_each_event_once_while_events_arrive(
    stores: Stores, events: list[Sent], inserted: list[list[Sent]], question: Question, page_size: int
) -> None:
    with stores.new() as api:
        store(api, events)
        _, ids = read(api, {"page[size]": "1000"})
        assume(not question.is_of_unknown_metric(ids))
        query = question.query(ids)
        at_start = ids_of([api.page(**query, **{"page[size]": "1000"})])
        inserts = iter(inserted)
        there = walk(api, api.page(**query, **{"page[size]": str(page_size)}), "next", inserts)
        back = walk(api, there[-1], "prev", inserts)
    assert there[0]["links"]["prev"] is None
    for pages in (there, back[::-1]):
        walked = ids_of(pages)
        assert walked == sorted(set(walked), reverse=question.sort.startswith("-"))
        assert [identity for identity in walked if identity in at_start] == at_start
        assert all(len(page["data"]) <= page_size for page in pages)


@EXAMPLES
@given(events=st.lists(sent_events, max_size=20), question=questions, page_size=st.integers(1, 5))
def test_a_walk_through_a_store_at_rest_is_one_large_read_cut_in_pages(
    stores: Stores, events: list[Sent], question: Question, page_size: int
) -> None:
    with stores.new() as api:
        store(api, events)
        _, ids = read(api, {"page[size]": "1000"})
        assume(not question.is_of_unknown_metric(ids))
        query = question.query(ids)
        large = api.page(**query, **{"page[size]": "1000"})["data"]
        there = walk(api, api.page(**query, **{"page[size]": str(page_size)}), "next", iter([]))
        back = walk(api, there[-1], "prev", iter([]))
    cut = [large[start : start + page_size] for start in range(0, len(large), page_size)] or [[]]
    assert [page["data"] for page in there] == cut
    assert [page["data"] for page in back[::-1]] == cut
    assert there[-1]["links"]["next"] is None
    assert back[-1]["links"]["prev"] is None
    # Each page on the way back has the neighbours that it had on the way there.
    for forth, again in zip(there[:-1], back[:0:-1], strict=True):
        assert again["links"]["next"] == forth["links"]["next"]
        assert (again["links"]["prev"] is None) == (forth["links"]["prev"] is None)


def test_pages_hold_200_events_without_a_size(stores: Stores) -> None:
    with stores.new() as api:
        for start in (0, 1000):
            api.create_many([("Order", {"external_id": "ada"}, {"unique_id": str(start + n)}) for n in range(1000)])
        api.create_many([("Order", {"external_id": "ada"}, {"unique_id": "last"})])
        pages = walk(api, api.page(), "next", iter([]))
        assert [len(page["data"]) for page in pages] == [200] * 10 + [1]
        assert len(set(ids_of(pages))) == 2001
        large = walk(api, api.page(**{"page[size]": "1000"}), "next", iter([]))
        assert [len(page["data"]) for page in large] == [1000, 1000, 1]
        assert ids_of(large) == ids_of(pages)


@pytest.mark.parametrize("size", ["0", "1001", "-1", "1.5", "", "many", "٣"])
def test_page_size_out_of_its_range_is_refused(stores: Stores, size: str) -> None:
    with stores.new() as api:
        response = api.call("get_events", query={"page[size]": size})
    assert response.status_code == 400
    assert response.json()["errors"][0]["source"] == {"parameter": "page[size]"}
