from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from eventkeep.limits import PAGE_BYTES_MAX
from eventkeep.model.event import StoredEvent
from eventkeep.model.stored_events import StoredEvents
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.reads.pages import Page, page_of
from eventkeep.protocol.reads.query import parse_read_query
from eventkeep.protocol.revisions import REVISIONS

SECRET = b"a secret of the tests"
PLACES = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=25)


def stored(place: tuple[int, int]) -> StoredEvent:
    return StoredEvent(1, *place, 1, 1, "", None, "", b"{}")


def place_of(event: StoredEvent) -> tuple[int, int]:
    return event.time, event.id


def turn(places: Sequence[tuple[int, int]], sort: str, size: int, cursor: str | None) -> Page:
    """One page, selected as a store selects it."""
    asked = f"sort={sort}&page[size]={size}" + ("" if cursor is None else f"&page[cursor]={quote(cursor)}")
    query = parse_read_query(asked.encode(), OPERATIONS["get_events"], REVISIONS[-1], SECRET)
    ordered = sorted(places, reverse=query.finds_descending)
    after = query.find_after
    if after is not None:
        ordered = [place for place in ordered if (place < after if query.finds_descending else place > after)]
    return page_of(query, StoredEvents.of([stored(place) for place in ordered[: query.find_count]]), SECRET)


@given(PLACES, st.integers(1, 7), st.sampled_from(["datetime", "-datetime", "timestamp", "-timestamp"]))
def test_pages_hold_everything_once_there_and_back(places: set[tuple[int, int]], size: int, sort: str) -> None:
    pages = [turn(list(places), sort, size, None)]
    assert pages[0].prev_cursor is None
    while (cursor := pages[-1].next_cursor) is not None:
        pages.append(turn(list(places), sort, size, cursor))
    walked = [place_of(event) for page in pages for event in page.events]
    assert walked == sorted(places, reverse=sort.startswith("-"))
    page = pages.pop()
    while (cursor := page.prev_cursor) is not None:
        page = turn(list(places), sort, size, cursor)
        assert page.events == pages.pop().events
        assert page.next_cursor is not None
    assert pages == []


@given(PLACES, PLACES, st.integers(1, 5))
def test_walk_has_events_of_the_start_once_while_more_arrive(
    places: set[tuple[int, int]], arriving: set[tuple[int, int]], size: int
) -> None:
    waiting = sorted(arriving - places)
    there = list(places)
    page = turn(there, "-datetime", size, None)
    walked = [place_of(event) for event in page.events]
    while page.next_cursor is not None:
        there += waiting[:1]
        waiting = waiting[1:]
        page = turn(there, "-datetime", size, page.next_cursor)
        walked += [place_of(event) for event in page.events]
    assert len(walked) == len(set(walked))
    assert places <= set(walked)


def test_no_events_are_an_empty_page() -> None:
    assert turn([], "datetime", 3, None) == Page(StoredEvents.of([]))


@given(st.lists(st.sampled_from([0, 1, PAGE_BYTES_MAX // 2, PAGE_BYTES_MAX]), max_size=12), st.integers(1, 12))
def test_a_page_has_no_more_bytes_than_its_bound_and_tells_that_more_follow(sizes: list[int], size: int) -> None:
    places = [(time, 1) for time in range(len(sizes))]
    query = parse_read_query(
        f"sort=datetime&page[size]={size}".encode(), OPERATIONS["get_events"], REVISIONS[-1], SECRET
    )
    found = [StoredEvent(1, *place, 1, 1, "", None, "", bytes(sizes[place[0]])) for place in places]
    page = page_of(query, StoredEvents.of(found[: query.find_count]), SECRET)
    taken = len(page.events)
    assert taken <= size
    assert taken > 0 or not sizes
    assert sum(sizes[:taken]) <= PAGE_BYTES_MAX or taken == 1
    assert taken in (size, len(sizes)) or sum(sizes[: taken + 1]) > PAGE_BYTES_MAX
    assert (page.next_cursor is not None) == (taken < len(sizes))


def test_included_profiles_count_once() -> None:
    query = parse_read_query(b"include=profile", OPERATIONS["get_events"], REVISIONS[-1], SECRET)
    found = [StoredEvent(1, time, 1, 1 + time // 2, 1, "", None, "", b"{}") for time in range(6)]
    page = page_of(query, StoredEvents.of(found), SECRET, {number: PAGE_BYTES_MAX * 4 // 10 for number in (1, 2, 3)})
    assert list(page.events) == found[:4]
    assert page.next_cursor is not None
