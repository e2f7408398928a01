"""A load of single and bulk creates that remembers its requests and their statuses, and reads the events back."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx

BULK_EVENTS = 40
LARGE_FILLER = 2_000
"""Characters of filler that make a bulk create large enough for a worker."""
PATHS = {False: "/api/events/", True: "/api/event-bulk-create-jobs/"}


def headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-06-15", "Content-Type": "application/json"}


def metric(name: str) -> dict[str, Any]:
    return {"data": {"type": "metric", "attributes": {"name": name}}}


def profile(number: int) -> dict[str, Any]:
    return {
        "data": {"type": "profile", "attributes": {"email": f"customer-{number}@example.org", "title": str(number)}}
    }


def filler(characters: int) -> str:
    """Text that no compression makes smaller than half."""
    return random.randbytes(characters // 2).hex()


def single_body(unique_id: str, number: int, filler_characters: int = 200) -> bytes:
    attributes = {
        "metric": metric("Placed Order"),
        "profile": profile(number % 50),
        "properties": {"request": unique_id, "filler": filler(filler_characters)},
        "unique_id": unique_id,
        "value": number / 4,
    }
    return json.dumps({"data": {"type": "event", "attributes": attributes}}).encode()


def bulk_body(unique_ids: list[str], number: int, filler_characters: int = 200) -> bytes:
    items = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": profile((number + place) % 50),
                "events": {
                    "data": [
                        {
                            "type": "event",
                            "attributes": {
                                "metric": metric(f"Metric {place % 4}"),
                                "properties": {"request": unique_id, "filler": filler(filler_characters)},
                                "unique_id": unique_id,
                            },
                        }
                    ]
                },
            },
        }
        for place, unique_id in enumerate(unique_ids)
    ]
    job = {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": items}}}
    return json.dumps({"data": job}).encode()


class Load:
    """Requests that were sent, by name: their unique ids, and whether their status was 202.

    ``refusals`` counts the other statuses.
    """

    def __init__(self, url: str, key: str, name: str, filler_characters: int = 200) -> None:
        self._url, self._key, self._name, self._filler = url, key, name, filler_characters
        self._numbers = itertools.count()
        self.sent: dict[str, list[str]] = {}
        self.kept: set[str] = set()
        self.refusals: Counter[int] = Counter()

    async def run(self, singles: int, bulks: int) -> None:
        """Send from this many tasks until the server can't be reached any more."""
        async with httpx.AsyncClient(base_url=self._url, headers=headers(self._key), timeout=30) as client:
            tasks = [self._send_until_cut(client, bulk) for bulk in [False] * singles + [True] * bulks]
            await asyncio.gather(*tasks)

    async def _send_until_cut(self, client: httpx.AsyncClient, bulk: bool) -> None:
        while True:
            number = next(self._numbers)
            name = f"{self._name}-{number}"
            ids = [f"{name}-{place}" for place in range(BULK_EVENTS)] if bulk else [name]
            self.sent[name] = ids
            body = bulk_body(ids, number, self._filler) if bulk else single_body(name, number, self._filler)
            try:
                response = await client.post(PATHS[bulk], content=body)
            except httpx.TransportError:
                return
            if response.status_code == httpx.codes.ACCEPTED:
                self.kept.add(name)
            else:
                self.refusals[response.status_code] += 1
                await asyncio.sleep(0.01)

    def check(self, found: Counter[str]) -> None:
        """Check that every accepted request is stored once, and every other one once or not at all, but whole."""
        for name, ids in self.sent.items():
            counts = {found[unique_id] for unique_id in ids}
            assert len(counts) == 1, f"{name} is half there: {counts}"
            assert counts <= {0, 1}, f"{name} is there more than once: {counts}"
            assert name not in self.kept or counts == {1}, f"{name} got a 202 and is lost"


def events(url: str, key: str) -> Iterator[dict[str, Any]]:
    """All events of the key's account, page by page."""
    with httpx.Client(base_url=url, headers=headers(key), timeout=30) as client:
        link: str | None = "/api/events/"
        while link is not None:
            document = client.get(link).raise_for_status().json()
            yield from document["data"]
            link = document["links"]["next"]


def unique_ids(url: str, key: str) -> Counter[str]:
    """The number of events with each unique id."""
    return Counter(event["attributes"]["event_properties"]["$event_id"] for event in events(url, key))
