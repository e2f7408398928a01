"""The two create operations: count the call, take the body, gather it with others, have it stored.

No task and no future is needed for it: they would cost more than everything else that the event loop does for a create.
"""

from __future__ import annotations

import asyncio
from functools import partial

from eventkeep.clock import Clock
from eventkeep.errors import RequestRefused, Unavailable
from eventkeep.http.request import Request
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.queue import QueuedCreates
from eventkeep.limits import BODY_BYTES_MAX, GATHERED_BYTES_MAX, GATHERED_SINGLES_MAX, GATHERING_SECONDS_MAX
from eventkeep.server.admission import DAY_SECONDS, Admission
from eventkeep.server.json_bodies import decompress, is_gzip
from eventkeep.server.pending_response import PendingResponse
from eventkeep.server.ratelimits import RateLimits
from eventkeep.server.services import Services

Gathered = tuple[Admission, bytes, PendingResponse]


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


class CreateGatherer:
    """Queues bulk creates at once, and single ones together. Belongs to the loop's thread.

    A commit costs half a millisecond, whether it is of one event or of sixty, so single creates that arrive at about
    the same time are parsed in one call, in one commit.
    """

    def __init__(self, committer: Committer, clock: Clock) -> None:
        self._committer, self._clock = committer, clock
        self._gathered: list[Gathered] = []
        self._gathered_bytes = 0
        self._gathering_until = 0.0

    def add(self, admission: Admission, body: bytes, pending: PendingResponse) -> None:
        """Have a create stored. ``pending`` gets the outcome, after this returned."""
        if admission.is_bulk:
            self._offer([(admission, body, pending)])
            return
        if self._gathered_bytes + len(body) > GATHERED_BYTES_MAX:
            self._hand_over()
        if not self._gathered:
            self._gathering_until = self._clock.monotonic() + GATHERING_SECONDS_MAX
            pending.loop.call_soon(self._hand_over_in_time, pending.loop, 1)
        self._gathered.append((admission, body, pending))
        self._gathered_bytes += len(body)
        if len(self._gathered) == GATHERED_SINGLES_MAX:
            self._hand_over()

    def _hand_over_in_time(self, loop: asyncio.AbstractEventLoop, seen: int) -> None:
        """Hand over once a turn of the loop has brought no more creates, or after a while."""
        if seen < len(self._gathered) and self._clock.monotonic() < self._gathering_until:
            loop.call_soon(self._hand_over_in_time, loop, len(self._gathered))
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        alike: dict[tuple[int, str], list[Gathered]] = {}
        for each in gathered:
            alike.setdefault((each[0].account, each[0].revision.date), []).append(each)
        for creates in alike.values():
            self._offer(creates)

    def _offer(self, creates: list[Gathered]) -> None:
        """Queue creates of one account, revision and kind."""
        admission = creates[0][0]
        tickets = [pending for _, _, pending in creates]
        try:
            self._committer.offer(
                QueuedCreates(
                    account=admission.account,
                    revision=admission.revision,
                    is_bulk=admission.is_bulk,
                    bodies=[body for _, body, _ in creates],
                    received_at=int(self._clock.of(admission.account).now()),
                    tickets=tickets,
                )
            )
        except Unavailable as refusal:
            for pending in tickets:
                # A traceback would keep the bodies in memory until the garbage collector runs.
                pending.fail_soon(refusal.with_traceback(None))
