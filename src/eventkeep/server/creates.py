"""The two create operations: queue the body, wait for the commit, respond with 202."""

from __future__ import annotations

from eventkeep.ingest.committer import Outcome
from eventkeep.ingest.queue import QueuedCreates
from eventkeep.server.call import Call
from eventkeep.server.http import Response
from eventkeep.server.notifications import FutureTicket
from eventkeep.server.services import Services

PARTIAL_FAILURE = "X-Klaviyo-Partial-Failure"
STORED = "Eventkeep-Events-Stored"
REPEATED = "Eventkeep-Events-Repeated"


class Creates:
    """Handlers of the create operations. One future per request, woken once per batch."""

    def __init__(self, services: Services) -> None:
        self._committer, self._clock = services.committer, services.clock

    async def create_event(self, call: Call) -> Response:
        return await self._create(call, is_bulk=False)

    async def bulk_create_events(self, call: Call) -> Response:
        return await self._create(call, is_bulk=True)

    async def _create(self, call: Call, is_bulk: bool) -> Response:
        body = await call.request.json_body()
        ticket = FutureTicket()
        try:
            self._committer.offer(
                QueuedCreates(
                    account=call.key.account,
                    revision=call.revision,
                    is_bulk=is_bulk,
                    bodies=[body],
                    received_at=int(self._clock.now()),
                    tickets=[ticket],
                )
            )
            return accepted(await ticket.outcome)
        finally:
            # The traceback of a refusal keeps this frame, and with it the ticket and the body.
            del ticket


def accepted(outcome: Outcome) -> Response:
    """202 with an empty body; headers tell what was not stored as it was sent."""
    headers = {STORED: str(outcome.stored), REPEATED: str(outcome.repeated)}
    not_taken = outcome.left | outcome.ignored
    if not_taken:
        headers[PARTIAL_FAILURE] = ", ".join(sorted(not_taken))
    return Response(202, headers)
