"""An account as its own key sees it, and everything that the server has stored for it."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import httpx
import msgspec

from eventkeep.testing import ServerProcess
from tests.contract.api import PAGED_REVISION, PATHS, Api, make_keys
from tests.contract.scrapes import Scraped, value

STORED: Final = "Eventkeep-Events-Stored"
REPEATED: Final = "Eventkeep-Events-Repeated"
PARTIAL_FAILURE: Final = "X-Klaviyo-Partial-Failure"
COUNTERS: Final = ("events_stored", "events_repeated", "identifiers_ignored", "identifiers_left")
"""The counters of the outcomes of events."""

numbers: Final = itertools.count()


class Fate(msgspec.Struct, frozen=True):
    """The outcome of the events of an accepted create."""

    stored: int
    repeated: int
    partial: str | None = None


class Shop(Api):
    """A new account on a server, and its key."""

    def __init__(self, server: ServerProcess, name: str = "shop", revision: str = PAGED_REVISION) -> None:
        self.server = server
        self.account = f"{name} {next(numbers)}"
        (self.key,) = make_keys(server, self.account, "full")
        super().__init__(server.url, self.key, revision)

    def send(self, body: Mapping[str, Any] | bytes, operation: str | None = None, **headers: str) -> httpx.Response:
        """One create. Without an operation, the type of the body decides which one."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        name = operation or ("bulk_create_events" if b"event-bulk-create-job" in content else "create_event")
        headers = {"Content-Type": "application/json", **headers}
        return self.http.post(PATHS[name][1], content=content, headers=headers)

    def keep(self, body: Mapping[str, Any] | bytes) -> Fate:
        """One create, which must be accepted."""
        return fate_of(self.send(body))

    def resources(self, type: str) -> dict[str, dict[str, Any]]:
        """The attributes of the metrics or profiles that have events, by id."""
        included = self.page(include=type, **{"page[size]": "1000"}).get("included", [])
        return {each["id"]: each["attributes"] for each in included if each["type"] == type}

    def profile(self) -> dict[str, Any]:
        """The attributes of the only profile, as get_event_profile returns them."""
        (resource,) = self.resources("profile").values()
        response = self.call("get_event_profile", self.events()[0]["id"])
        found: dict[str, Any] = response.json()["data"]["attributes"]
        assert {name: resource[name] for name in found if name in resource} == found
        return found

    def rows(self, *tables: str) -> list[list[tuple[Any, ...]]]:
        """The account's rows in these tables of the directory, in order."""
        path = self.server.data / "directory.sqlite3"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as directory:
            (account,) = directory.execute("SELECT number FROM account WHERE name = ?", [self.account]).fetchone()
            return [
                directory.execute(f"SELECT * FROM {table} WHERE account = ? ORDER BY 1, 2, 3", [account]).fetchall()
                for table in tables
            ]

    def stored(self) -> tuple[Any, ...]:
        """Everything that is stored for the account: its events and its rows of the directory (some have no event)."""
        page = self.page(include="metric,profile", **{"page[size]": "1000"})
        return page["data"], page.get("included"), *self.rows("profile", "identifier", "metric")


def fate_of(response: httpx.Response) -> Fate:
    """The outcome in the headers of an accepted create. Raises AssertionError if it was not accepted."""
    assert response.status_code == 202, response.text
    assert response.content == b""
    headers = response.headers
    return Fate(int(headers[STORED]), int(headers[REPEATED]), headers.get(PARTIAL_FAILURE))


def counters(scraped: Scraped) -> dict[str, int]:
    """The counters of outcomes since the server's start."""
    samples = scraped.samples()
    return {name: int(value(samples, f"{name}_total")) for name in COUNTERS}


def grown(scraped: Scraped, before: Mapping[str, int]) -> dict[str, int]:
    """The growth of the counters since ``before``; unchanged ones are left out."""
    after = counters(scraped)
    return {name: after[name] - before[name] for name in COUNTERS if after[name] != before[name]}


def unique_ids(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """``$event_id`` of each event, sorted."""
    return sorted(event["attributes"]["event_properties"]["$event_id"] for event in events)
