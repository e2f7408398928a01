"""A request that has no response yet."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, Final

import structlog

from eventkeep.http.application import Respond
from eventkeep.http.compression import compressed
from eventkeep.http.request import Request
from eventkeep.http.response import Response, header_lines
from eventkeep.ingest.commit import ONE_STORED, Outcome
from eventkeep.protocol.error_documents import DEFAULT_MEDIA_TYPE
from eventkeep.protocol.revisions import USED_HEADER, Revision
from eventkeep.server.request_log import RequestLog
from eventkeep.server.telemetry import NO_OPERATION

logger = structlog.get_logger(__name__)

PARTIAL_FAILURE: Final = "X-Klaviyo-Partial-Failure"
STORED: Final = "Eventkeep-Events-Stored"
REPEATED: Final = "Eventkeep-Events-Repeated"
LINES_REMEMBERED_MAX: Final = 100


class PendingResponse:
    """Ends in one response: of a handler, of a commit, or for a failure. It is the ticket of a create.

    ``operation`` is set once it is known, and ``media_type``, that of a refusal, with the revision. ``lines`` are
    headers of a success, in their final form, ``all_lines`` those of any response. Belongs to the loop's thread.
    """

    __slots__ = (
        "_log",
        "_request",
        "_respond",
        "_started",
        "_task",
        "all_lines",
        "id",
        "is_over",
        "lines",
        "loop",
        "media_type",
        "operation",
    )

    def __init__(
        self, log: RequestLog, loop: asyncio.AbstractEventLoop, request: Request, respond: Respond, started: float
    ) -> None:
        """``started`` is on the monotonic clock, in seconds."""
        self._log, self.loop, self._request, self._respond, self._started = log, loop, request, respond, started
        self.id = log.start()
        self.operation, self.media_type = NO_OPERATION, DEFAULT_MEDIA_TYPE
        self.lines = self.all_lines = ""
        self.is_over = False
        self._task: asyncio.Task[None] | None = None

    def admit(self, operation: str, revision: Revision) -> None:
        """Note the operation, and the revision in which it responds."""
        self.operation, self.media_type = operation, revision.media_type
        self.all_lines += used_line(revision.date)

    def run(self, work: Coroutine[Any, Any, Response | None]) -> None:
        """Respond with the result of ``work``; None means that something else will respond."""
        self._task = self.loop.create_task(self._run(work))

    def settle(self, result: Outcome | Exception) -> None:
        """Respond with the outcome of a create."""
        if isinstance(result, Exception):
            self.fail(result)
        else:
            self.succeed(Response(202, lines=STORED_LINES if result is ONE_STORED else outcome_lines(result)))

    def succeed(self, response: Response) -> None:
        if not self.is_over:
            response.lines += self.lines
            self._end(response)

    def fail(self, failure: Exception) -> None:
        if not self.is_over:
            self._end(self._log.failed(failure, self.id, self.operation, self.media_type), failure)

    def fail_soon(self, failure: Exception) -> None:
        """The same, after the caller has returned."""
        self.loop.call_soon(self.fail, failure)

    def cancel(self) -> None:
        """The client went away: there will be no response."""
        if not self.is_over:
            self.is_over = True
            self._log.end()
            if self._task is not None:
                self._task.cancel()

    async def _run(self, work: Coroutine[Any, Any, Response | None]) -> None:
        try:
            response = await work
        except Exception as failure:
            self.fail(failure)
        else:
            if response is not None:
                self.succeed(await compressed(self._request, response))

    def _end(self, response: Response, failure: Exception | None = None) -> None:
        self.is_over = True
        self._log.end()
        response.lines += f"x-request-id: {self.id}\r\n{self.all_lines}"
        self._log.mark(response, self._request)
        self._log.responded(self.operation, self._request, self.id, response.status, self._started, failure)
        self._respond(response)


@lru_cache(LINES_REMEMBERED_MAX)
def used_line(revision: str) -> str:
    """The header that tells the revision of a response."""
    return header_lines({USED_HEADER: revision})


def outcome_lines(outcome: Outcome) -> str:
    """The headers of 202: the counts of stored events, and the values that were not stored as they were sent."""
    headers = {STORED: str(outcome.stored), REPEATED: str(outcome.repeated)}
    not_taken = outcome.left | outcome.ignored
    if not_taken:
        headers[PARTIAL_FAILURE] = ", ".join(sorted(not_taken))
    return header_lines(headers)


STORED_LINES: Final = outcome_lines(ONE_STORED)
