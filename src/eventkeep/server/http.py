"""A request and a response, whichever server interface they came through."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from eventkeep.errors import Fault, InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from eventkeep.limits import BODY_BYTES_MAX, BODY_SECONDS_MAX, GZIP_MEMBERS_MAX
from eventkeep.protocol.error_documents import DEFAULT_MEDIA_TYPE

IDENTITY: Final = "identity"
GZIP: Final = ("gzip", "x-gzip")
"""Two names of one encoding (RFC 9110, 8.4.1.3)."""
JSON_MEDIA_TYPES = frozenset({"application/json", "application/vnd.api+json"})


class HeaderReader(Protocol):
    """Looks a header up by its lower-case name; one that is no text may be there and have no value."""

    def get(self, key: str, default: str | None = None) -> str | None: ...

    def __contains__(self, key: str, /) -> bool: ...

    def items(self) -> Iterable[tuple[str, str]]:
        """The headers that are text."""
        ...


class Body(Protocol):
    """Where the body of a request comes from."""

    async def read(self, bytes_max: int) -> bytes:
        """The whole body. Raises PayloadTooLarge past ``bytes_max`` bytes, InvalidRequest where it does not arrive."""
        ...

    def hold(self, count: int) -> None:
        """Count so many bytes more as held until the answer. Raises Unavailable where these are too many."""
        ...


class Request:
    """One HTTP request. ``path`` is decoded; ``query_string`` is as it was sent.

    ``error_media_type`` is what a refusal is answered in: its revision's, once that is known.
    ``revision`` is the date of the revision that answers, "" until it is known.
    ``request_id`` is what the log, the error document and the X-Request-Id header share; the application sets it.
    """

    __slots__ = (
        "_body",
        "error_media_type",
        "headers",
        "method",
        "path",
        "query_string",
        "request_id",
        "revision",
        "scheme",
    )

    def __init__(
        self,
        method: str,
        path: str,
        query_string: str,
        scheme: str,
        headers: HeaderReader,
        body: Body,
    ) -> None:
        self.method, self.path, self.query_string, self.scheme = method, path, query_string, scheme
        self.headers, self._body = headers, body
        self.request_id = ""
        self.revision = ""
        self.error_media_type = DEFAULT_MEDIA_TYPE

    async def raw_body(self, bytes_max: int) -> bytes:
        """The body as it was sent; like ``json_body``."""
        return await self._body.read(bytes_max)

    async def json_body(self) -> bytes:
        """The body, decompressed.

        Raises UnsupportedMediaType for a content type or encoding that is not spoken,
        PayloadTooLarge past BODY_BYTES_MAX, InvalidRequest for a broken gzip stream and
        for a body that did not arrive whole, Unavailable where too much is held already.
        """
        encoding = self.body_encoding()
        if encoding == IDENTITY:
            return await self._body.read(BODY_BYTES_MAX)
        if encoding not in GZIP:
            raise UnsupportedMediaType(
                [Fault(f"Content-Encoding is gzip or absent, not {encoding!r}.", parameter="Content-Encoding")]
            )
        compressed = await self._body.read(BODY_BYTES_MAX)
        body = decompress(compressed)
        self._body.hold(max(0, len(body) - len(compressed)))
        return body

    def body_encoding(self) -> str:
        """The encoding of a body that is JSON. Raises UnsupportedMediaType for another content type."""
        self._check_content_type()
        return (self._header("content-encoding") or IDENTITY).strip().lower()

    def _header(self, name: str) -> str | None:
        """A header that says how the body is to be read; one that is no text is none that we can read."""
        sent = self.headers.get(name)
        if sent is None and name in self.headers:
            raise UnsupportedMediaType([Fault("Expected text in ASCII.", parameter=name.title())])
        return sent

    def _check_content_type(self) -> None:
        sent = self._header("content-type")
        if sent is None or sent in JSON_MEDIA_TYPES:
            return
        if sent.partition(";")[0].strip().lower() not in JSON_MEDIA_TYPES:
            expected = " or ".join(sorted(JSON_MEDIA_TYPES))
            raise UnsupportedMediaType([Fault(f"Content-Type is {expected}, not {sent!r}.", parameter="Content-Type")])


class Response:
    """What is sent back; ``body`` empty means none.

    ``lines`` are headers as they are sent, before those in ``headers``.
    """

    __slots__ = ("body", "headers", "lines", "status")

    def __init__(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"", lines: str = ""
    ) -> None:
        self.status, self.body, self.lines = status, body, lines
        self.headers: dict[str, str] = dict(headers) if headers else {}


def header_lines(headers: Mapping[str, str]) -> str:
    """Headers as they are sent."""
    return "".join([f"{name.lower()}: {value}\r\n" for name, value in headers.items()])


def decompress(body: bytes) -> bytes:
    """What a gzip body holds. It stops at BODY_BYTES_MAX, however much more would come."""
    pieces: list[bytes] = []
    room, rest = BODY_BYTES_MAX, body
    while rest:
        # For each member the rest of the body is copied: a body of nothing but small ones would take many seconds.
        if len(pieces) == GZIP_MEMBERS_MAX:
            raise InvalidRequest([Fault(f"A gzip body has at most {GZIP_MEMBERS_MAX} members.", pointer="/")])
        stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            piece = stream.decompress(rest, room + 1)
        except zlib.error as exc:
            raise InvalidRequest(
                [Fault(f"The body is not gzip, as its Content-Encoding says: {exc}.", pointer="/")]
            ) from exc
        room -= len(piece)
        if room < 0:
            raise body_too_large()
        if not stream.eof:
            raise InvalidRequest([Fault("The gzip body ends in the middle.", pointer="/")])
        pieces.append(piece)
        rest = stream.unused_data
    return b"".join(pieces)


def body_too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        [Fault(f"A request body holds at most {BODY_BYTES_MAX} bytes after decompression.", pointer="/")]
    )


def body_too_slow() -> InvalidRequest:
    return InvalidRequest([Fault(f"The body did not arrive whole within {BODY_SECONDS_MAX:g} seconds.", pointer="/")])


def body_cut(why: str = "the connection ended before") -> InvalidRequest:
    """For a body of which nobody knows how it goes on."""
    return InvalidRequest([Fault(f"The body did not arrive whole: {why}.", pointer="/")])
