"""The application behind ASGI: for tests in one process and for other servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from eventkeep.limits import BODY_SECONDS_MAX
from eventkeep.server.app import App
from eventkeep.server.http import Request, body_too_large, body_too_slow

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class AsgiHeaders:
    """The headers of an ASGI scope by lower-case name; the first of several wins."""

    def __init__(self, pairs: list[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            self._values.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def get(self, key: str, default: str | None = None) -> str | None:
        return self._values.get(key, default)

    def __contains__(self, key: str, /) -> bool:
        return key in self._values

    def items(self) -> Iterable[tuple[str, str]]:
        return self._values.items()


class AsgiBody:
    """The body of an ASGI request. How much all of them hold is for whatever server brings them to bound."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    async def read(self, bytes_max: int) -> bytes:
        pieces: list[bytes] = []
        room = bytes_max
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                while True:
                    message = await self._receive()
                    piece = message.get("body", b"")
                    room -= len(piece)
                    if room < 0:
                        raise body_too_large()
                    pieces.append(piece)
                    if not message.get("more_body", False):
                        return b"".join(pieces)
        except TimeoutError as exc:
            raise body_too_slow() from exc

    def hold(self, count: int) -> None:
        pass


class AsgiApp:
    """Adapts ``App`` to ASGI; its life span is the caller's."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return

        request = Request(
            scope["method"],
            scope["path"],
            scope.get("query_string", b"").decode("utf-8", "surrogateescape"),
            scope.get("scheme", "http"),
            AsgiHeaders(list(scope["headers"])),
            AsgiBody(receive),
        )
        response = await self._app.handle(request)
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()
        ]
        if response.body:
            headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
