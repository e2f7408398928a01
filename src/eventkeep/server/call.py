"""One call of an operation, past the checks that every operation has in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from eventkeep.directory import KeyRecord
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.protocol.frames import Frame
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.queries import Query, parse_query
from eventkeep.protocol.revisions import Revision
from eventkeep.server.admission import authorize
from eventkeep.server.json_bodies import json_body


class Call:
    """``id`` is the path's id, or "" for a path without one."""

    __slots__ = ("_base_url_of", "id", "key", "operation", "request", "revision")

    def __init__(
        self,
        request: Request,
        operation: Operation,
        id: str,
        key: KeyRecord,
        revision: Revision,
        base_url_of: Callable[[Request], str],
    ) -> None:
        self.request, self.operation, self.id = request, operation, id
        self.key, self.revision, self._base_url_of = key, revision, base_url_of

    @property
    def base_url(self) -> str:
        """The beginning of links."""
        return self._base_url_of(self.request)

    @property
    def account(self) -> int:
        """The number of the account that calls."""
        return self.key.account

    @property
    def query_string(self) -> bytes:
        """The query string as it was sent."""
        return self.request.query_string.encode("utf-8", "surrogateescape")

    async def json_body(self) -> bytes:
        """The body of the request, decompressed. Raises RequestRefused."""
        return await json_body(self.request)

    def query(self) -> Query:
        """The query, once it is sure that the key has the scopes of the included types. Raises RequestRefused."""
        query = parse_query(self.query_string, self.operation, self.revision)
        authorize(self.key, query.scopes)
        return query

    def frame(self, query: Query) -> Frame:
        """The facts about the request that the parts of the response need."""
        return Frame(base_url=self.base_url, path=self.request.path, revision=self.revision, query=query)

    def response(self, body: bytes, status: int = 200) -> Response:
        """A success with a body."""
        return Response(status, {"Content-Type": self.revision.media_type}, body)


Handler = Callable[[Call], Awaitable[Response]]
