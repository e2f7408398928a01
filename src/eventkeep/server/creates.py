"""The two create operations: parse, queue, wait for the commit, answer 202."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from eventkeep.ingest.committer import Outcome
from eventkeep.limits import PARSED_AT_ONCE_BYTES_MAX, PARSER_THREADS
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates.parser import (
    checked_bulk_create,
    checked_create_event,
    quick_bulk_create,
    quick_create_event,
)
from eventkeep.protocol.revisions import Revision
from eventkeep.server.call import Call
from eventkeep.server.http import Response
from eventkeep.server.notifications import FutureTicket
from eventkeep.server.services import Services
from eventkeep.server.worker import unpack
from eventkeep.server.workers import Workers

Parser = Callable[[bytes, Revision, int], Submission]
QuickParser = Callable[[bytes, Revision, int], Submission | None]

PARTIAL_FAILURE = "X-Klaviyo-Partial-Failure"
STORED = "Eventkeep-Events-Stored"
REPEATED = "Eventkeep-Events-Repeated"


class Creates:
    """Handlers of the create operations. One future per request, woken once per batch.

    Small bodies are read where they arrive, large ones by a worker, or by the committer
    where there is none. A large one that needs the closer look can take a second, and
    nobody else is to wait for it: it gets a thread.
    """

    def __init__(self, services: Services, workers: Workers) -> None:
        self._workers = workers
        self._committer, self._clock = services.committer, services.clock
        self._threads = ThreadPoolExecutor(PARSER_THREADS, thread_name_prefix="closer look")
        services.before_close(self._threads.shutdown)

    async def create_event(self, call: Call) -> Response:
        return await self._create(call, quick_create_event, checked_create_event)

    async def bulk_create_events(self, call: Call) -> Response:
        return await self._create(call, quick_bulk_create, checked_bulk_create)

    async def _create(self, call: Call, quick: QuickParser, checked: Parser) -> Response:
        body = await call.request.json_body()
        account, given = call.key.account, (body, call.revision, int(self._clock.now()))
        ticket = FutureTicket()
        try:
            if len(body) <= PARSED_AT_ONCE_BYTES_MAX:
                submission = quick(*given)
                self._committer.offer(account, submission if submission is not None else checked(*given), ticket)
            else:
                is_bulk = quick is quick_bulk_create
                packed = await self._workers.read(body, is_bulk, *given[1:])
                read = partial(quick, *given) if packed is None else partial(unpack, packed, is_bulk)
                self._committer.offer_unread(account, read, len(body), ticket)
            outcome = await ticket.outcome
            if outcome is None:
                submission = await ticket.loop.run_in_executor(self._threads, checked, *given)
                ticket = FutureTicket()
                self._committer.offer(account, submission, ticket)
                outcome = await ticket.outcome
            if outcome is None:
                raise RuntimeError("what was read already was not committed")
            return accepted(outcome)
        finally:
            # A refusal's traceback holds this frame: with the ticket in it, body and all would wait for the collector.
            del ticket


def accepted(outcome: Outcome) -> Response:
    """202 with an empty body; what was not stored as sent is told in headers."""
    headers = {STORED: str(outcome.stored), REPEATED: str(outcome.repeated)}
    not_taken = outcome.left | outcome.ignored
    if not_taken:
        headers[PARTIAL_FAILURE] = ", ".join(sorted(not_taken))
    return Response(202, headers)
