"""Connections to a listener whose application responds as the test says."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any, cast

import pytest
import uvloop

from eventkeep.errors import ConfigurationError, RequestRefused
from eventkeep.server import http1, listener
from eventkeep.server.app import App
from eventkeep.server.http import Request, Response
from eventkeep.server.listener import Listener, bind

HOST = "127.0.0.1"
LARGE = 20_000_000
"""The size of a response that no system buffers hold."""
PATIENCE_SECONDS = 1.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Answering:
    """Stands for the application: responds by ``act``, and counts the requests that were given up."""

    def __init__(self, act: Callable[[Request], Awaitable[Response]]) -> None:
        self._act = act
        self.given_up = 0

    async def handle(self, request: Request) -> Response:
        try:
            return await self._act(request)
        except RequestRefused as refusal:
            return self.refuse(refusal)
        except asyncio.CancelledError:
            self.given_up += 1
            raise

    def refuse(self, refusal: RequestRefused) -> Response:
        return Response(400, None, str(refusal).encode())

    def now(self) -> float:
        return 0.0


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(listener, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(http1, "ANSWER_SECONDS_MAX", PATIENCE_SECONDS)
    monkeypatch.setattr(http1, "LINGER_SECONDS_MAX", PATIENCE_SECONDS)
    yield


def run(act: Callable[[Request], Awaitable[Response]], test: Callable[[int, Answering], Awaitable[None]]) -> None:
    """Have ``test`` talk to the port of a listener that responds by ``act``."""

    async def both() -> None:
        application = Answering(act)
        with closing(bind(HOST, 0)) as bound:
            listening = Listener(cast(App, application), bound)
            listening.start()
            await test(bound.getsockname()[1], application)
            await listening.close(1.0)
            # Connections of the test itself that it closed.
            await asyncio.sleep(0.01)
            assert listening._held_bytes == 0

    uvloop.run(both())


async def large_response(_request: Request) -> Response:
    return Response(200, None, b"x" * LARGE)


async def echo(request: Request) -> Response:
    return Response(200, None, await request.json_body())


def connected(port: int) -> socket.socket:
    """A connection with small buffers for incoming bytes."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    made.connect((HOST, port))
    return made


async def received(connection: socket.socket, pause: float = 0.0) -> int:
    """The bytes up to the end, read with pauses."""
    connection.setblocking(False)
    loop, count = asyncio.get_running_loop(), 0
    try:
        while piece := await loop.sock_recv(connection, 200_000):
            count += len(piece)
            await asyncio.sleep(pause)
    except ConnectionResetError:
        pass
    return count


def test_client_that_reads_nothing_of_its_response_is_cut_off() -> None:
    async def test(port: int, _application: Answering) -> None:
        with closing(connected(port)) as connection:
            connection.sendall(GET)
            await asyncio.sleep(2 * PATIENCE_SECONDS)
            assert await received(connection) < LARGE

    run(large_response, test)


def test_client_that_sends_again_without_reading_is_cut_off() -> None:
    async def test(port: int, _application: Answering) -> None:
        with closing(connected(port)) as connection:
            connection.sendall(GET)
            await asyncio.sleep(PATIENCE_SECONDS / 2)
            connection.sendall(GET)
            await asyncio.sleep(2 * PATIENCE_SECONDS)
            assert await received(connection) < LARGE

    run(large_response, test)


def test_client_that_reads_its_response_slowly_gets_it_whole() -> None:
    async def test(port: int, _application: Answering) -> None:
        with closing(connected(port)) as connection:
            connection.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            started = asyncio.get_running_loop().time()
            assert await received(connection, pause=0.005) > LARGE
            assert asyncio.get_running_loop().time() - started > PATIENCE_SECONDS

    run(large_response, test)


def test_responses_that_wait_for_their_clients_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "UNSENT_BYTES_MAX", 2 * LARGE)
    monkeypatch.setattr(http1, "ANSWER_SECONDS_MAX", 60.0)

    async def test(port: int, _application: Answering) -> None:
        connections = [connected(port) for _ in range(5)]
        for connection in connections:
            connection.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            await asyncio.sleep(0.1)
        counts = await asyncio.gather(*map(received, connections))
        assert sum(count > LARGE for count in counts) in (2, 3)
        for connection in connections:
            connection.close()

    run(large_response, test)


def test_connections_past_the_most_wait_for_one_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS_MAX", 2)

    async def test(port: int, _application: Answering) -> None:
        streams = [await asyncio.open_connection(HOST, port) for _ in range(3)]
        for _reader, writer in streams:
            writer.write(GET)
        await asyncio.gather(*(reader.readuntil(b"\r\n\r\n") for reader, _ in streams[:2]))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(streams[2][0].read(1), 0.2)
        streams[0][1].close()
        await asyncio.wait_for(streams[2][0].readuntil(b"\r\n\r\n"), 5.0)
        for _reader, writer in streams[1:]:
            writer.close()

    async def nothing(_request: Request) -> Response:
        return Response(200)

    run(nothing, test)


@pytest.mark.parametrize("is_reset", [True, False])
def test_request_is_given_up_when_its_client_goes_away(is_reset: bool) -> None:
    async def forever(_request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def test(port: int, application: Answering) -> None:
        connection = connected(port)
        connection.sendall(GET)
        await asyncio.sleep(0.1)
        if is_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        for _ in range(100):
            if application.given_up:
                break
            await asyncio.sleep(0.05)
        assert application.given_up == 1

    run(forever, test)


@pytest.mark.parametrize("size", [0, 1, 5_000, 70_000, 1_000_000])
@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("piece_bytes", [1_000_000, 50_000, 999])
def test_bodies_come_whole_however_they_are_cut(size: int, is_chunked: bool, piece_bytes: int) -> None:
    body = bytes(number % 251 for number in range(size))
    if is_chunked:
        chunks = [body[start : start + 7_777] for start in range(0, size, 7_777)]
        framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        message = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + framed
    else:
        message = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (size, body)

    async def test(port: int, _application: Answering) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)

        async def send() -> None:
            for start in range(0, 2 * len(message), piece_bytes):
                writer.write((message * 2)[start : start + piece_bytes])
                await writer.drain()

        sending = asyncio.create_task(send())
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            assert f"content-length: {size}\r\n".encode() in head
            assert await reader.readexactly(size) == body
        await sending
        writer.close()

    run(echo, test)


def test_unread_bodies_are_dropped_and_the_next_request_gets_a_response() -> None:
    async def refusing(request: Request) -> Response:
        return Response(200, None, request.path.encode())

    async def test(port: int, _application: Answering) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        for number in range(3):
            writer.write(b"POST /%d HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" % number + b"x" * 3_000_000)
        for number in range(3):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"/%d" % number
        writer.close()

    run(refusing, test)


def test_slow_response_is_waited_for_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "HEADER_SECONDS_MAX", 0.1)

    async def slow_second(request: Request) -> Response:
        await asyncio.sleep(0.0 if request.path == "/1" else 0.5)
        return Response(200, None, request.path.encode())

    async def test(port: int, _application: Answering) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        for number in (1, 2):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"/%d" % number
        assert await asyncio.wait_for(reader.read(), 5.0) == b""
        writer.close()

    run(slow_second, test)


def test_response_that_can_not_be_sent_ends_the_connection(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(_request: Request) -> Response:
        return Response(200, {"X-Text": "\N{EURO SIGN}"})

    async def test(port: int, _application: Answering) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(GET)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5.0)
        writer.close()

    run(broken, test)
    assert "an answer could not be sent" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/api/events?a=%20b&c", "/api/events", "a=%20b&c"),
        (b"/api/%C3%A9?x", "/api/é", "x"),
        (b"/?", "/", ""),
        (b"/a?b?c", "/a", "b?c"),
        (b"http://host.example:80/api/events/?a=b", "/api/events/", "a=b"),
        (b"http://host.example", "/", ""),
        (b"*", "*", ""),
    ],
)
def test_targets_are_split(target: bytes, path: str, query: str) -> None:
    found: list[Any] = []

    async def note(request: Request) -> Response:
        found.append((request.path, request.query_string))
        return Response(200)

    async def test(port: int, _application: Answering) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"OPTIONS " + target + b" HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    run(note, test)
    assert found == [(path, query)]


def test_old_clients_get_a_response_and_are_closed_unless_they_ask() -> None:
    async def test(port: int, _application: Answering) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na")
        assert b"connection: keep-alive" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(1) == b"a"
        writer.write(b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nb")
        answer = await reader.read()
        assert b"connection: close" in answer
        assert answer.endswith(b"\r\n\r\nb")
        writer.close()

    run(echo, test)


def test_address_that_somebody_has_is_refused_by_name() -> None:
    with closing(socket.create_server((HOST, 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"{HOST}:{port} can't be listened on .*--port"):
            bind(HOST, port)
