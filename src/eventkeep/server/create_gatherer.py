"""Single creates that came in one piece behind a head that is known: kept and answered without a task.

A task, and a future that it waits for, cost more than all that is to be found out about
such a request. So it is answered by a call when its batch comes back. Those that arrive
at about the same time are given to the committer together, which reads all of them in
one call; the few that need the closer look come back for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import Final

import structlog

from eventkeep.directory.keys import Known
from eventkeep.errors import RequestRefused, Unavailable
from eventkeep.ingest.commit import ONE_STORED, Outcome
from eventkeep.ingest.queue import QueuedCreates
from eventkeep.limits import (
    GATHERED_BYTES_MAX,
    GATHERED_SINGLES_MAX,
    GATHERING_SECONDS_MAX,
)
from eventkeep.protocol.revisions import USED_HEADER, Revision
from eventkeep.server.creates import accepted
from eventkeep.server.exchange import BufferedRequest
from eventkeep.server.forwarding import ClusterRequests
from eventkeep.server.http import Request, Response, header_lines
from eventkeep.server.notifications import Result
from eventkeep.server.ratelimits import RateLimits
from eventkeep.server.request_log import RequestLog
from eventkeep.server.services import Services

logger = structlog.get_logger(__name__)

SINGLE_CREATE: Final = "create_event"
DAY_SECONDS: Final = 24 * 60 * 60
STORED_LINES: Final = header_lines(accepted(ONE_STORED).headers)

Answer = Callable[[Response | None], None]
"""Takes an answer; None where there is none to be had."""


class Admission:
    """What follows from the head of a single create alone: for as long as ``known`` stands, and on that day.

    The day is counted from 1970-01-01 UTC: it decides which revisions there are.
    """

    __slots__ = ("account", "day", "known", "method", "path", "revision")

    def __init__(self, known: Known, revision: Revision, day: int, method: str, path: str) -> None:
        self.known, self.revision, self.day, self.method, self.path = known, revision, day, method, path
        self.account = known.record.account


class Single:
    """A single create that is under way, and the ticket for its outcome. ``started`` is in monotonic seconds."""

    __slots__ = (
        "_answer",
        "_is_given_up",
        "_more_lines",
        "_request_id",
        "_request_log",
        "_started",
        "body",
        "limit_lines",
        "loop",
        "standing",
    )

    def __init__(
        self,
        standing: Admission,
        request_log: RequestLog,
        started: float,
        loop: asyncio.AbstractEventLoop,
        answer: Answer,
        more_lines: Callable[[], str],
    ) -> None:
        self._more_lines = more_lines
        self.standing, self._request_log, self._started, self.loop = standing, request_log, started, loop
        self._answer = answer
        self._request_id = request_log.next_id()
        request_log.count += 1
        self.limit_lines = ""
        self.body = b""
        self._is_given_up = False

    def settle(self, result: Result) -> None:
        """Respond with what became of it, if somebody still waits."""
        if self._is_given_up:
            return
        self._request_log.count -= 1
        try:
            response = self._response(result)
        except Exception:
            logger.exception("an answer could not be made", request_id=self._request_id, operation=SINGLE_CREATE)
            response = None
        self._answer(response)

    def cancel(self) -> None:
        """Answer nobody: the client went away."""
        if not self._is_given_up:
            self._is_given_up = True
            self._request_log.count -= 1
            self._answer(None)

    def _response(self, result: Result) -> Response:
        request_log, standing, request_id = self._request_log, self.standing, self._request_id
        if isinstance(result, Outcome):
            lines = STORED_LINES if result is ONE_STORED else header_lines(accepted(result).headers)
            used = f"{USED_HEADER.lower()}: {standing.revision.date}\r\n{self._more_lines()}"
            response = Response(202, lines=f"{lines}{self.limit_lines}x-request-id: {request_id}\r\n{used}")
        else:
            response = request_log.answer_to(result, request_id, SINGLE_CREATE, standing.revision.media_type)
            response.headers["X-Request-Id"] = request_id
            response.headers[USED_HEADER] = standing.revision.date
        request_log.answered(SINGLE_CREATE, standing.method, standing.path, request_id, response.status, self._started)
        return response


class Singles:
    """Begins single creates. One event loop's."""

    def __init__(
        self,
        services: Services,
        standing_of: Callable[[Request], Admission | None],
        limits: RateLimits,
        request_log: RequestLog,
    ) -> None:
        """``standing_of`` raises RequestRefused for a head that is to be refused, and gives None for another one."""
        self._keys, self._committer, self._clock = services.directory.keys, services.committer, services.clock
        self._standing_of, self._limits, self._request_log = standing_of, limits, request_log
        self._gathered: list[Single] = []
        self._gathered_bytes = 0
        self._gathering_until = 0.0
        self._is_closed = False
        self._may_begin: Callable[[], bool] = lambda: True
        self._more_lines: Callable[[], str] = str

    def begin(self, exchange: BufferedRequest, answer: Answer) -> Single | None:
        """Begin a create, which is answered by a call of ``answer``, later.

        None, with nothing done, where there is more to the request, or its head is to be
        refused: that it is told as any other request is.
        """
        started, now = self._clock.monotonic(), self._clock.now()
        standing = self._standing(exchange, started, int(now) // DAY_SECONDS)
        if standing is None or self._is_closed or not self._may_begin():
            return None
        single = Single(standing, self._request_log, started, self._loop, answer, self._more_lines)
        try:
            single.limit_lines = self._limits.take_lines(standing.account, SINGLE_CREATE, now)
            single.body = exchange.taken()
        except Exception as failure:
            self._loop.call_soon(single.settle, failure)
        else:
            if self._gathered_bytes + exchange.received > GATHERED_BYTES_MAX:
                self._hand_over()
            if not self._gathered:
                self._gathering_until = started + GATHERING_SECONDS_MAX
                self._loop.call_soon(self._hand_over_in_time, 1)
            self._gathered.append(single)
            self._gathered_bytes += exchange.received
            if len(self._gathered) == GATHERED_SINGLES_MAX:
                self._hand_over()
        return single

    def serve_cluster(self, cluster: ClusterRequests) -> None:
        """Begin creates only while this node leads, and tell its position."""
        self._may_begin, self._more_lines = lambda: cluster.is_leading, cluster.position_line

    def close(self) -> None:
        """Begin no more."""
        self._is_closed = True

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def _standing(self, exchange: BufferedRequest, now: float, day: int) -> Admission | None:
        """What follows from the head of an exchange; found out anew when it may be something else."""
        head = exchange.head
        standing = head.standing
        if standing is None or standing.day != day or not self._keys.stands(standing.known, now):
            try:
                standing = self._standing_of(exchange.request())
            except RequestRefused:
                standing = None
            head.standing = standing
        return standing

    def _hand_over_in_time(self, seen: int) -> None:
        """Give what was gathered to the committer once a turn of the loop has brought no more, or after a while.

        A commit costs half a millisecond, whether it is of one event or of sixty.
        """
        if seen < len(self._gathered) and self._clock.monotonic() < self._gathering_until:
            self._loop.call_soon(self._hand_over_in_time, len(self._gathered))
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        alike: dict[tuple[int, str], list[Single]] = {}
        for single in gathered:
            standing = single.standing
            alike.setdefault((standing.account, standing.revision.date), []).append(single)
        now = int(self._clock.now())
        for (account, _), singles in alike.items():
            try:
                self._committer.offer(
                    QueuedCreates(
                        account=account,
                        revision=singles[0].standing.revision,
                        is_bulk=False,
                        bodies=[single.body for single in singles],
                        received_at=now,
                        tickets=singles,
                    )
                )
            except Unavailable as refusal:
                for single in singles:
                    self._loop.call_soon(single.settle, refusal.with_traceback(None))
