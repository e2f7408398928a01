"""The two create operations: count the call, take the body, have it stored. No task and no future is needed for it.

A task, and a future that it waits for, would cost more than everything else that the event loop does for a create.
"""

from __future__ import annotations

from functools import partial

from eventkeep.errors import RequestRefused
from eventkeep.http.request import Request
from eventkeep.limits import BODY_BYTES_MAX
from eventkeep.server.admission import DAY_SECONDS, Admission
from eventkeep.server.create_gatherer import CreateGatherer
from eventkeep.server.json_bodies import decompress, is_gzip
from eventkeep.server.pending_response import PendingResponse
from eventkeep.server.ratelimits import RateLimits
from eventkeep.server.services import Services


class Creates:
    """Starts creates, and admits those whose head was admitted before. Belongs to the loop's thread."""

    def __init__(self, services: Services, limits: RateLimits) -> None:
        self._keys, self._clock, self._limits = services.directory.keys, services.clock, limits
        self._gatherer = CreateGatherer(services.committer, services.clock)
        self._is_closed = False

    def admitted(self, request: Request, started: float) -> Admission | None:
        """The admission of an earlier request with this head, if it is still valid. ``started`` is monotonic."""
        admission = request.memo
        if not isinstance(admission, Admission) or self._is_closed:
            return None
        is_valid = admission.day == int(self._clock.now()) // DAY_SECONDS
        return admission if is_valid and self._keys.stands(admission.known, started) else None

    def start(self, admission: Admission, request: Request, pending: PendingResponse) -> None:
        """Have a create stored; ``pending`` gets the outcome, after this returned. Raises RequestRefused."""
        pending.lines = self._limits.take(
            admission.account, admission.operation, self._clock.now(), admission.limit_name
        )
        if admission.is_gzip is None:
            admission.is_gzip = is_gzip(request)
        body = request.begin_body(BODY_BYTES_MAX, partial(self._body_arrived, admission, request, pending))
        if body is not None:
            self._store(admission, request, pending, body)

    def close(self) -> None:
        """Admit no more creates."""
        self._is_closed = True

    def _body_arrived(
        self, admission: Admission, request: Request, pending: PendingResponse, body: bytes | RequestRefused
    ) -> None:
        try:
            if isinstance(body, RequestRefused):
                raise body
            self._store(admission, request, pending, body)
        except Exception as failure:
            pending.fail_soon(failure.with_traceback(None) if isinstance(failure, RequestRefused) else failure)

    def _store(self, admission: Admission, request: Request, pending: PendingResponse, body: bytes) -> None:
        if admission.is_gzip:
            body = decompress(request, body)
        self._gatherer.add(admission, body, pending)
