"""HTTP/1.1 as the SDK needs it, without I/O: a request to bytes, and bytes to its response.

A general implementation, with its layers and locks for cases that never happen here, takes
the time of several creates for one. Requests are complete before they are sent, and responses
are read whole, so that little is left to do.

Source: RFC 9112; numbers in brackets are its sections.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from http import HTTPStatus
from typing import Final

import httpx

from eventkeep.limits import ECHO_CHARACTERS_MAX, RESPONSE_HEAD_BYTES_MAX

Headers = list[tuple[bytes, bytes]]

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
_HEADER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*)")
_CHUNK_HEAD: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
_LENGTH: Final = re.compile(rb"[0-9]{1,15}")
_BODILESS: Final = frozenset({HTTPStatus.SWITCHING_PROTOCOLS, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


def request_bytes(request: httpx.Request) -> bytes:
    """The request, whose body is at hand, as it is sent."""
    head = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    head += [b"%b: %b" % header for header in request.headers.raw]
    return b"%b\r\n\r\n%b" % (b"\r\n".join(head), request.content)


class ResponseReader:
    """Reads the response to one request (not to HEAD) from the bytes of a connection as they come.

    ``can_be_reused`` says, after the response, whether the connection can take another request.
    """

    def __init__(self) -> None:
        self.can_be_reused = False
        self._unread = bytearray()
        self._is_ended = False
        self._steps = self._read()
        next(self._steps)

    def feed(self, data: bytes) -> httpx.Response | None:
        """Take the next bytes, none at the end of the connection; returns the response when it is complete.

        Raises httpx.RemoteProtocolError for bytes that are no HTTP/1.1, or end early.
        """
        self._unread += data
        self._is_ended = not data
        try:
            self._steps.send(None)
        except StopIteration as stop:
            response: httpx.Response = stop.value
            # Bytes without a request: the bytes that follow can't be trusted.
            self.can_be_reused = self.can_be_reused and not self._unread and not self._is_ended
            return response
        return None

    def _read(self) -> Generator[None, None, httpx.Response]:
        yield
        status, minor_version, headers = yield from self._head()
        while status < HTTPStatus.OK and status != HTTPStatus.SWITCHING_PROTOCOLS:
            # The final response is still to come [RFC 9110, 15.2].
            status, minor_version, headers = yield from self._head()
        options = [option.strip() for option in b",".join(_values(headers, b"connection")).lower().split(b",")]
        self.can_be_reused = b"close" not in options and (minor_version == 1 or b"keep-alive" in options)
        body = b"" if status in _BODILESS else (yield from self._body(headers))
        return httpx.Response(status, headers=headers, content=body)

    def _head(self) -> Generator[None, None, tuple[int, int, Headers]]:
        text = yield from self._until(b"\r\n\r\n")
        lines = text.split(b"\r\n")
        status_line = _STATUS_LINE.fullmatch(lines[0])
        if status_line is None:
            raise _broken("an HTTP/1.1 status line", lines[0])
        return int(status_line[2]), int(status_line[1]), [_header(line) for line in lines[1:]]

    def _body(self, headers: Headers) -> Generator[None, None, bytes]:
        """Read the body, whose length the headers give [6.3]."""
        if encodings := _values(headers, b"transfer-encoding"):
            if b",".join(encodings).lower() != b"chunked":
                raise _broken("chunked as the transfer encoding", b",".join(encodings))
            return (yield from self._chunks())
        lengths = set(_values(headers, b"content-length"))
        if not lengths:
            self.can_be_reused = False
            return (yield from self._rest())
        if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            raise _broken("one content length", b",".join(sorted(lengths)))
        return (yield from self._exactly(int(lengths.pop())))

    def _chunks(self) -> Generator[None, None, bytes]:
        """Read a body in chunks [7.1]; its trailer is ignored."""
        parts: list[bytes] = []
        while True:
            line = yield from self._until(b"\r\n")
            chunk_head = _CHUNK_HEAD.fullmatch(line)
            if chunk_head is None:
                raise _broken("the length of a chunk", line)
            length = int(chunk_head[1], 16)
            if not length:
                break
            parts.append((yield from self._exactly(length)))
            if end := (yield from self._until(b"\r\n")):
                raise _broken("the end of a chunk", end)
        while (yield from self._until(b"\r\n")):
            pass
        return b"".join(parts)

    def _until(self, mark: bytes) -> Generator[None, None, bytes]:
        while (end := self._unread.find(mark)) < 0 and len(self._unread) <= RESPONSE_HEAD_BYTES_MAX:
            yield from self._more()
        if not 0 <= end <= RESPONSE_HEAD_BYTES_MAX:
            raise _broken(f"a head of at most {RESPONSE_HEAD_BYTES_MAX:,} bytes", bytes(self._unread))
        return self._taken(end, len(mark))

    def _exactly(self, length: int) -> Generator[None, None, bytes]:
        while len(self._unread) < length:
            yield from self._more()
        return self._taken(length)

    def _rest(self) -> Generator[None, None, bytes]:
        while not self._is_ended:
            yield
        return self._taken(len(self._unread))

    def _more(self) -> Generator[None, None, None]:
        if not self._is_ended:
            yield
        if self._is_ended:
            raise httpx.RemoteProtocolError("the server closed the connection before the end of its response")

    def _taken(self, length: int, mark_length: int = 0) -> bytes:
        taken = bytes(self._unread[:length])
        del self._unread[: length + mark_length]
        return taken


def _header(line: bytes) -> tuple[bytes, bytes]:
    found = _HEADER.fullmatch(line)
    if found is None:
        raise _broken("a header", line)
    return found[1], found[2].rstrip(b" \t")


def _values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


def _broken(expected: str, got: bytes) -> httpx.RemoteProtocolError:
    return httpx.RemoteProtocolError(f"expected {expected}, got {got[:ECHO_CHARACTERS_MAX]!r}")
