"""A response, and its bytes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from eventkeep.clock import Clock
from eventkeep.http.request import Head

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
# An attribute of an enum is looked up by Python code.
NO_CONTENT: Final = int(HTTPStatus.NO_CONTENT)
SERVER: Final = "server: eventkeep\r\n"


class Response:
    """A response; an empty ``body`` means none. ``lines`` are more headers, in their final form."""

    __slots__ = ("body", "headers", "lines", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"", lines: str = ""
    ) -> None:
        self.status, self.body, self.lines = status, body, lines
        self.headers: dict[str, str] = dict(headers) if headers else {}


class StreamedResponse(Response):
    """A response whose body is written piece by piece, as the client takes it.

    ``pieces`` is closed when it ends and if the client goes away. If it raises, the connection is cut, and so the
    client knows that the body is not complete.
    """

    __slots__ = ("pieces",)

    def __init__(self, status: int, headers: Mapping[str, str], pieces: AsyncGenerator[bytes, None]) -> None:
        super().__init__(status, headers)
        self.pieces = pieces


class DateLine:
    """The Date header, made once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second, self._line = -1, ""

    def now(self) -> str:
        now = self._clock.now()
        if int(now) != self._second:
            self._second = int(now)
            self._line = f"date: {formatdate(now, usegmt=True)}\r\n"
        return self._line


def header_lines(headers: Mapping[str, str]) -> str:
    """Headers in their final form."""
    return "".join([f"{name.lower()}: {value}\r\n" for name, value in headers.items()])


def response_bytes(head: Head, response: Response, date: str, is_last: bool) -> bytes:
    """The response to a request with this head; ``is_last`` says that the connection ends behind it."""
    body = response.body
    # RFC 9110, 8.6: none with 204.
    length = "" if response.status == NO_CONTENT else f"content-length: {len(body)}\r\n"
    encoded = head_bytes(head, response, date, length, is_last)
    return encoded + body if body and head.method != "HEAD" else encoded


def head_bytes(head: Head, response: Response, date: str, length: str, is_last: bool) -> bytes:
    """The head of a response; ``length`` is the header that says how its body ends."""
    lines = response.lines + header_lines(response.headers) if response.headers else response.lines
    connection = ""
    if is_last:
        connection = "connection: close\r\n"
    elif head.version == "1.0":
        connection = "connection: keep-alive\r\n"
    text = f"{STATUS_LINES[response.status]}{lines}{connection}{SERVER}{length}{date}\r\n"
    return text.encode("latin-1")
