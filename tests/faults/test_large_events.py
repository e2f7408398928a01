"""The largest allowed events and profiles, many of them, read back page by page in little memory."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from eventkeep.limits import READING_BYTES_MAX
from eventkeep.testing import ServerProcess
from tests.contract.api import PAGED_REVISION, Api, make_keys
from tests.faults.memory import forget_peak, memory

EVENTS = 30
"""A page of this many would take more memory than pages may."""


def large_texts(count: int, characters: int) -> dict[str, str]:
    """Properties that no compression makes much smaller."""
    return {f"text-{number}": random.randbytes(characters // 2).hex() for number in range(count)}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server with events of 4 MB, each with a profile of 0.9 MB."""
    with ServerProcess(tmp_path_factory.mktemp("large") / "data") as server:
        (key,) = make_keys(server, "large", "full")
        with Api(server.url, key, PAGED_REVISION) as api:
            for number in range(EVENTS):
                profile = {"email": f"{number}@shop.example", "properties": large_texts(9, 98_000)}
                api.create(
                    profile=profile, properties=large_texts(40, 98_000), time=f"2025-01-01T00:00:{number // 2:02}Z"
                )
            forget_peak(server.pid)
            before = memory(server.pid).resident
            yield api
            assert memory(server.pid).peak - before < READING_BYTES_MAX


def walk(api: Api, direction: str, page: dict[str, object]) -> list[list[str]]:
    """The ids of the events on a page and on those behind it."""
    pages: list[list[str]] = []
    while True:
        data, links = page["data"], page["links"]
        assert isinstance(data, list)
        assert isinstance(links, dict)
        pages.append([event["id"] for event in data])
        if links[direction] is None:
            return pages
        page = api.http.get(links[direction]).raise_for_status().json()


@pytest.mark.parametrize("query", [{}, {"include": "profile", "sort": "datetime"}])
def test_pages_of_large_events_end_early_and_hold_every_event_once(api: Api, query: dict[str, str]) -> None:
    pages = walk(api, "next", api.page(**query))
    assert len(pages) > EVENTS / 3
    walked = [event for page in pages for event in page]
    assert len(walked) == len(set(walked)) == EVENTS
    sparse = api.page(**{"fields[event]": "timestamp", "page[size]": "1", **query})
    assert [event for page in walk(api, "next", sparse) for event in page] == walked


def test_pages_of_large_events_are_walked_back_too(api: Api) -> None:
    page = api.page()
    there = walk(api, "next", page)
    while page["links"]["next"] is not None:
        page = api.http.get(page["links"]["next"]).raise_for_status().json()
    back = walk(api, "prev", page)
    assert [event for page in reversed(back) for event in page] == [event for page in there for event in page]
