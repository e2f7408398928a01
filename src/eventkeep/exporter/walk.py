"""Reads all pages of a query, one page ahead of its user."""

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
    """Yield all pages from a cursor on. Raises ClientError."""
    ended = threading.Event()
    # A user that stops early must not wait for the retries of a page that it does not want any more.
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
                # Memory holds two pages: the current one and the next one.
                coming = reader.submit(fetch, page.next_cursor)
                yield page
        finally:
            ended.set()


def in_order(batches: Iterable[list[Record]]) -> Iterator[list[Record]]:
    """Yield records that are sorted by time, with those of one second in the same order on every server.

    A server sorts the events of one second by its own ids. At most EXPORT_TIES_MAX events of
    one second are held; more come in parts, each in order.
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
    """Sort within each second; the seconds keep their order."""
    found: list[Record] = []
    start = 0
    for place in range(1, len(records) + 1):
        if place == len(records) or records[place].time != records[start].time:
            found += sorted(records[start:place], key=lambda record: record.order)
            start = place
    return found
