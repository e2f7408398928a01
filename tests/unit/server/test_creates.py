"""Single creates behind a known head get the responses that all others get, on real stores."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from eventkeep.config import RateLimit, ServeSettings
from eventkeep.directory import metrics
from eventkeep.http.application import Respond
from eventkeep.http.listener import Listener, bind
from eventkeep.http.request import Request
from eventkeep.ingest.queue import QueuedChange, QueuedCreates
from eventkeep.limits import FAILURE_SECONDS
from eventkeep.log.record import EncodedRecord
from eventkeep.log.transport import AppendResult, Outcome
from eventkeep.server import creates
from eventkeep.server.app import App
from eventkeep.server.pending_response import PendingResponse
from eventkeep.server.services import Services
from tests.contract.api import single_body
from tests.folder_changes import new_key_within, revoke_key_within

HOST = "127.0.0.1"
BODY_BYTES = 600
"""Bytes of every body, so that all have the same head."""
MASKED = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?m:(?<=^date: ).*$)")


class Shop:
    """A listening application on stores of its own, and the requests of a client."""

    def __init__(self, services: Services, app: App, listening: Listener, port: int) -> None:
        self.services, self.app, self.listening, self.port = services, app, listening, port
        self.record, self.key = new_key_within(services, scopes="events:write")
        self.unknown = 0
        """Requests whose heads were not known."""
        begin = app.begin

        def counted(request: Request, respond: Respond) -> PendingResponse:
            self.unknown += request.memo is None
            return begin(request, respond)

        app.begin = counted  # type: ignore[method-assign]

    def message(self, body: dict[str, Any] | bytes) -> bytes:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = (
            f"POST /api/events/ HTTP/1.1\r\nHost: x\r\nAuthorization: Klaviyo-API-Key {self.key}\r\n"
            f"Content-Type: application/json\r\nrevision: 2024-06-15\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
        )
        return head.encode() + raw.ljust(BODY_BYTES)

    async def response(self, body: dict[str, Any] | bytes, *, is_cut: bool = False) -> str:
        """The response, without ids and dates; a request that is cut goes the way of all unknown ones."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        message = self.message(body)
        if is_cut:
            writer.write(message[:-1])
            await asyncio.sleep(0.02)
            message = message[-1:]
        writer.write(message)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        rest = await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
        writer.close()
        return MASKED.sub("…", head.replace("\r\n", "\n") + rest.decode())

    async def become_known(self) -> None:
        """Have the head be remembered."""
        assert (await self.response(event("make known"))).startswith("HTTP/1.1 202 ")
        self.unknown = 0


def run(folder: Path, test: Callable[[Shop], Awaitable[None]], limit: RateLimit | None = None) -> None:
    async def all_of_it() -> None:
        limits: str | dict[str, RateLimit | None] = "off" if limit is None else {"create_event": limit}
        services = Services(folder / "data")
        app = App(services, ServeSettings(data=folder / "data", rate_limits=limits))
        try:
            with closing(bind(HOST, 0)) as bound:
                listening = Listener(app, bound, services.clock)
                listening.start()
                await asyncio.wait_for(test(Shop(services, app, listening, bound.getsockname()[1])), 30.0)
                await listening.close(1.0)
                await asyncio.sleep(0.05)
                assert (app.requests_in_flight, listening.memory.bytes) == (0, 0)
                await app.drain(1.0)
        finally:
            services.close()

    uvloop.run(all_of_it())


def event(unique_id: str, **more: Any) -> dict[str, Any]:
    return single_body(unique_id=unique_id, **more)


@pytest.mark.parametrize(
    "body",
    [
        event("first"),
        event("phone", profile={"email": "eve@shop.example", "phone_number": "none"}),
        event("new profile", profile={"email": "new@shop.example", "properties": {"a": 1}}),
        event("wrong", value="text"),
        event("wrong", metric=""),
        event("wrong", time="yesterday"),
        event("twice") | {"more": 1},
        b'{"data": 1, "data": 2}',
        b"{" * 500,
        b"",
        b'{"data": "\xe9"}',
    ],
)
def test_responses_are_those_of_the_general_path(tmp_path: Path, body: dict[str, Any] | bytes) -> None:
    async def general(shop: Shop) -> None:
        told.append(await shop.response(body, is_cut=True))
        assert shop.unknown == 1

    async def quick(shop: Shop) -> None:
        await shop.become_known()
        told.append(await shop.response(body))
        assert shop.unknown == 0

    told: list[str] = []
    run(tmp_path / "general", general, RateLimit(9, 9))
    run(tmp_path / "quick", quick, RateLimit(10, 10))
    told = [re.sub(r"(?m)^ratelimit-(limit|reset): .*$", r"ratelimit-\1: …", each) for each in told]
    if body == event("first"):
        assert told[0].startswith("HTTP/1.1 202 ")
        assert "\nratelimit-remaining: 8\n" in told[0]
    # Both wait for the last moment of a second, perhaps, which ends the count.
    assert told[0].replace("remaining: 9", "remaining: 8") == told[1].replace("remaining: 9", "remaining: 8")


def test_acknowledged_events_are_stored_once(tmp_path: Path) -> None:
    async def test(shop: Shop) -> None:
        await shop.become_known()
        responses = await asyncio.gather(*(shop.response(event(f"{number % 50}")) for number in range(100)))
        assert sum("eventkeep-events-stored: 1\n" in each for each in responses) == 50
        assert sum("eventkeep-events-repeated: 1\n" in each for each in responses) == 50
        assert shop.unknown == 0
        assert shop.services.events.count() == 51

    run(tmp_path, test)


def test_requests_that_come_together_each_get_their_response(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "METRICS_PER_ACCOUNT_MAX", 2)
    monkeypatch.setattr(creates, "GATHERED_SINGLES_MAX", 7)
    bodies: list[tuple[dict[str, Any] | bytes, int]] = [
        *((event(f"{number}"), 202) for number in range(10)),
        *((event(f"{number}", profile={"email": f"{number}@shop.example"}), 202) for number in range(10)),
        *((event(f"wrong {number}", value="text"), 400) for number in range(3)),
        (b"{" * 500, 400),
        (event("second metric", metric="Second Metric"), 202),
        (event("phone", profile={"email": "eve@shop.example", "phone_number": "none"}), 202),
        (json.dumps(event("escaped")).replace('"unique_id"', '"unique\\u005fid"').encode(), 202),
    ]

    async def test(shop: Shop) -> None:
        await shop.become_known()
        responses = await asyncio.gather(*(shop.response(body) for body, _ in bodies))
        assert [int(response.split()[1]) for response in responses] == [status for _, status in bodies]
        assert sum("eventkeep-events-stored: 1\n" in response for response in responses) == 23
        assert (await shop.response(event("third metric", metric="Third Metric"))).startswith("HTTP/1.1 400 ")
        together = await asyncio.gather(
            *(shop.response(event(f"more {number}", metric=f"Metric {number % 2}")) for number in range(6)),
            *(shop.response(event(f"more {number}")) for number in range(6)),
        )
        assert [int(response.split()[1]) for response in together] == [400] * 6 + [202] * 6
        assert shop.unknown == 0
        assert shop.services.events.count() == 1 + 23 + 6

    run(tmp_path, test)


def framed(shop: Shop, body: bytes, way: str) -> list[bytes]:
    """A single create in the pieces in which a client sends it."""
    lines = [f"Host: x\r\nAuthorization: Klaviyo-API-Key {shop.key}", "Content-Type: application/json"]
    if way == "gzip":
        body = gzip.compress(body)
        lines.append("Content-Encoding: gzip")
    if way == "expect":
        lines.append("Expect: 100-continue")
    lines.append("Transfer-Encoding: chunked" if way == "chunks" else f"Content-Length: {len(body)}")
    if way == "chunks":
        body = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])
    head = "\r\n".join(("POST /api/events/ HTTP/1.1", "revision: 2024-06-15", *lines, "", "")).encode()
    if way == "one packet":
        return [head + body]
    if way == "three packets":
        return [head[:-40], head[-40:] + body[:50], body[50:]]
    return [head, body]


WAYS = ("one packet", "two packets", "three packets", "gzip", "chunks", "expect")


@pytest.mark.parametrize("way", WAYS)
def test_single_creates_are_gathered_however_they_arrive(tmp_path: Path, way: str) -> None:
    async def send(shop: Shop, number: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, shop.port)
        for turn in range(2):
            for piece in framed(shop, json.dumps(event(f"{number}-{turn}")).encode(), way):
                writer.write(piece)
                await asyncio.sleep(0.02)
            response = await reader.readuntil(b"\r\n\r\n")
            if way == "expect":
                assert response == b"HTTP/1.1 100 Continue\r\n\r\n"
                response = await reader.readuntil(b"\r\n\r\n")
            assert b"eventkeep-events-stored: 1\r\n" in response
        writer.close()

    async def test(shop: Shop) -> None:
        queued: list[QueuedCreates] = []
        offer = shop.services.committer.offer

        def noted(item: QueuedCreates | QueuedChange) -> None:
            if isinstance(item, QueuedCreates):
                queued.append(item)
            offer(item)

        shop.services.committer.offer = noted  # type: ignore[method-assign]
        await asyncio.gather(*(send(shop, number) for number in range(20)))
        assert sum(len(creates.bodies) for creates in queued) == 40
        assert max(len(creates.bodies) for creates in queued) > 1
        assert not any(creates.is_bulk for creates in queued)
        assert shop.services.events.count() == 40

    run(tmp_path, test)


def test_connection_is_used_again_and_again(tmp_path: Path) -> None:
    async def test(shop: Shop) -> None:
        await shop.become_known()
        reader, writer = await asyncio.open_connection(HOST, shop.port)
        for number in range(20):
            writer.write(shop.message(event(f"{number}")))
            assert b"eventkeep-events-stored: 1\r\n" in await reader.readuntil(b"\r\n\r\n")
        # Two at once, of which the second has nothing behind it.
        writer.write(shop.message(event("a")) + shop.message(event("b")))
        for _ in range(2):
            assert b"eventkeep-events-stored: 1\r\n" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        assert shop.services.events.count() == 23

    run(tmp_path, test)


def test_revoked_key_is_refused_at_once(tmp_path: Path) -> None:
    async def test(shop: Shop) -> None:
        await shop.become_known()
        await asyncio.to_thread(revoke_key_within, shop.services, shop.record.id)
        assert (await shop.response(event("late"))).startswith("HTTP/1.1 401 ")
        assert shop.services.events.count() == 1

    run(tmp_path, test)


def test_calls_are_counted_against_their_limit(tmp_path: Path) -> None:
    async def test(shop: Shop) -> None:
        await shop.become_known()
        responses = [await shop.response(event(f"{number}")) for number in range(5)]
        assert [each.split()[1] for each in responses] == ["202", "202", "202", "429", "429"]
        assert "retry-after: " in responses[-1]
        assert shop.unknown == 0

    run(tmp_path, test, RateLimit(1_000, 4))


def test_full_queue_and_full_memory_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(shop: Shop) -> None:
        await shop.become_known()
        queue = shop.services.committer.queue
        queue._events_max, queue._bytes_max = 1, 1
        first, second = await asyncio.gather(shop.response(event("1")), shop.response(event("2")))
        assert {first.split()[1], second.split()[1]} <= {"202", "503"}
        monkeypatch.setattr(shop.listening.memory, "_bytes_max", BODY_BYTES - 1)
        response = await shop.response(event("3"))
        assert response.startswith("HTTP/1.1 503 ")
        assert "Too many request bodies" in response
        assert shop.unknown == 0

    run(tmp_path, test)


def test_commit_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> AppendResult:
        return AppendResult(Outcome.REFUSED, "the disk is gone")

    async def test(shop: Shop) -> None:
        await shop.become_known()
        with monkeypatch.context() as patch:
            patch.setattr(shop.services.log, "append", broken)
            responses = await asyncio.gather(*(shop.response(event(f"lost {number}")) for number in range(5)))
            assert all(response.startswith("HTTP/1.1 503 ") for response in responses)
            assert (await shop.response(event("soon"))).startswith("HTTP/1.1 503 ")
        await asyncio.sleep(FAILURE_SECONDS)
        assert "eventkeep-events-stored: 1\n" in await shop.response(event("lost 1"))

    run(tmp_path, test)


@contextmanager
def held_log(services: Services) -> Iterator[None]:
    """Appends to the log wait until the block ends."""
    held, append = threading.Lock(), services.log.append

    def waiting(record: EncodedRecord) -> AppendResult:
        with held:
            return append(record)

    with held:
        services.log.append = waiting  # type: ignore[method-assign]
        yield


def test_client_that_goes_away_is_not_waited_for(tmp_path: Path) -> None:
    async def test(shop: Shop) -> None:
        await shop.become_known()
        with held_log(shop.services):
            connection = socket.create_connection((HOST, shop.port))
            connection.sendall(shop.message(event("left")))
            await asyncio.sleep(0.1)
            assert shop.app.requests_in_flight == 1
            # So that it ends with a reset: a client that only ends its half still waits.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            await asyncio.sleep(0.1)
            assert (shop.app.requests_in_flight, shop.listening.memory.bytes) == (0, 0)
        # It was asked to be kept, and is.
        await asyncio.sleep(0.2)
        assert shop.services.events.count() == 2

    run(tmp_path, test)


def test_stopping_server_takes_no_more(tmp_path: Path) -> None:
    async def test(shop: Shop) -> None:
        await shop.become_known()
        await shop.app.drain(1.0)
        assert (await shop.response(event("late"))).startswith("HTTP/1.1 503 ")

    run(tmp_path, test)


def test_responses_are_counted(tmp_path: Path) -> None:
    async def test(shop: Shop) -> None:
        await shop.become_known()
        await shop.response(event("1"))
        await shop.response(b"")
        counted = shop.app.telemetry._requests
        assert counted == {("create_event", 202): 2, ("create_event", 400): 1}

    run(tmp_path, test)
