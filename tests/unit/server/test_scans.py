"""The frames of a scan: how many scans there may be, how a response ends, and that a scan lets go of its snapshot."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from eventkeep.config import ServeSettings
from eventkeep.http.body import Body, BodyMemory
from eventkeep.http.request import Head, Request
from eventkeep.http.response import Response, StreamedResponse
from eventkeep.model.event_columns import EventColumns
from eventkeep.protocol.rows.frames import ALL, NOT_ALL, WAITING, decode_head
from eventkeep.server import scans
from eventkeep.server.app import App
from eventkeep.server.scan_rows import ScanRows
from eventkeep.server.services import Services
from tests.event_samples import Row, columns
from tests.folder_changes import new_key_within

EVENTS: Final = [columns([Row(time=time, id=1)]) for time in range(1, 6)]


class Store:
    """An application whose store has EVENTS; ``gate`` lets a scan go on, ``has_ended`` says that it let go of them."""

    def __init__(self, services: Services, patch: pytest.MonkeyPatch) -> None:
        self.app = App(services, ServeSettings(data=services.folder))
        self.key = new_key_within(services)[1]
        self.gate, self.has_ended = threading.Event(), threading.Event()
        self.gate.set()
        patch.setattr(services.events, "scan", self._scan)
        patch.setattr(ScanRows, "write", lambda _, events: b"row\n" * len(events))

    def _scan(self, _: Any) -> Iterator[EventColumns]:
        try:
            for events in EVENTS:
                assert self.gate.wait(30)
                yield events
        finally:
            self.has_ended.set()

    async def response(self) -> Response:
        headers = {"authorization": f"Bearer {self.key}".encode(), "revision": b"2024-07-15"}
        request = Request(Head("GET", b"/eventkeep/scan", "1.1", headers, keeps_alive=True), Body(None, BodyMemory()))
        responded: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.app.begin(request, responded.set_result)
        return await responded

    async def scan(self) -> StreamedResponse:
        response = await self.response()
        assert isinstance(response, StreamedResponse)
        return response


def run(folder: Path, patch: pytest.MonkeyPatch, test: Callable[[Store], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        services = Services(folder / "data")
        try:
            store = Store(services, patch)
            await asyncio.wait_for(test(store), 60)
            await store.app.drain(10)
        finally:
            services.close()

    asyncio.run(all_of_it())


async def frames(response: StreamedResponse) -> list[bytes]:
    return [frame async for frame in response.pieces]


def test_frames_end_with_one_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(store: Store) -> None:
        *found, last = await frames(await store.scan())
        heads = [decode_head(frame.partition(b"\n")[0]) for frame in found]
        assert (sum(head.rows for head in heads), last) == (len(EVENTS), ALL)
        assert await asyncio.to_thread(store.has_ended.wait, 30)

    run(tmp_path, monkeypatch, test)


def test_scans_are_bounded_and_their_ends_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(store: Store) -> None:
        for _ in range(2):
            running = [await store.scan() for _ in range(scans.SCANS_PER_ACCOUNT_MAX)]
            for response in running:
                await anext(response.pieces)
            refused = await store.response()
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            for response in running:
                await response.pieces.aclose()

    run(tmp_path, monkeypatch, test)


def test_client_that_goes_away_in_a_step_frees_the_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(store: Store) -> None:
        store.gate.clear()
        pieces = (await store.scan()).pieces
        reading = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert not store.has_ended.is_set()
        store.gate.set()
        assert await asyncio.to_thread(store.has_ended.wait, 30)

    run(tmp_path, monkeypatch, test)


def test_client_hears_of_a_scan_that_finds_nothing_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "SCAN_WAITING_SECONDS", 0.01)

    async def test(store: Store) -> None:
        store.gate.clear()
        pieces = (await store.scan()).pieces
        assert await anext(pieces) == WAITING
        store.gate.set()
        found = [frame async for frame in pieces]
        assert found[-1] == ALL

    run(tmp_path, monkeypatch, test)


@pytest.mark.parametrize("is_late", [False, True])
def test_response_ends_early_if_the_server_stops_or_it_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    if is_late:
        monkeypatch.setattr(scans, "SCAN_SECONDS_MAX", 0.0)

    async def test(store: Store) -> None:
        pieces = (await store.scan()).pieces
        first = await anext(pieces)
        draining = asyncio.ensure_future(store.app.drain(10))
        await asyncio.sleep(0)
        rest = [frame async for frame in pieces]
        assert decode_head(first.partition(b"\n")[0]).rows == 1
        assert (len(rest) < len(EVENTS), rest[-1]) == (True, NOT_ALL)
        await draining

    run(tmp_path, monkeypatch, test)
