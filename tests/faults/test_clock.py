"""A clock that jumps: ids stay unique and ordered, cursors stay valid, limits recover, duplicates are detected."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from eventkeep.config import ServeSettings
from eventkeep.model.ulid import ulid_milliseconds
from eventkeep.server.app import App
from eventkeep.server.services import Services
from tests.asgi import AsgiApp
from tests.contract.api import PAGED_REVISION, single_body
from tests.folder_changes import new_key_within

NOON = 2_000_000_000.0
"""Late enough for every revision after any jump of the clock: a revision of the future is refused."""
HOUR, YEAR = 3_600.0, 365 * 86_400.0


class MovedClock:
    """A clock that a test sets; the monotonic one goes on as usual."""

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return time.monotonic()

    def of(self, account: int) -> Self:
        return self


class Shop:
    """A server in this process with one key, on a clock that the test moves."""

    def __init__(self, services: Services, clock: MovedClock, client: httpx.AsyncClient) -> None:
        self.services, self.clock, self.client = services, clock, client

    async def create(self, **attributes: Any) -> httpx.Response:
        return await self.client.post("/api/events/", json=single_body("Order", **attributes))

    async def page(self, path: str = "/api/events/") -> dict[str, Any]:
        response = await self.client.get(path)
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document

    async def walk(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        link: str | None = path
        while link is not None:
            page = await self.page(link)
            found += page["data"]
            link = page["links"]["next"]
        return found


Play = Callable[[Callable[[Shop], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """Runs a scenario about a shop, in an event loop of its own."""
    clock = MovedClock(NOON)

    async def run(story: Callable[[Shop], Coroutine[Any, Any, None]]) -> None:
        services = Services(tmp_path / "data", clock)
        try:
            _, key = new_key_within(services)
            headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": PAGED_REVISION}
            transport = httpx.ASGITransport(AsgiApp(App(services, ServeSettings())))
            async with httpx.AsyncClient(transport=transport, base_url="http://shop", headers=headers) as client:
                await story(Shop(services, clock, client))
        finally:
            services.close()

    yield lambda story: asyncio.run(run(story))


JUMPS = [-HOUR, -YEAR, HOUR, -1.5, YEAR]


def test_ids_stay_unique_and_in_order_and_pages_whole_with_any_clock(play: Play) -> None:
    async def story(shop: Shop) -> None:
        made = 0
        for jump in [0.0, *JUMPS]:
            shop.clock.time += jump
            for _ in range(3):
                response = await shop.create(profile={"email": f"{made}@shop.example"}, unique_id=str(made))
                assert response.status_code == 202
                assert response.headers["Eventkeep-Events-Stored"] == "1"
                made += 1
        events = await shop.walk("/api/events/?sort=datetime&page[size]=2&include=profile")
        assert len(events) == len({event["id"] for event in events}) == made
        times = [event["attributes"]["timestamp"] for event in events]
        assert times == sorted(times)
        profiles = shop.services.directory.profiles.list(1, count=made)
        ids = [profile.id for profile in profiles]
        assert ids == sorted(set(ids))
        assert max(map(ulid_milliseconds, ids)) == (NOON + max(0.0, *(sum(JUMPS[:end]) for end in range(6)))) * 1000
        for event in events:
            shop.clock.time += 1  # For the rate limit of one event by its id.
            assert (await shop.page(f"/api/events/{event['id']}/"))["data"]["id"] == event["id"]

    play(story)


def test_a_cursor_holds_while_the_clock_jumps(play: Play) -> None:
    async def story(shop: Shop) -> None:
        for number in range(5):
            await shop.create(unique_id=str(number))
            shop.clock.time += 1
        page = await shop.page("/api/events/?page[size]=2")
        shop.clock.time -= YEAR
        await shop.create(unique_id="before them all")
        rest = await shop.walk(page["links"]["next"])
        assert len(page["data"]) + len(rest) == 6
        assert rest[-1]["attributes"]["event_properties"]["$event_id"] == "before them all"

    play(story)


def test_rate_limits_let_calls_through_again_at_once_after_a_jump_back(play: Play) -> None:
    async def story(shop: Shop) -> None:
        bulk = {"data": None}

        async def send() -> httpx.Response:
            return await shop.client.post("/api/event-bulk-create-jobs/", json=bulk)

        for jump in (0.0, -HOUR, -YEAR, HOUR):
            shop.clock.time += jump
            responses = [await send() for _ in range(11)]
            assert [response.status_code for response in responses] == [400] * 10 + [429]
            assert 1 <= int(responses[-1].headers["Retry-After"]) <= 60

    play(story)


def test_event_from_before_a_jump_is_a_duplicate_after_it(play: Play) -> None:
    async def story(shop: Shop) -> None:
        await shop.create(unique_id="once")
        shop.clock.time -= HOUR
        again = await shop.create(unique_id="once")
        assert again.headers["Eventkeep-Events-Repeated"] == "1"
        # Without a unique id the second of the event stands for it: the second of the request if it has no time.
        shop.clock.time += HOUR
        first, second = await shop.create(), await shop.create()
        assert (first.headers["Eventkeep-Events-Stored"], second.headers["Eventkeep-Events-Stored"]) == ("1", "0")
        shop.clock.time += 1
        assert (await shop.create()).headers["Eventkeep-Events-Stored"] == "1"
        assert len(await shop.walk("/api/events/")) == 3

    play(story)


def test_times_that_are_sent_are_held_against_the_clock_as_it_is(play: Play) -> None:
    async def story(shop: Shop) -> None:
        sent = datetime.datetime.fromtimestamp(NOON, datetime.UTC).isoformat()
        assert (await shop.create(time=sent)).status_code == 202
        shop.clock.time -= 2 * YEAR
        refused = await shop.create(time=sent)
        assert refused.status_code == 400
        assert "at most 366 days ahead" in refused.json()["errors"][0]["detail"]
        shop.clock.time += 2 * YEAR
        assert (await shop.create(time=sent)).status_code == 202

    play(story)
