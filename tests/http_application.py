"""An application behind the HTTP server, made of a coroutine function."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from eventkeep.errors import RequestRefused
from eventkeep.http.application import Respond
from eventkeep.http.request import Request
from eventkeep.http.response import Response

Handle = Callable[[Request], Awaitable[Response]]


class HandlerApplication:
    """Responds by ``handle``, with 400 for a refusal, and counts the requests that were given up."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self.given_up = 0

    def begin(self, request: Request, respond: Respond) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._run(request, respond))

    def refuse(self, refusal: RequestRefused) -> Response:
        return Response(400, None, str(refusal).encode())

    async def _run(self, request: Request, respond: Respond) -> None:
        try:
            respond(await self._handle(request))
        except RequestRefused as refusal:
            respond(self.refuse(refusal))
        except asyncio.CancelledError:
            self.given_up += 1
            raise
