"""The application behind granian's own interface, RSGI: the fastest way in."""

from __future__ import annotations

import asyncio
from typing import Any

from eventkeep.errors import Fault, InvalidRequest, Unavailable
from eventkeep.limits import BODIES_BYTES_MAX, BODY_SECONDS_MAX, RETRY_AFTER_SECONDS
from eventkeep.server.app import App
from eventkeep.server.http import Request, body_too_large, body_too_slow


class RsgiApp:
    """Adapts ``App`` to RSGI, and bounds the bytes of all bodies that are held at once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._held_bytes = 0

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        headers = scope.headers
        held_bytes = 0

        async def read_body(bytes_max: int) -> bytes:
            nonlocal held_bytes
            declared = declared_bytes(headers.get("content-length"))
            if declared is not None and declared > bytes_max:
                raise body_too_large()
            room = bytes_max if declared is None else declared
            if self._held_bytes + room > BODIES_BYTES_MAX:
                raise Unavailable("Too many request bodies are under way.", RETRY_AFTER_SECONDS)
            self._held_bytes += room
            held_bytes = room
            try:
                async with asyncio.timeout(BODY_SECONDS_MAX):
                    return bytes(await proto()) if declared is not None else await gathered(proto, bytes_max)
            except TimeoutError as exc:
                raise body_too_slow() from exc

        request = Request(scope.method, scope.path, scope.query_string, scope.scheme, headers, read_body)
        try:
            response = await self._app.handle(request)
        finally:
            self._held_bytes -= held_bytes
        if response.body:
            proto.response_bytes(response.status, list(response.headers.items()), response.body)
        else:
            proto.response_empty(response.status, list(response.headers.items()))


def declared_bytes(header: str | None) -> int | None:
    """The number in a Content-Length header; None where there is none. Raises InvalidRequest for what is no number."""
    if header is None:
        return None
    if not (header.isascii() and header.isdigit()):
        raise InvalidRequest([Fault(f"Expected a number of bytes, got {header!r}.", parameter="Content-Length")])
    return int(header)


async def gathered(proto: Any, bytes_max: int) -> bytes:
    """A body whose length was not told, piece by piece."""
    pieces: list[bytes] = []
    room = bytes_max
    async for piece in proto:
        room -= len(piece)
        if room < 0:
            raise body_too_large()
        pieces.append(bytes(piece))
    return b"".join(pieces)
