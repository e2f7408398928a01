"""The port of a node while it loads a snapshot: it is alive, it is not ready, and it says how far it is."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import TracebackType
from typing import Final, Self

import msgspec
import uvloop

from eventkeep.clock import SystemClock
from eventkeep.errors import RequestRefused, Unavailable
from eventkeep.http.application import Respond
from eventkeep.http.listener import Listener
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.limits import RETRY_AFTER_SECONDS
from eventkeep.protocol.error_documents import error_document
from eventkeep.server.node_joining import JoinProgress

JSON: Final = {"Content-Type": "application/json"}
RETRY: Final = {**JSON, "Retry-After": str(RETRY_AFTER_SECONDS)}
CLOSE_SECONDS_MAX: Final = 1.0


class WaitingPort:
    """Responds on a bound socket from the first call of ``show`` until the block ends, in a thread of its own.

    Clients that connect between its end and the start of the server wait in the system's queue.
    """

    def __init__(self, bound: socket.socket) -> None:
        self._bound = bound
        self._progress = ""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started, self._ending = threading.Event(), asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._started.wait()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()

    def show(self, progress: JoinProgress) -> None:
        """Respond with this from now on."""
        self._progress = progress.text
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="waiting", daemon=True)
            self._thread.start()

    def begin(self, request: Request, respond: Respond) -> asyncio.Handle:
        """Respond to a request; see `eventkeep.http.application.Application`."""
        return asyncio.get_running_loop().call_soon(respond, self._response(request))

    def refuse(self, refusal: RequestRefused) -> Response:
        """The response to a message that is no request."""
        return Response(*error_document(refusal, ""))

    def _response(self, request: Request) -> Response:
        try:
            path = request.path.removesuffix("/")
        except RequestRefused as refusal:
            return self.refuse(refusal)
        if path == "/healthz":
            return Response(200, JSON, b'{"status": "ok"}')
        if path == "/readyz":
            return Response(503, RETRY, msgspec.json.encode({"status": "joining", "snapshot": self._progress}))
        return self.refuse(Unavailable(f"This node joins its cluster: {self._progress}.", RETRY_AFTER_SECONDS))

    def _run(self) -> None:
        try:
            uvloop.run(self._serve())
        finally:
            self._started.set()

    async def _serve(self) -> None:
        # The socket itself stays open, and goes on listening, for the server.
        listener = Listener(self, self._bound.dup(), SystemClock())
        listener.start()
        self._loop = asyncio.get_running_loop()
        self._started.set()
        await self._ending.wait()
        await listener.close(CLOSE_SECONDS_MAX)
