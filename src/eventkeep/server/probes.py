"""The routes beside the API: health, readiness, and the OpenAPI documents. They need no key."""

from __future__ import annotations

from collections.abc import Callable

from eventkeep.errors import Fault, MethodNotAllowed
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.limits import RETRY_AFTER_SECONDS
from eventkeep.server.front_page import HEADERS, front_page
from eventkeep.server.openapi import OpenApiDocuments
from eventkeep.server.routing import path_not_found

JSON = {"Content-Type": "application/json"}


class Probes:
    """``/healthz``: the process responds. ``/readyz``: it also accepts events now.

    ``/openapi/<revision>.json``: the OpenAPI document of a revision. ``/``: a page for people.
    """

    def __init__(self, is_ready: Callable[[], bool]) -> None:
        self._is_ready = is_ready
        self._documents = OpenApiDocuments()
        self.stopping = False

    async def respond(self, request: Request, base_url: str) -> Response:
        """``base_url`` is the address of the server in the document."""
        path = request.path.removesuffix("/")
        document = await self._documents.find(path, base_url)
        if document is None and path not in ("", "/healthz", "/readyz"):
            raise path_not_found(request.path)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed([Fault(f"Method {request.method!r} is not allowed here; allowed: GET.")], ["GET"])
        if document is not None:
            return Response(200, JSON, document)
        if not path:
            return Response(200, HEADERS, front_page())
        if path == "/readyz" and not self._ready():
            return Response(503, {**JSON, "Retry-After": str(RETRY_AFTER_SECONDS)}, b'{"status": "not ready"}')
        return Response(200, JSON, b'{"status": "ok"}')

    def _ready(self) -> bool:
        return not self.stopping and self._is_ready()
