"""One call of an operation, past the checks that every operation has in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from eventkeep.directory import KeyRecord
from eventkeep.protocol.operations import Operation
from eventkeep.protocol.revisions import Revision
from eventkeep.server.http import Request, Response


class Call:
    """``event_id`` is the path's id, or "" where the path has none; ``base_url`` is what links begin with."""

    __slots__ = ("base_url", "event_id", "key", "operation", "request", "revision")

    def __init__(
        self, request: Request, operation: Operation, event_id: str, key: KeyRecord, revision: Revision, base_url: str
    ) -> None:
        self.request, self.operation, self.event_id = request, operation, event_id
        self.key, self.revision, self.base_url = key, revision, base_url


Handler = Callable[[Call], Awaitable[Response]]
