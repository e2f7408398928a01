"""Heads that were parsed before are known again by their exact bytes, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest
import uvloop

from eventkeep.clock import SystemClock
from eventkeep.http import head_cache
from eventkeep.http.head_cache import HeadCache
from eventkeep.http.listener import Listener, bind
from eventkeep.http.request import Head, Request
from eventkeep.http.response import Response
from eventkeep.limits import BODY_BYTES_MAX, HEAD_BYTES_REMEMBERED_MAX
from tests.http_application import HandlerApplication

HOST = "127.0.0.1"
HEAD = b"POST /take HTTP/1.1\r\nHost: x\r\nAuthorization: k\r\nContent-Length: 5\r\n\r\n"


SAID = "POST /take k"
KNOWN = f"known {SAID}"


class Echoing(HandlerApplication):
    """Gives bodies back, and notes how each request came."""

    def __init__(self) -> None:
        super().__init__(self.handle)
        self.came: list[str] = []
        self.remembers = True

    async def handle(self, request: Request) -> Response:
        said = f"{request.method} {request.path} {request.headers.get('authorization')}"
        self.came.append(said if request.memo is None else f"known {said}")
        if self.remembers:
            request.memo = "known"
        return Response(202, None, await request.read_body(BODY_BYTES_MAX))


Test = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Echoing], Awaitable[None]]


def run(test: Test) -> None:
    async def both() -> None:
        application = Echoing()
        with closing(bind(HOST, 0)) as bound:
            listening = Listener(application, bound, SystemClock())
            listening.start()
            reader, writer = await asyncio.open_connection(HOST, bound.getsockname()[1])
            await asyncio.wait_for(test(reader, writer, application), 20.0)
            writer.close()
            await listening.close(1.0)
            assert listening.memory.bytes == 0

    uvloop.run(both())


async def next_body(reader: asyncio.StreamReader) -> bytes:
    """The body of the next response."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return await reader.readexactly(length)


async def make_known(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
    """Have HEAD be remembered."""
    writer.write(HEAD + b"first")
    assert await next_body(reader) == b"first"
    application.came.clear()


def test_head_that_comes_again_is_known_and_its_request_is_the_same() -> None:
    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        for body in (b"first", b"other", b"\r\n\r\n!"):
            writer.write(HEAD + body)
            assert await next_body(reader) == body
        assert application.came == [SAID, KNOWN, KNOWN]

    run(test)


@pytest.mark.parametrize("cut", [1, 20, len(HEAD) - 2, len(HEAD), len(HEAD) + 3])
def test_request_in_two_pieces_is_the_same(cut: int) -> None:
    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        await make_known(reader, writer, application)
        message = HEAD + b"whole"
        for _ in range(2):
            writer.write(message[:cut])
            await asyncio.sleep(0.05)
            writer.write(message[cut:])
            assert await next_body(reader) == b"whole"
        # A head has to come in one piece to be known; its body need not.
        assert application.came == [KNOWN if cut >= len(HEAD) else SAID] * 2
        # The parser is between two requests again.
        writer.write(HEAD + b"after")
        assert await next_body(reader) == b"after"
        assert application.came[2:] == [KNOWN]

    run(test)


def test_requests_that_come_at_once_get_responses_in_their_order() -> None:
    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        await make_known(reader, writer, application)
        bodies = [b"%05d" % number for number in range(50)]
        writer.write(b"".join(HEAD + body for body in bodies))
        assert [await next_body(reader) for _ in bodies] == bodies
        assert application.came == [KNOWN] * 50
        other = HEAD.replace(b": k", b": other")
        writer.write(b"".join((HEAD if number % 3 else other) + body for number, body in enumerate(bodies)))
        assert [await next_body(reader) for _ in bodies] == bodies

    run(test)


@pytest.mark.parametrize("size", [5_000, 70_000, 1_000_000])
@pytest.mark.parametrize("piece_bytes", [1_000_000, 50_000, 999])
def test_large_bodies_behind_a_known_head_come_whole(size: int, piece_bytes: int) -> None:
    body = bytes(number % 251 for number in range(size))
    message = HEAD.replace(b"Length: 5", b"Length: %d" % size) + body

    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        async def send() -> None:
            for start in range(0, 3 * len(message), piece_bytes):
                writer.write((message * 3)[start : start + piece_bytes])
                await writer.drain()

        sending = asyncio.create_task(send())
        assert [await next_body(reader) for _ in range(3)] == [body] * 3
        await sending

    run(test)


@pytest.mark.parametrize(
    "changed",
    [
        HEAD.replace(b"Authorization: k", b"Authorization: K"),
        HEAD.replace(b"POST", b"post", 1),
        HEAD.replace(b"Host: x", b"Host : x"),
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.2"),
        HEAD.replace(b"Length: 5", b"Length: 6"),
        b"\r\n" + HEAD,
    ],
)
def test_head_that_differs_by_a_byte_is_parsed(changed: bytes) -> None:
    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        await make_known(reader, writer, application)
        writer.write(changed + b"other!")
        await asyncio.sleep(0.05)
        assert KNOWN not in application.came

    run(test)


def test_body_that_is_shorter_than_told_is_waited_for() -> None:
    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        await make_known(reader, writer, application)
        writer.write(HEAD + b"shor")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        writer.write(b"t")
        assert await next_body(reader) == b"short"
        assert application.came == [KNOWN]

    run(test)


def test_what_is_behind_a_body_is_a_request_of_its_own() -> None:
    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        await make_known(reader, writer, application)
        writer.write(HEAD + b"12345GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await next_body(reader) == b"12345"
        assert await next_body(reader) == b""
        assert application.came == [KNOWN, "GET /hidden None"]
        writer.write(HEAD + b"12345" + b"x\r\n\r\n")
        assert await next_body(reader) == b"12345"
        assert b"This is not HTTP/1.1" in await next_body(reader)
        assert await reader.read() == b""

    run(test)


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace(b"Content-Length: 5", b"Content-Length: 5\r\nContent-Length: 5"),
        HEAD.replace(b"Content-Length: 5", b"Content-Length: 5\r\nContent-Length: 4"),
        HEAD.replace(b"Content-Length: 5", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
        HEAD.replace(b"Content-Length: 5", b"Content-Length: 5, 5"),
        HEAD.replace(b"Content-Length: 5", b"Content-Length: +5"),
    ],
)
def test_head_that_the_parser_refuses_is_refused_every_time(head: bytes) -> None:
    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        await make_known(reader, writer, application)
        for _ in range(2):
            connection, sending = await asyncio.open_connection(*writer.get_extra_info("peername"))
            sending.write(head + b"12345")
            assert b"This is not HTTP/1.1" in await next_body(connection)
            assert await connection.read() == b""
            sending.close()
        assert application.came == []

    run(test)


@pytest.mark.parametrize(
    "message",
    [
        HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n") + b"12345",
        HEAD.replace(b"\r\n\r\n", b"\r\nUpgrade: h2c\r\n\r\n") + b"12345",
        HEAD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"5\r\n12345\r\n0\r\n\r\n",
        HEAD.replace(b"1.1", b"1.0").replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n") + b"12345",
        HEAD.replace(b"Host", b"X" * HEAD_BYTES_REMEMBERED_MAX + b": x\r\nHost") + b"12345",
        HEAD.replace(b"Content-Length: 5", b"X: y"),
    ],
)
def test_request_that_is_not_plain_is_parsed_every_time(message: bytes) -> None:
    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        for _ in range(3):
            writer.write(message)
            assert await next_body(reader) in (b"12345", b"")
        assert application.came == [SAID] * 3

    run(test)


def test_head_that_the_application_does_not_remember_is_parsed_every_time() -> None:
    async def test(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, application: Echoing) -> None:
        application.remembers = False
        for _ in range(3):
            writer.write(HEAD + b"12345")
            assert await next_body(reader) == b"12345"
        assert application.came == [SAID] * 3

    run(test)


def test_remembered_heads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_cache, "HEADS_REMEMBERED_MAX", 10)
    cache = HeadCache()
    sent = [HEAD.replace(b": k", b": %d" % number) for number in range(100)]
    for each in sent:
        cache.remember(each, Head("POST", b"/", "1.1", {}, keeps_alive=True))
    assert sum(cache.find(each + b"12345", 0) is not None for each in sent) <= 10
    assert cache.find(sent[-1] + b"12345", 0) is not None
    assert cache.find(b"", 0) is None
