"""The two create operations: parse, queue, wait for the commit, answer 202."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from eventkeep.clock import Clock
from eventkeep.errors import RequestRefused
from eventkeep.ingest.committer import Committer, Delivery, Outcome
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates import parse_bulk_create, parse_create_event
from eventkeep.protocol.revisions import Revision
from eventkeep.server.call import Call
from eventkeep.server.http import Response

Parser = Callable[[bytes, Revision, int], Submission]
Ticket = asyncio.Future[Outcome]

PARTIAL_FAILURE = "X-Klaviyo-Partial-Failure"
STORED = "Eventkeep-Events-Stored"
REPEATED = "Eventkeep-Events-Repeated"


class Creates:
    """Handlers of the create operations. One future per request, woken once per batch."""

    def __init__(self, committer: Committer, clock: Clock) -> None:
        self._committer, self._clock = committer, clock

    async def create_event(self, call: Call) -> Response:
        return await self._create(call, parse_create_event)

    async def bulk_create_events(self, call: Call) -> Response:
        return await self._create(call, parse_bulk_create)

    async def _create(self, call: Call, parse: Parser) -> Response:
        body = await call.request.json_body()
        submission = parse(body, call.revision, int(self._clock.now()))
        ticket: Ticket = asyncio.get_running_loop().create_future()
        self._committer.offer(call.key.account, submission, ticket)
        return accepted(await ticket)


def deliver(delivery: Delivery) -> None:
    """Take what became of a batch, in the committer's thread, to the loops that wait for it.

    One wake-up a batch and loop, not one a request.
    """
    by_loop: dict[asyncio.AbstractEventLoop, Delivery] = {}
    for ticket, result in delivery:
        by_loop.setdefault(ticket.get_loop(), []).append((ticket, result))
    for loop, part in by_loop.items():
        # A loop that was closed has nobody left to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, part)


def settle(delivery: Delivery) -> None:
    """Wake the requests of a batch; those whose client went away are not waited for any more."""
    for ticket, result in delivery:
        if not ticket.done():
            if isinstance(result, RequestRefused):
                ticket.set_exception(result)
            else:
                ticket.set_result(result)


def accepted(outcome: Outcome) -> Response:
    """202 with an empty body; what was not stored as sent is told in headers."""
    headers = {STORED: str(outcome.stored), REPEATED: str(outcome.repeated)}
    partial = outcome.left | outcome.ignored
    if partial:
        headers[PARTIAL_FAILURE] = ", ".join(sorted(partial))
    return Response(202, headers)
