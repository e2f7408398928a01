"""The application behind ASGI, for tests in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from eventkeep.http.body import Body, BodyMemory
from eventkeep.http.request import Head, Request
from eventkeep.http.response import Response
from eventkeep.server.app import App

Message = MutableMapping[str, Any]


def whole_request(method: str, target: bytes, headers: dict[str, bytes] | None = None, content: bytes = b"") -> Request:
    """A request that has arrived."""
    head = Head(method, target, "1.1", {**(headers or {}), "content-length": b"%d" % len(content)}, keeps_alive=True)
    body = Body(len(content), BodyMemory())
    body.add(content)
    body.complete()
    return Request(head, body)


class AsgiApp:
    """Adapts ``App`` to ASGI. The caller opens and closes the application."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body", False):
                break
        headers: dict[str, bytes] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), value)
        query = scope.get("query_string", b"")
        target = scope["raw_path"] + (b"?" + query if query else b"")
        request = whole_request(scope["method"], target, headers, content)
        request.scheme = scope.get("scheme", "http")
        responded: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._app.begin(request, responded.set_result)
        response = await responded
        lines = [line.partition(": ") for line in response.lines.splitlines()]
        fields = [*((name, value) for name, _, value in lines), *response.headers.items()]
        if response.body:
            fields.append(("content-length", str(len(response.body))))
        encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": response.body})
