"""The application behind granian's own interface, RSGI: the fastest way in."""

from __future__ import annotations

from typing import Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

from eventkeep.errors import Fault, InvalidRequest, Unavailable
from eventkeep.limits import BODIES_BYTES_MAX, BODY_SECONDS_MAX, RETRY_AFTER_SECONDS
from eventkeep.server.app import App
from eventkeep.server.deadlines import Deadlines
from eventkeep.server.http import BodyHolder, Request, body_cut, body_too_large, body_too_slow


class RsgiApp:
    """Adapts ``App`` to RSGI, and bounds the bytes of all bodies that are held at once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._held_bytes = 0
        self._deadlines = Deadlines(BODY_SECONDS_MAX)

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        headers = scope.headers
        held_bytes = 0

        def hold(count: int) -> None:
            nonlocal held_bytes
            if self._held_bytes + count > BODIES_BYTES_MAX:
                raise Unavailable("Too many request bodies are under way.", RETRY_AFTER_SECONDS)
            self._held_bytes += count
            held_bytes += count

        async def read_body(bytes_max: int) -> bytes:
            declared = declared_bytes(headers.get("content-length"))
            if declared is None:
                check_transfer_encoding(headers.get("transfer-encoding"))
            elif declared > bytes_max:
                raise body_too_large()
            else:
                hold(declared)
            try:
                if declared is None:
                    return await self._deadlines.within(gathered(proto, bytes_max, hold))
                return bytes(await self._deadlines.within(proto()))
            except TimeoutError as exc:
                raise body_too_slow() from exc
            except ProtocolClosed as exc:
                raise body_cut() from exc

        request = Request(scope.method, scope.path, scope.query_string, scope.scheme, headers, read_body, hold)
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


def check_transfer_encoding(header: str | None) -> None:
    """Raises InvalidRequest for a body that is sent in any other way than in chunks."""
    if header is not None and header.strip().lower() != "chunked":
        raise InvalidRequest([Fault(f"Expected chunked or none, got {header!r}.", parameter="Transfer-Encoding")])


async def gathered(proto: Any, bytes_max: int, hold: BodyHolder) -> bytes:
    """A body whose length was not told, piece by piece."""
    body = bytearray()
    empty_pieces = 0
    async for piece in proto:
        if len(body) + len(piece) > bytes_max:
            raise body_too_large()
        hold(len(piece))
        body += piece
        empty_pieces += not piece
    # The end shows as one empty piece. A cut connection and malformed chunks show as another before it, and so do
    # trailer fields, which are rare and not to be told from these.
    if empty_pieces != 1:
        raise body_cut()
    return bytes(body)
