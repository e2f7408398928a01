"""The two create operations: parse, queue, wait for the commit, answer 202."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from eventkeep.ingest.committer import Outcome
from eventkeep.limits import PARSED_AT_ONCE_BYTES_MAX, PARSER_THREADS
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates import parse_bulk_create, parse_create_event
from eventkeep.protocol.revisions import Revision
from eventkeep.server.call import Call
from eventkeep.server.http import Response
from eventkeep.server.services import Services

Parser = Callable[[bytes, Revision, int], Submission]

PARTIAL_FAILURE = "X-Klaviyo-Partial-Failure"
STORED = "Eventkeep-Events-Stored"
REPEATED = "Eventkeep-Events-Repeated"


class Creates:
    """Handlers of the create operations. One future per request, woken once per batch.

    Small bodies are parsed where they arrive. Large ones are parsed in a thread: one that
    needs the closer look can take a second, and nobody else is to wait for it.
    """

    def __init__(self, services: Services) -> None:
        self._committer, self._clock = services.committer, services.clock
        self._threads = ThreadPoolExecutor(PARSER_THREADS, thread_name_prefix="parse")
        services.before_close(self._threads.shutdown)

    async def create_event(self, call: Call) -> Response:
        return await self._create(call, parse_create_event)

    async def bulk_create_events(self, call: Call) -> Response:
        return await self._create(call, parse_bulk_create)

    async def _create(self, call: Call, parse: Parser) -> Response:
        body = await call.request.json_body()
        received_at = int(self._clock.now())
        loop = asyncio.get_running_loop()
        if len(body) <= PARSED_AT_ONCE_BYTES_MAX:
            submission = parse(body, call.revision, received_at)
        else:
            submission = await loop.run_in_executor(self._threads, parse, body, call.revision, received_at)
        ticket: asyncio.Future[Outcome] = loop.create_future()
        self._committer.offer(call.key.account, submission, ticket)
        try:
            return accepted(await ticket)
        finally:
            # A refusal's traceback holds this frame: with the ticket in it, body and all would wait for the collector.
            del ticket


def accepted(outcome: Outcome) -> Response:
    """202 with an empty body; what was not stored as sent is told in headers."""
    headers = {STORED: str(outcome.stored), REPEATED: str(outcome.repeated)}
    partial = outcome.left | outcome.ignored
    if partial:
        headers[PARTIAL_FAILURE] = ", ".join(sorted(partial))
    return Response(202, headers)
