"""Connections to a listener whose application responds as the test says."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import uvloop

from eventkeep.clock import SystemClock
from eventkeep.errors import ConfigurationError
from eventkeep.http import connection_table, deadline, listener
from eventkeep.http.deadline import Wait
from eventkeep.http.listener import Listener, bind
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.limits import BODY_BYTES_MAX
from tests.http_application import Handle, HandlerApplication

HOST = "127.0.0.1"
LARGE = 20_000_000
"""The size of a response that no system buffers hold."""
PATIENCE_SECONDS = 1.0
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(listener, "LOOK_SECONDS", 0.02)
    for wait in (Wait.READING, Wait.END):
        monkeypatch.setitem(deadline.SECONDS, wait, PATIENCE_SECONDS)
    yield


def run(
    act: Handle, test: Callable[[int, HandlerApplication], Awaitable[None]], connections_per_host_max: int = 1_000
) -> None:
    """Have ``test`` talk to the port of a listener that responds by ``act``."""

    async def both() -> None:
        application = HandlerApplication(act)
        with closing(bind(HOST, 0)) as bound:
            listening = Listener(application, bound, SystemClock(), connections_per_host_max)
            listening.start()
            await test(bound.getsockname()[1], application)
            await listening.close(1.0)
            # Connections of the test itself that it closed.
            await asyncio.sleep(0.01)
            assert (listening.memory.bytes, len(listening.table)) == (0, 0)

    uvloop.run(both())


async def large_response(_request: Request) -> Response:
    return Response(200, None, b"x" * LARGE)


async def echo(request: Request) -> Response:
    return Response(200, None, await request.read_body(BODY_BYTES_MAX))


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
    async def test(port: int, _application: HandlerApplication) -> None:
        with closing(connected(port)) as connection:
            connection.sendall(GET)
            await asyncio.sleep(2 * PATIENCE_SECONDS)
            assert await received(connection) < LARGE

    run(large_response, test)


def test_client_that_sends_again_without_reading_is_cut_off() -> None:
    async def test(port: int, _application: HandlerApplication) -> None:
        with closing(connected(port)) as connection:
            connection.sendall(GET)
            await asyncio.sleep(PATIENCE_SECONDS / 2)
            connection.sendall(GET)
            await asyncio.sleep(2 * PATIENCE_SECONDS)
            assert await received(connection) < LARGE

    run(large_response, test)


def test_client_that_reads_its_response_slowly_gets_it_whole() -> None:
    async def test(port: int, _application: HandlerApplication) -> None:
        with closing(connected(port)) as connection:
            connection.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            started = asyncio.get_running_loop().time()
            assert await received(connection, pause=0.005) > LARGE
            assert asyncio.get_running_loop().time() - started > PATIENCE_SECONDS

    run(large_response, test)


def test_responses_that_wait_for_their_clients_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_table, "UNSENT_BYTES_MAX", 2 * LARGE)
    monkeypatch.setitem(deadline.SECONDS, Wait.READING, 60.0)

    async def test(port: int, _application: HandlerApplication) -> None:
        connections = [connected(port) for _ in range(5)]
        for connection in connections:
            connection.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            await asyncio.sleep(0.1)
        counts = await asyncio.gather(*map(received, connections))
        assert sum(count > LARGE for count in counts) in (2, 3)
        for connection in connections:
            connection.close()

    run(large_response, test)


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OTHER_HOST = "127.0.0.2"


async def opened(port: int, host: str = HOST) -> Stream:
    """A connection from this address of the machine."""
    return await asyncio.open_connection(HOST, port, local_addr=(host, 0))


async def is_open(stream: Stream) -> bool:
    """Whether the connection gets a response now."""
    stream[1].write(GET)
    try:
        return b" 200 " in await asyncio.wait_for(stream[0].readuntil(b"\r\n\r\n"), 5.0)
    except (asyncio.IncompleteReadError, ConnectionError):
        return False


class Holding:
    """Responds once it is told to."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.held = 0

    async def handle(self, _request: Request) -> Response:
        self.held += 1
        await self.released.wait()
        return Response(200)


async def nothing(_request: Request) -> Response:
    return Response(200)


@pytest.mark.parametrize("ends", [True, False])
def test_client_waits_while_there_is_no_room_until_a_connection_ends_or_is_idle(
    monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS_MAX", 2)
    holding = Holding()

    async def test(port: int, _application: HandlerApplication) -> None:
        streams = []
        for number in range(3):
            streams.append(await opened(port))
            streams[-1][1].write(GET)
            while holding.held < min(number + 1, 2):
                await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(streams[2][0].read(1), 0.3)
        assert holding.held == 2
        if ends:
            streams[0][1].transport.abort()
            while holding.held < 3:
                await asyncio.sleep(0.01)
        holding.released.set()
        await asyncio.wait_for(streams[2][0].readuntil(b"\r\n\r\n"), 5.0)
        for _reader, writer in streams:
            writer.close()

    run(holding.handle, test)


def test_connection_that_is_idle_for_the_longest_time_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS_MAX", 4)

    async def test(port: int, _application: HandlerApplication) -> None:
        silent, slow, used, last = [await opened(port) for _ in range(4)]
        slow[1].write(b"GET / HT")
        for stream in (used, last):
            await asyncio.sleep(0.05)
            assert await is_open(stream)
        newer = [await opened(port) for _ in range(2)]
        assert [await is_open(stream) for stream in newer] == [True, True]
        # The connection without a request has waited since it was opened, the slow head a moment less.
        assert [await asyncio.wait_for(stream[0].read(), 5.0) for stream in (silent, slow)] == [b"", b""]
        assert [await is_open(stream) for stream in (used, last)] == [True, True]
        for stream in (silent, slow, used, last, *newer):
            stream[1].close()

    run(nothing, test)


def test_host_with_most_connections_gives_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "CONNECTIONS_MAX", 4)

    async def test(port: int, _application: HandlerApplication) -> None:
        oldest = await opened(port, OTHER_HOST)
        many = [await opened(port) for _ in range(3)]
        newest = await opened(port, OTHER_HOST)
        assert [await is_open(stream) for stream in (newest, oldest)] == [True, True]
        assert [await is_open(stream) for stream in many] == [False, True, True]
        for stream in (oldest, *many, newest):
            stream[1].close()

    run(nothing, test)


def test_connections_of_a_host_are_bounded_and_other_hosts_do_not_notice() -> None:
    async def test(port: int, _application: HandlerApplication) -> None:
        other = await opened(port, OTHER_HOST)
        streams = []
        for _ in range(6):
            streams.append(await opened(port))
            await asyncio.sleep(0.02)
        assert [await is_open(stream) for stream in streams] == [False] * 3 + [True] * 3
        assert await is_open(other)
        for stream in (*streams, other):
            stream[1].close()

    run(nothing, test, connections_per_host_max=3)


def test_host_whose_connections_are_all_busy_is_refused_another() -> None:
    holding = Holding()

    async def test(port: int, _application: HandlerApplication) -> None:
        busy = [await opened(port) for _ in range(2)]
        for _reader, writer in busy:
            writer.write(GET)
        while holding.held < 2:
            await asyncio.sleep(0.01)
        refused = await opened(port)
        response = await asyncio.wait_for(refused[0].read(), 5.0)
        assert response.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in response
        other = await opened(port, OTHER_HOST)
        holding.released.set()
        assert await is_open(other)
        for reader, _writer in busy:
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        for stream in (*busy, refused, other):
            stream[1].close()

    run(holding.handle, test, connections_per_host_max=2)


@pytest.mark.parametrize("is_reset", [True, False])
def test_request_is_given_up_when_its_client_goes_away(is_reset: bool) -> None:
    async def forever(_request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def test(port: int, application: HandlerApplication) -> None:
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
        message = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + framed
    else:
        message = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (size, body)

    async def test(port: int, _application: HandlerApplication) -> None:
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

    async def test(port: int, _application: HandlerApplication) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        for number in range(3):
            writer.write(b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" % number + b"x" * 3_000_000)
        for number in range(3):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"/%d" % number
        writer.close()

    run(refusing, test)


def test_slow_response_is_waited_for_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(deadline.SECONDS, Wait.HEAD, 0.1)

    async def slow_second(request: Request) -> Response:
        await asyncio.sleep(0.0 if request.path == "/1" else 0.5)
        return Response(200, None, request.path.encode())

    async def test(port: int, _application: HandlerApplication) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
        for number in (1, 2):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"/%d" % number
        assert await asyncio.wait_for(reader.read(), 5.0) == b""
        writer.close()

    run(slow_second, test)


def test_response_that_can_not_be_sent_ends_the_connection(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken(_request: Request) -> Response:
        return Response(200, {"X-Text": "\N{EURO SIGN}"})

    async def test(port: int, _application: HandlerApplication) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(GET)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5.0)
        writer.close()

    run(broken, test)
    assert "a response could not be sent" in capsys.readouterr().out


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

    async def test(port: int, _application: HandlerApplication) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"OPTIONS " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    run(note, test)
    assert found == [(path, query)]


def test_old_clients_get_a_response_and_are_closed_unless_they_ask() -> None:
    async def test(port: int, _application: HandlerApplication) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na")
        assert b"connection: keep-alive" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(1) == b"a"
        writer.write(b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nb")
        response = await reader.read()
        assert b"connection: close" in response
        assert response.endswith(b"\r\n\r\nb")
        writer.close()

    run(echo, test)


def test_address_that_somebody_has_is_refused_by_name() -> None:
    with closing(socket.create_server((HOST, 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"{HOST}:{port} can't be listened on .*--port"):
            bind(HOST, port)
