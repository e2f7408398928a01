"""HTTP/1.1 on one connection: requests out of bytes, one answer after the other, and an end in time.

The parser is llhttp, in its strict mode. What is here is what stands between messages:
a request is answered before the next one is begun; what a client sends ahead stays
small, for reading pauses meanwhile; a body is handed on as it arrives, and one that
nobody wants is dropped; a client that is slow to send, or to read, is cut off.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

import httptools
import structlog

from eventkeep.errors import Fault, HeadersTooLarge, InvalidRequest, RequestRefused
from eventkeep.limits import (
    ANSWER_SECONDS_MAX,
    BODY_BYTES_MAX,
    BODY_SECONDS_MAX,
    HEADER_BYTES_MAX,
    HEADER_SECONDS_MAX,
    HEADERS_MAX,
    LINGER_SECONDS_MAX,
)
from eventkeep.server.exchange import BufferedRequest, Exchange, lower_name
from eventkeep.server.heads import plain_head
from eventkeep.server.http import Response, body_cut, body_too_slow, header_lines

if TYPE_CHECKING:
    from eventkeep.server.create_gatherer import Single
    from eventkeep.server.listener import Listener

logger = structlog.get_logger(__name__)

PARSED_AT_ONCE_BYTES: Final = 4_096
"""Of what may hold many requests, so much is parsed before it is looked whether one has to be answered first."""
FRAMING_SHARE_MAX: Final = 16
"""Bytes that may frame each byte of a body in chunks; chunks of one byte have 5."""
READING: Final = ("GET", "HEAD")
ASCII: Final = "".join(map(chr, range(128)))
SPOKEN: Final = ("1.1", "1.0")
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
SERVER: Final = "server: eventkeep\r\n"


class Connection(asyncio.Protocol):
    """A client's connection. Its listener bounds what all of them hold, and looks at their deadlines."""

    _transport: asyncio.Transport

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._parser = httptools.HttpRequestParser(self)
        # What is parsed now: from the first byte of a request to the last one of its body.
        self._incoming: Exchange | None = None
        self._has_head = False
        self._head_fields = self._head_bytes = self._body_wire_bytes = 0
        # Requests whose heads are there, in order; the first is being answered.
        self._exchanges: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | Single | None = None
        # What came while an answer was under way, not parsed yet.
        self._ahead = b""
        self._unsent_before = 0
        # The client takes no answers; it will send no more; nothing more can be parsed; this was the last answer.
        self._is_stalled = self._has_ended = self._is_broken = self._is_over = self._is_closing = False
        self._deadline = math.inf

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._set_deadline(HEADER_SECONDS_MAX)
        self._listener.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        if self._task is not None:
            self._task.cancel()
        self._listener.release(len(self._ahead))
        self._listener.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._is_closing or self._is_broken or self._is_over:
            return
        if self._ahead or self._has_to_wait():
            self._keep_ahead(data)
        else:
            self._feed(data)

    def eof_received(self) -> bool:
        """Whether the connection stays open for what is still to be answered."""
        self._has_ended = True
        self._look_at_end()
        if self._exchanges and self._exchanges[0].method in READING:
            # A client that closes its half only is rare; one that is gone has nobody read for it for long.
            self._set_deadline(LINGER_SECONDS_MAX)
        return not self._is_closing

    def pause_writing(self) -> None:
        self._is_stalled = True
        self._unsent_before = self.unsent_bytes
        self._set_deadline(ANSWER_SECONDS_MAX)
        self._listener.stalled(self)

    def resume_writing(self) -> None:
        self._is_stalled = False
        self._listener.flowing(self)
        if self._is_closing:
            return
        if self._is_over:
            self._hang_up()
        else:
            self._set_deadline(HEADER_SECONDS_MAX)
            self._go_on()

    # What the parser tells.

    def on_message_begin(self) -> None:
        self._incoming = Exchange(self._listener.hold, self._wanted)
        self._head_fields = 0

    def on_url(self, url: bytes) -> None:
        if self._incoming is not None:
            self._incoming.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_fields += 1
        # A trailer field, behind the body, says nothing that we ask for.
        if self._incoming is not None and not self._has_head and self._head_fields <= HEADERS_MAX:
            self._incoming.headers.setdefault(lower_name(name), value)

    def on_headers_complete(self) -> None:
        if (exchange := self._incoming) is None:
            return
        parser = self._parser
        self._has_head = True
        self._body_wire_bytes = 0
        exchange.method, exchange.version = method_name(parser.get_method()), parser.get_http_version()
        exchange.keeps_alive = parser.should_keep_alive()
        declared = exchange.headers.get("content-length")
        if declared is not None:
            exchange.declared = int(declared)
        if exchange.version not in SPOKEN:
            exchange.refusal = not_http(f"the version is {exchange.version}")
        elif self._head_fields > HEADERS_MAX:
            exchange.refusal = headers_too_large()
        if exchange.refusal is not None:
            exchange.keeps_alive = False
        self._exchanges.append(exchange)

    def on_body(self, body: bytes) -> None:
        if self._incoming is not None:
            self._incoming.take(body)

    def on_message_complete(self) -> None:
        if (exchange := self._incoming) is None:
            return
        exchange.complete()
        self._incoming = None
        self._has_head = False
        self._head_bytes = 0
        if exchange.is_answered:
            self._set_deadline(HEADER_SECONDS_MAX)

    # What the listener asks for.

    @property
    def unsent_bytes(self) -> int:
        """Bytes of answers that the client has not taken yet."""
        return self._transport.get_write_buffer_size()

    def look_at_deadline(self, now: float) -> None:
        """End what took too long; ``now`` is the loop's time."""
        if now < self._deadline:
            return
        if self._is_stalled and self.unsent_bytes < self._unsent_before:
            # It reads, if slowly.
            self._unsent_before = self.unsent_bytes
            self._set_deadline(ANSWER_SECONDS_MAX)
        elif self._incoming is not None and self._exchanges and not self._is_stalled and not self._is_closing:
            self._incoming.keeps_alive = False
            self._incoming.fail(body_too_slow())
            self._deadline = math.inf
        else:
            self.abort()

    def abort(self) -> None:
        """Cut the connection, whatever is under way."""
        self._transport.abort()

    def finish(self) -> None:
        """Close the connection once what was answered has been sent."""
        self._is_closing = True
        self._transport.close()

    # Parsing.

    def _has_to_wait(self) -> bool:
        """Whether what comes now is not about the request that is being answered."""
        return bool(self._exchanges) and self._incoming is not self._exchanges[0]

    def _keep_ahead(self, data: bytes) -> None:
        try:
            self._listener.hold(len(data))
        except RequestRefused:
            self.abort()
            return
        self._ahead += data
        self._transport.pause_reading()

    def _feed(self, data: bytes) -> None:
        """Parse, up to the end of the request that has to be answered first."""
        is_start = self._incoming is None and not self._head_bytes and not self._exchanges
        if is_start and (head := self._listener.heads.of(data)) is not None:
            self._exchanges.append(BufferedRequest(head, data[head.size :], self._listener.hold, self._wanted))
            self._after_parsing()
            return
        place = 0
        while place < len(data) and not self._is_broken and not self._is_closing:
            if self._has_to_wait():
                self._keep_ahead(data[place:])
                break
            left = self._incoming.left if self._incoming is not None else 0
            end = place + max(PARSED_AT_ONCE_BYTES, left)
            place += self._parse(data if place == 0 and end >= len(data) else memoryview(data)[place:end])
        if is_start and self._incoming is None and place >= len(data) and len(self._exchanges) == 1:
            self._exchanges[0].plain_head = plain_head(self._exchanges[0], data)
        if not self._is_closing:
            self._after_parsing()

    def _parse(self, piece: bytes | memoryview) -> int:
        """How many bytes were parsed; what is behind an error is not looked at."""
        size = len(piece)
        if self._has_head:
            self._body_wire_bytes += len(piece)
        else:
            if not self._head_bytes:
                if not self._exchanges and not self._is_stalled:
                    self._set_deadline(HEADER_SECONDS_MAX)
                if isinstance(piece, bytes) and not piece.isascii():
                    piece = with_ascii_line(piece)
            self._head_bytes += len(piece)
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            # To a protocol that is not spoken here: the request stands, and HTTP goes on behind it.
            self._parser = httptools.HttpRequestParser(self)
            return size - len(piece) + int(upgrade.args[0])
        except httptools.HttpParserError as error:
            self._refuse(not_http(str(error)))
            return size
        if self._incoming is not None or self._head_bytes:
            self._check_size()
        return size

    def _check_size(self) -> None:
        """Refuse a head, or a frame around a body, that is out of all proportion."""
        exchange = self._incoming
        if exchange is None or not self._has_head:
            if self._head_bytes > HEADER_BYTES_MAX:
                self._refuse(headers_too_large())
        elif self._body_wire_bytes > HEADER_BYTES_MAX + (1 + FRAMING_SHARE_MAX) * exchange.received:
            self._refuse(not_http("the chunks are framed in too many bytes"))
        elif exchange.is_answered and exchange.received > BODY_BYTES_MAX:
            self._hang_up()

    def _refuse(self, why: RequestRefused) -> None:
        """Answer what can't be parsed, after all that stands before it, and hang up."""
        exchange, self._incoming = self._incoming, None
        self._is_broken = True
        if exchange is not None and self._has_head:
            exchange.keeps_alive = False
            exchange.fail(body_cut(why.faults[0].detail))
            if exchange.is_answered:
                self._hang_up()
        elif not self._exchanges or self._exchanges[-1].keeps_alive:
            broken = Exchange(self._listener.hold, self._wanted)
            broken.refusal, broken.keeps_alive = why, False
            self._exchanges.append(broken)

    def _after_parsing(self) -> None:
        """Answer what is there to be answered, and see that what is not there comes in time."""
        if self._exchanges:
            exchange = self._exchanges[0]
            if self._task is None and not self._is_stalled:
                self._begin(exchange)
            elif exchange is not self._incoming and not self._is_stalled:
                self._deadline = math.inf
            if exchange is self._incoming and not exchange.is_wanted and exchange.received > HEADER_BYTES_MAX:
                # Until somebody asks for it, or nobody will.
                self._transport.pause_reading()
        if self._has_ended:
            self._look_at_end()

    # Answering.

    def _begin(self, exchange: Exchange) -> None:
        if exchange is self._incoming:
            self._set_deadline(BODY_SECONDS_MAX)
        else:
            self._deadline = math.inf
        if isinstance(exchange, BufferedRequest):
            self._task = self._listener.app.begin_single(exchange, self._answered)
        if self._task is None:
            self._task = self._listener.loop.create_task(self._answer(exchange))

    def _answered(self, response: Response | None) -> None:
        """What is answered without a task; None where there is no answer."""
        exchange = self._exchanges[0]
        self._task = None
        try:
            if self._is_closing:
                return
            if response is None:
                self.abort()
            else:
                self._send(exchange, response)
        except Exception:
            self._fail_to_send()
        finally:
            self._listener.release(exchange.held)

    async def _answer(self, exchange: Exchange) -> None:
        try:
            response = await self._listener.answer(exchange)
            self._task = None
            if not self._is_closing:
                self._send(exchange, response)
        except Exception:
            self._fail_to_send()
        finally:
            self._listener.release(exchange.held)

    def _fail_to_send(self) -> None:
        # The client would wait for an answer that never comes.
        logger.exception("an answer could not be sent")
        self.abort()

    def _send(self, exchange: Exchange, response: Response) -> None:
        self._exchanges.popleft()
        exchange.answered()
        if exchange.plain_head and response.status == HTTPStatus.ACCEPTED:
            self._listener.heads.remember(exchange)
        is_last = not exchange.keeps_alive or (not exchange.is_complete and not will_end(exchange))
        self._transport.write(answer_bytes(exchange, response, self._listener.date(), is_last))
        self._is_over = is_last
        if self._is_stalled:
            return
        if is_last:
            self._hang_up()
        else:
            self._set_deadline(BODY_SECONDS_MAX if exchange is self._incoming else HEADER_SECONDS_MAX)
            self._go_on()

    def _go_on(self) -> None:
        """Take the next request, if there is one."""
        if self._exchanges and self._task is None:
            self._begin(self._exchanges[0])
        if self._has_to_wait():
            return
        if self._ahead:
            data, self._ahead = self._ahead, b""
            self._listener.release(len(data))
            self._transport.resume_reading()
            self._feed(data)
        elif self._has_ended:
            self._look_at_end()
        elif self._incoming is not None:
            self._transport.resume_reading()

    def _look_at_end(self) -> None:
        """Where nothing more will come: what was cut is refused, and an idle connection is closed."""
        if self._ahead:
            return
        if self._incoming is not None and self._has_head:
            self._incoming.keeps_alive = False
            self._incoming.fail(body_cut())
        if not self._exchanges and not self._is_closing:
            self.finish()

    def _hang_up(self) -> None:
        """Say that this was all. Who is still sending is heard out for a moment: a reset would take the answer back."""
        if self._has_ended or not (self._is_broken or self._incoming or self._ahead or self._exchanges):
            self.finish()
            return
        self._is_closing = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._set_deadline(LINGER_SECONDS_MAX)

    def _wanted(self, exchange: Exchange) -> None:
        """Somebody waits for a body: its client may wait for being asked."""
        self._transport.resume_reading()
        if waits_to_be_asked(exchange):
            exchange.is_asked = True
            self._transport.write(CONTINUE)

    def _set_deadline(self, seconds: float) -> None:
        self._deadline = self._listener.loop.time() + seconds


@lru_cache(100)
def method_name(method: bytes) -> str:
    return method.decode()


def waits_to_be_asked(exchange: Exchange) -> bool:
    """Whether a client sends its body only when it is told to go on."""
    if exchange.is_asked or exchange.version == "1.0":
        return False
    return exchange.headers.get("expect", b"").strip().lower() == b"100-continue"


def will_end(exchange: Exchange) -> bool:
    """Whether the rest of a body can be waited for, and dropped, before the next request.

    A client that was not asked for it may send it, or the next request instead.
    """
    return (exchange.declared or 0) <= BODY_BYTES_MAX and not waits_to_be_asked(exchange)


def with_ascii_line(message: bytes) -> bytes:
    """The same request, where its URL holds text beyond ASCII as it is: the parser wants that encoded."""
    line, end, rest = message.partition(b"\n")
    return message if line.isascii() else b"".join((quote(line, safe=ASCII).encode(), end, rest))


def answer_bytes(exchange: Exchange, response: Response, date: str, is_last: bool) -> bytes:
    """An answer as it is sent."""
    body = response.body
    lines = response.lines + header_lines(response.headers) if response.headers else response.lines
    connection = ""
    if is_last:
        connection = "connection: close\r\n"
    elif exchange.version == "1.0":
        connection = "connection: keep-alive\r\n"
    text = f"{STATUS_LINES[response.status]}{lines}{connection}{SERVER}content-length: {len(body)}\r\n{date}\r\n"
    head = text.encode("latin-1")
    return head + body if body and exchange.method != "HEAD" else head


def not_http(why: str) -> InvalidRequest:
    return InvalidRequest([Fault(f"This is not HTTP/1.1: {why}.", parameter="HTTP")])


def headers_too_large() -> HeadersTooLarge:
    return HeadersTooLarge(
        [
            Fault(
                f"A request's line and headers have at most {HEADER_BYTES_MAX} bytes, and there are at most "
                f"{HEADERS_MAX} headers.",
                parameter="HTTP",
            )
        ]
    )
