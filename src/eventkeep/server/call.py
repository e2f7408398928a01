"""One call of an operation, past the checks that every operation has in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from eventkeep.directory import KeyRecord
from eventkeep.protocol.operations import Operation
from eventkeep.protocol.revisions import Revision
from eventkeep.server.http import Request, Response


class Call:
    """``event_id`` is the path's id, or "" where the path has none."""

    __slots__ = ("_base_url_of", "event_id", "key", "operation", "request", "revision")

    def __init__(
        self,
        request: Request,
        operation: Operation,
        event_id: str,
        key: KeyRecord,
        revision: Revision,
        base_url_of: Callable[[Request], str],
    ) -> None:
        self.request, self.operation, self.event_id = request, operation, event_id
        self.key, self.revision, self._base_url_of = key, revision, base_url_of

    @property
    def base_url(self) -> str:
        """What links begin with."""
        return self._base_url_of(self.request)


Handler = Callable[[Call], Awaitable[Response]]
