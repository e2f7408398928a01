"""JSON in the bodies of requests: content types, and gzip."""

from __future__ import annotations

import zlib
from typing import Final

from eventkeep.errors import Fault, InvalidRequest, UnsupportedMediaType
from eventkeep.http.refusals import body_too_large
from eventkeep.http.request import Request
from eventkeep.limits import BODY_BYTES_MAX, GZIP_MEMBERS_MAX

GZIP: Final = ("gzip", "x-gzip")
"""Two names of one encoding (RFC 9110, 8.4.1.3)."""
JSON_MEDIA_TYPES: Final = frozenset({"application/json", "application/vnd.api+json"})


async def json_body(request: Request) -> bytes:
    """The body, decompressed.

    Raises UnsupportedMediaType for another content type or encoding, PayloadTooLarge past BODY_BYTES_MAX,
    InvalidRequest for broken gzip and for a body that does not arrive, Unavailable if too many bodies are held already.
    """
    compressed = is_gzip(request)
    body = await request.read_body(BODY_BYTES_MAX)
    return decompress(request, body) if compressed else body


def decompress(request: Request, body: bytes) -> bytes:
    """The content of the gzip body of a request, which then counts as held. Raises RequestRefused."""
    content = decompressed(body)
    request.body.hold(max(0, len(content) - len(body)))
    return content


def is_gzip(request: Request) -> bool:
    """Whether the body is compressed. Raises UnsupportedMediaType for another encoding or another type than JSON."""
    check_content_type(request)
    encoding = (header_text(request, "content-encoding") or "identity").strip().lower()
    if encoding != "identity" and encoding not in GZIP:
        raise UnsupportedMediaType(
            [Fault(f"Content-Encoding is gzip or absent, not {encoding!r}.", parameter="Content-Encoding")]
        )
    return encoding in GZIP


def check_content_type(request: Request) -> None:
    """Raises UnsupportedMediaType for a type other than JSON_MEDIA_TYPES; no type is fine."""
    sent = header_text(request, "content-type")
    if sent is None or sent in JSON_MEDIA_TYPES:
        return
    if sent.partition(";")[0].strip().lower() not in JSON_MEDIA_TYPES:
        expected = " or ".join(sorted(JSON_MEDIA_TYPES))
        raise UnsupportedMediaType([Fault(f"Content-Type is {expected}, not {sent!r}.", parameter="Content-Type")])


def header_text(request: Request, name: str) -> str | None:
    """A header that says how to read the body; None if it is absent. Raises UnsupportedMediaType if it is not ASCII."""
    headers = request.headers
    sent = headers.get(name)
    if sent is None and name in headers:
        raise UnsupportedMediaType([Fault("Expected text in ASCII.", parameter=name.title())])
    return sent


def decompressed(body: bytes) -> bytes:
    """The content of a gzip body. Raises PayloadTooLarge past BODY_BYTES_MAX, InvalidRequest if it is not gzip."""
    pieces: list[bytes] = []
    room, rest = BODY_BYTES_MAX, body
    while rest:
        # Each member copies the rest of the body: one of many small members would take seconds.
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
