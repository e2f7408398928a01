"""From the bytes of a connection to requests, by llhttp in its strict mode."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import quote

import httptools

from eventkeep.errors import RequestRefused
from eventkeep.http.body import Body, BodyMemory
from eventkeep.http.head_cache import HeadCache, cache_key
from eventkeep.http.hosts import is_host
from eventkeep.http.refusals import body_cut, headers_too_large, not_http, wrong_host
from eventkeep.http.request import Head, Request
from eventkeep.limits import HEADER_BYTES_MAX, HEADERS_MAX

PARSED_AT_ONCE_BYTES: Final = 4_096
"""Bytes that are parsed at once; then the connection checks whether to respond to a request first."""
FRAMING_SHARE_MAX: Final = 16
"""Bytes that may frame each byte of a body in chunks; a chunk of one byte has 5."""
FRAMING: Final = frozenset(("content-length", "transfer-encoding"))
"""The headers that give the length of a body."""
VERSIONS: Final = ("1.1", "1.0")
ASCII: Final = "".join(map(chr, range(128)))


class ParserEvents(Protocol):
    """The events that a parser reports to its connection."""

    def request_started(self, request: Request) -> None:
        """The head of a request has arrived."""

    def request_complete(self, request: Request) -> None:
        """The whole body has arrived."""

    def parsing_failed(self, request: Request | None, why: RequestRefused) -> None:
        """Nothing more can be parsed. ``request`` is the one whose body was arriving, if any."""


class RequestParser:
    """Parses the requests of one connection, one after the other."""

    def __init__(self, memory: BodyMemory, head_cache: HeadCache, events: ParserEvents) -> None:
        self._memory, self._head_cache, self._events = memory, head_cache, events
        self._llhttp = httptools.HttpRequestParser(self)
        self.incoming: Request | None = None
        """The request whose body is arriving."""
        self.is_broken = False
        """Whether nothing more can be parsed."""
        # The body of a request with a cached head is taken by its length; llhttp never sees that request.
        self._is_counting = False
        # llhttp is within a message, and the bytes of its head and of its body, as they are on the wire.
        self.has_begun = False
        self._head_bytes = self._body_wire_bytes = 0
        # The requests whose heads were in the last piece.
        self._started: list[Request] = []
        # llhttp ended a request at its head because it asks for another protocol: its body is still to come.
        self._has_upgrade = self._is_replaying = False
        self._start_message()

    @property
    def is_silent(self) -> bool:
        """Whether no byte of the next request has arrived."""
        return self.incoming is None and not self._head_bytes

    def feed(self, data: bytes, place: int) -> int:
        """Parse ``data`` from ``place`` on. Returns the end of the parsed bytes, perhaps before the end of the data."""
        if self._is_counting:
            return self._count(data, place)
        if self.incoming is None and not self.has_begun and (found := self._head_cache.find(data, place)) is not None:
            return self._start_known(*found, data)
        left = self.incoming.body.left if self.incoming is not None else 0
        end = place + max(PARSED_AT_ONCE_BYTES, left)
        return place + self._parse(data if place == 0 and end >= len(data) else memoryview(data)[place:end])

    def end(self) -> None:
        """No more bytes will come."""
        if self.incoming is not None:
            self.incoming.keeps_alive = False
            self.incoming.body.fail(body_cut())

    # Requests with a cached head.

    def _start_known(self, head: Head, body_start: int, data: bytes) -> int:
        request = self.incoming = Request(head, Body(head.declared, self._memory))
        self._is_counting = True
        self._events.request_started(request)
        return self._count(data, body_start)

    def _count(self, data: bytes, place: int) -> int:
        request = self.incoming
        if request is None:
            return place
        end = min(len(data), place + request.body.left)
        request.body.add(data[place:end])
        if not request.body.left:
            self._is_counting = False
            self._complete(request)
        return end

    # Requests that llhttp parses.

    def _parse(self, piece: bytes | memoryview) -> int:
        """Returns how many bytes were parsed: all, unless a request asks for an upgrade."""
        size = len(piece)
        is_start = self.incoming is None and not self.has_begun
        if self.incoming is None:
            self._head_bytes += size
        else:
            self._body_wire_bytes += size
        self._started.clear()
        parsed = with_ascii_line(piece) if is_start and isinstance(piece, bytes) else piece
        try:
            self._llhttp.feed_data(parsed)
        except httptools.HttpParserUpgrade as upgrade:
            return size - len(parsed) + self._after_upgrade(int(upgrade.args[0]))
        except httptools.HttpParserError as error:
            self._break(not_http(str(error)))
            return size
        if is_start and self._started:
            self._started[0].cache_key = cache_key(self._started[0], piece)
        self._check_size()
        return size

    def _after_upgrade(self, used: int) -> int:
        """Go on behind the head of a request that asks for another protocol. Returns the bytes used."""
        request = self.incoming
        if request is None:
            return used
        if request.method == "CONNECT":
            # The next bytes are for another server, or the next request of a client that was refused: nobody can tell.
            self.is_broken = True
            request.keeps_alive = False
            self._complete(request)
            return used
        # The wish for an upgrade is ignored (RFC 9110, 7.8). A new parser gets a head with the same framing.
        self._has_upgrade, self._is_replaying = False, True
        self._llhttp = httptools.HttpRequestParser(self)
        framing = b"".join(self._framing)
        head = b"POST / HTTP/%b\r\nhost: x\r\n%b\r\n" % (request.head.version.encode(), framing)
        try:
            self._llhttp.feed_data(head)
        except httptools.HttpParserError as error:
            self._break(not_http(str(error)))
        self._is_replaying = False
        return used

    def _check_size(self) -> None:
        """Refuse a head, or a frame around a body, that is out of all proportion."""
        request = self.incoming
        if request is None:
            if self._head_bytes > HEADER_BYTES_MAX:
                self._break(headers_too_large())
        elif self._body_wire_bytes > HEADER_BYTES_MAX + (1 + FRAMING_SHARE_MAX) * request.body.received:
            self._break(not_http("the chunks are framed in too many bytes"))

    def _break(self, why: RequestRefused) -> None:
        request, self.incoming = self.incoming, None
        self.is_broken = True
        self._events.parsing_failed(request, why)

    def _start_message(self) -> None:
        self._target = b""
        self._headers: dict[str, bytes] = {}
        self._fields = self._hosts = 0
        self._framing: list[bytes] = []

    # The callbacks of llhttp.

    def on_message_begin(self) -> None:
        self.has_begun = True
        if not self._is_replaying:
            self._start_message()

    def on_url(self, url: bytes) -> None:
        if not self._is_replaying:
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # The head of a replay is known, and a trailer field, behind the body, has no meaning here.
        if self.incoming is not None:
            return
        self._fields += 1
        if self._fields > HEADERS_MAX:
            return
        lower = lower_name(name)
        self._headers.setdefault(lower, value)
        if lower == "host":
            self._hosts += 1
        elif lower in FRAMING:
            self._framing.append(b"%b: %b\r\n" % (name, value))

    def on_headers_complete(self) -> None:
        if self._is_replaying:
            return
        llhttp = self._llhttp
        self._has_upgrade = llhttp.should_upgrade()
        self._body_wire_bytes = 0
        head = Head(
            method_name(llhttp.get_method()),
            self._target,
            llhttp.get_http_version(),
            self._headers,
            llhttp.should_keep_alive(),
        )
        request = self.incoming = Request(head, Body(head.declared, self._memory))
        self._started.append(request)
        request.refusal = self._refusal(head)
        if request.refusal is not None:
            request.keeps_alive = False
        self._events.request_started(request)

    def on_body(self, body: bytes) -> None:
        if self.incoming is not None:
            self.incoming.body.add(body)

    def on_message_complete(self) -> None:
        request = self.incoming
        if not self._has_upgrade and request is not None:
            self.has_begun = False
            self._complete(request)

    def _complete(self, request: Request) -> None:
        self.incoming = None
        self._head_bytes = 0
        request.body.complete()
        self._events.request_complete(request)

    def _refusal(self, head: Head) -> RequestRefused | None:
        """Return the refusal of a head that llhttp accepts and HTTP forbids, or None."""
        if head.version not in VERSIONS:
            return not_http(f"the version is {head.version}")
        if self._fields > HEADERS_MAX:
            return headers_too_large()
        # RFC 9112, 3.2. HTTP/1.0 knows no Host.
        if self._hosts > 1 or (not self._hosts and head.version != "1.0"):
            return wrong_host(f"got {self._hosts} of them")
        if not is_host(head.headers.get("host", b"")):
            return wrong_host("its characters are not those of a host")
        return None


@lru_cache(100)
def method_name(method: bytes) -> str:
    return method.decode()


@lru_cache(1_000)
def lower_name(name: bytes) -> str:
    """A header's name in lower case; clients send the same ones again and again."""
    return name.decode("latin-1").lower()


def with_ascii_line(message: bytes) -> bytes:
    """The same request with a URL in ASCII: llhttp refuses any other text, which some clients send."""
    if message.isascii():
        return message
    line, end, rest = message.partition(b"\n")
    return message if line.isascii() else b"".join((quote(line, safe=ASCII).encode(), end, rest))
