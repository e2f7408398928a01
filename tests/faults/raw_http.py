"""HTTP by the byte: a connection that sends anything, and a reader of any response."""

from __future__ import annotations

import re
import socket
import time
from types import TracebackType
from typing import Final, Self

import msgspec

HOST: Final = "127.0.0.1"
STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n")
PIECE_BYTES: Final = 65_536
RESPONSE_SECONDS_MAX: Final = 30.0
"""Seconds to wait for a response, or for the end of a connection."""


class RawResponse(msgspec.Struct):
    """One response; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoResponse(AssertionError):
    """Bytes that are no response, or no response in time."""


class Wire:
    """A TCP connection to a local port. A context manager that closes it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=RESPONSE_SECONDS_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.ended = False
        """True if the other side has closed its half."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, *pieces: bytes) -> bool:
        """Send the pieces one by one. Returns False if the server has closed the connection meanwhile."""
        try:
            for piece in pieces:
                self._socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def finish(self) -> None:
        """Close our half: nothing more will be sent."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = True

    def response(self, seconds: float = RESPONSE_SECONDS_MAX) -> RawResponse | None:
        """The next response; None if the connection ends before one. Raises NoResponse if it takes longer."""
        deadline = time.monotonic() + seconds
        while True:
            taken = take_response(self._received)
            if taken is not None:
                found, self._received = taken
                return found
            if self.ended:
                if self._received:
                    raise NoResponse(f"the connection ended within a response: {self._received[:200]!r}")
                return None
            self._receive(deadline)

    def responses(self, seconds: float = RESPONSE_SECONDS_MAX) -> list[RawResponse]:
        """All responses until the connection ends. Raises NoResponse if it does not within ``seconds``."""
        found: list[RawResponse] = []
        while (response := self.response(seconds)) is not None:
            found.append(response)
        return found

    def responses_until_quiet(self, seconds: float) -> list[RawResponse]:
        """The responses up to the end of the connection, or until nothing has arrived for this long."""
        found: list[RawResponse] = []
        try:
            while (response := self.response(seconds)) is not None:
                found.append(response)
        except TimeoutError:
            pass
        return found

    def _receive(self, deadline: float) -> None:
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            piece = self._socket.recv(PIECE_BYTES)
        except ConnectionResetError:
            piece = b""
        self.ended = not piece
        self._received += piece


def take_response(received: bytes) -> tuple[RawResponse, bytes] | None:
    """The first whole response and the bytes behind it; None if it is incomplete. Raises NoResponse for anything else.

    An interim response (100 Continue) is a response too.
    """
    head, separator, rest = received.partition(b"\r\n\r\n")
    if not separator:
        if len(received) > PIECE_BYTES:
            raise NoResponse(f"no end of headers: {received[:200]!r}")
        return None
    line = STATUS_LINE.match(head + b"\r\n")
    if line is None:
        raise NoResponse(f"no status line: {head[:200]!r}")
    status = int(line[1])
    headers: dict[str, str] = {}
    for field in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    if "transfer-encoding" in headers:
        raise NoResponse(f"a response without a length: {headers}")
    body_bytes = int(headers.get("content-length", "0"))
    if len(rest) < body_bytes:
        return None
    return RawResponse(status, headers, rest[:body_bytes]), rest[body_bytes:]


def exchange(port: int, *pieces: bytes, seconds: float = RESPONSE_SECONDS_MAX) -> list[RawResponse]:
    """Send the pieces on a connection of its own, close our half, and return the responses until its end."""
    with Wire(port) as wire:
        wire.send(*pieces)
        wire.finish()
        return wire.responses(seconds)


def request(
    method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"", version: str = "HTTP/1.1"
) -> bytes:
    """A valid request: with Host, and with Content-Length if it has a body."""
    fields = {"Host": HOST, **({"Content-Length": str(len(body))} if body else {}), **(headers or {})}
    return head(f"{method} {path} {version}", *(f"{name}: {value}" for name, value in fields.items())) + body


def head(*lines: str | bytes) -> bytes:
    """A request line and header lines as given, and the empty line behind them."""
    return b"".join(line.encode("latin-1") + b"\r\n" if isinstance(line, str) else line + b"\r\n" for line in lines) + (
        b"\r\n"
    )


def chunk(content: bytes, extension: bytes = b"") -> bytes:
    """One chunk of a chunked body."""
    return b"%x%s\r\n%s\r\n" % (len(content), extension, content)


LAST_CHUNK: Final = b"0\r\n\r\n"
