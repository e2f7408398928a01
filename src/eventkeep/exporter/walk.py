"""Walking all pages of a query: the next page is fetched while the one before is worked on."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from eventkeep.client.retries import RetryPolicy
from eventkeep.client.synchronous.client import Client
from eventkeep.exporter.pages import Page, Query
from eventkeep.exporter.records import Record
from eventkeep.limits import EXPORT_GIVE_UP_SECONDS, EXPORT_TIES_MAX

PATIENT = RetryPolicy(retries_max=None, seconds_max=EXPORT_GIVE_UP_SECONDS)
"""Long work outlasts a restart of the server, and the minute of a rate limit."""


def pages(client: Client, query: Query, cursor: str | None = None) -> Iterator[Page]:
    """All pages from a cursor on. Raises ClientError."""
    ended = threading.Event()
    # Whoever stops in the middle does not wait for the tries of a page that nobody wants any more.
    policy = msgspec.structs.replace(PATIENT, deadline=lambda: -math.inf if ended.is_set() else math.inf)

    def fetch(at: str | None) -> Page:
        return client.perform(query.call(client.settings, at), policy, ended.wait).data

    with ThreadPoolExecutor(1, "eventkeep pages") as reader:
        try:
            coming = reader.submit(fetch, cursor)
            while True:
                page = coming.result()
                if page.next_cursor is None:
                    yield page
                    return
                # Memory holds two pages: the one that is worked on, and the one that is coming.
                coming = reader.submit(fetch, page.next_cursor)
                yield page
        finally:
            ended.set()


def ends(client: Client, query: Query) -> tuple[int, int]:
    """The times of the first and the last event that a query gives, in Unix seconds; 0 where it gives none.

    This is where it turns out that a server is not there at all, so the client's own patience has to do.
    Raises ClientError.
    """
    times: list[int] = []
    for sort in (query.sort, query.sort.removeprefix("-") if query.sort.startswith("-") else f"-{query.sort}"):
        end = msgspec.structs.replace(query, sort=sort, page_size=1)
        records = client.perform(end.call(client.settings, None)).data.records
        if not records:
            return 0, 0
        times.append(records[0].time)
    return times[0], times[1]


def in_order(batches: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """The records of pages that are sorted by time, with those of one second in an order that every server has.

    A server sorts the events of one second by ids, which are its own. More than
    EXPORT_TIES_MAX events of one second are not held: they come in pieces, each in order.
    """
    held: list[Record] = []
    for batch in batches:
        held += batch
        if not held:
            continue
        last = held[-1].time
        first_of_last = len(held)
        while first_of_last and held[first_of_last - 1].time == last:
            first_of_last -= 1
        if not first_of_last and len(held) < EXPORT_TIES_MAX:
            continue
        ready = held[:first_of_last] or held
        held = held[len(ready) :]
        yield _sorted(ready)
    if held:
        yield _sorted(held)


def _sorted(records: list[Record]) -> list[Record]:
    """Seconds stay in the order in which they came, whichever direction that is."""
    found: list[Record] = []
    start = 0
    for place in range(1, len(records) + 1):
        if place == len(records) or records[place].time != records[start].time:
            found += sorted(records[start:place], key=lambda record: record.order)
            start = place
    return found
