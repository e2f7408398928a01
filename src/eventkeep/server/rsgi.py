"""The application behind granian's own interface, RSGI: the fastest way in."""

from __future__ import annotations

import asyncio
from typing import Any

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import BODY_SECONDS_MAX
from eventkeep.server.app import App
from eventkeep.server.http import Request, body_too_large


class RsgiApp:
    """Adapts ``App`` to RSGI."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        headers = scope.headers

        async def read_body(bytes_max: int) -> bytes:
            declared = headers.get("content-length")
            if declared is not None:
                if int(declared) > bytes_max:
                    raise body_too_large()
                async with asyncio.timeout(BODY_SECONDS_MAX):
                    return bytes(await proto())
            return await gathered(proto, bytes_max)

        request = Request(scope.method, scope.path, scope.query_string, scope.scheme, headers, read_body)
        response = await self._app.handle(request)
        if response.body:
            proto.response_bytes(response.status, list(response.headers.items()), response.body)
        else:
            proto.response_empty(response.status, list(response.headers.items()))


async def gathered(proto: Any, bytes_max: int) -> bytes:
    """A body whose length was not told, piece by piece."""
    pieces: list[bytes] = []
    room = bytes_max
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for piece in proto:
                room -= len(piece)
                if room < 0:
                    raise body_too_large()
                pieces.append(bytes(piece))
    except TimeoutError as exc:
        raise body_too_slow() from exc
    return b"".join(pieces)


def body_too_slow() -> InvalidRequest:
    return InvalidRequest([Fault(f"The body did not arrive whole within {BODY_SECONDS_MAX:g} seconds.", pointer="/")])
