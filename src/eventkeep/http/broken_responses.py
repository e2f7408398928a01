"""Responses that break on the wire on purpose: for tests of clients, never of a connection of the ordinary type."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from eventkeep.http.connection import Connection
from eventkeep.http.responder import Responder
from eventkeep.http.response import Response, response_bytes

GARBAGE: Final = bytes(range(128, 256)) + b"\r\n\r\n"
"""Bytes that no HTTP client takes for a response."""
SLOW_PIECES: Final = 20
"""The pieces of a slow body."""
NO_LINGER: Final = struct.pack("ii", 1, 0)
"""Has the system reset a connection when it is closed (socket(7), SO_LINGER)."""


class Break(Enum):
    """How a response breaks."""

    RESET = auto()
    EMPTY = auto()
    GARBAGE = auto()
    CUT_BODY = auto()
    SLOW_BODY = auto()


class BrokenResponse(Response):
    """A response that breaks; ``seconds`` are for a slow body."""

    __slots__ = ("kind", "seconds")

    def __init__(self, kind: Break, response: Response | None = None, seconds: float = 0.0) -> None:
        whole = response or Response(500)
        super().__init__(whole.status, whole.headers, whole.body, whole.lines)
        self.kind, self.seconds = kind, seconds


class SlowWriter:
    """Writes pieces, a pause of seconds behind each, then calls ``done``."""

    def __init__(
        self, transport: asyncio.Transport, pieces: list[bytes], pause: float, done: Callable[[], None]
    ) -> None:
        self._transport, self._pieces, self._pause, self._done = transport, pieces, pause, done
        self._next = asyncio.get_running_loop().call_soon(self._write)

    def cancel(self) -> None:
        self._next.cancel()

    def _write(self) -> None:
        self._transport.write(self._pieces.pop(0))
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(self._pause, self._write if self._pieces else self._done)


class BreakingResponder(Responder):
    """A responder that can break responses."""

    def _respond(self, response: Response) -> None:
        if not isinstance(response, BrokenResponse):
            super()._respond(response)
        elif self._requests:
            self._pending = None
            self._break(response)

    def _break(self, response: BrokenResponse) -> None:
        transport = self._transport
        if response.kind is Break.RESET:
            connected: socket.socket = transport.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self._events.response_failed()
            return
        head = self._requests[0].head
        if response.kind is Break.SLOW_BODY:
            pieces = slow_pieces(response_bytes(head, response, self._date.now(), is_last=True))
            self._pending = SlowWriter(transport, pieces, response.seconds / len(pieces), self._end)
            return
        if response.kind is Break.GARBAGE:
            transport.write(GARBAGE)
        elif response.kind is Break.CUT_BODY:
            whole = response_bytes(head, response, self._date.now(), is_last=False)
            # Without a body there is nothing else to cut than the head.
            missing = (len(response.body or whole) + 1) // 2
            transport.write(whole[:-missing])
        self._end()

    def _end(self) -> None:
        """The first request gets no more, and neither does the connection."""
        self._pending = None
        request = self._requests.popleft()
        request.has_response = True
        request.body.drop()
        self._events.response_written(is_last=True)


class BreakingConnection(Connection):
    """A connection that can break responses."""

    responder_type = BreakingResponder


def slow_pieces(whole: bytes) -> list[bytes]:
    """The head of a response, and its body in small pieces; a response without a body is cut into pieces itself."""
    head, separator, body = whole.partition(b"\r\n\r\n")
    first, rest = (head + separator, body) if body else (b"", whole)
    size = -(-len(rest) // SLOW_PIECES)
    pieces = [rest[start : start + size] for start in range(0, len(rest), size)]
    return [first, *pieces] if first else pieces
