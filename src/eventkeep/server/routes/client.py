"""The routes for browsers and apps: they write, never read, and never change the identifiers of a known profile."""

from __future__ import annotations

import msgspec

from eventkeep.errors import InvalidRequest
from eventkeep.http.response import Response
from eventkeep.ingest.edits import one_edit
from eventkeep.model.consent_submission import consent_submission
from eventkeep.model.submission import Submission
from eventkeep.protocol.client_routes.parsing import (
    bulk_create_of,
    keeping_identifiers,
    parse_client_profile,
    parse_client_subscription,
    with_own_pointers,
)
from eventkeep.protocol.creates.parser import parse_bulk_create, parse_create_event
from eventkeep.server.call import Call, Handler
from eventkeep.server.routes.writing import Writing


class ClientRoutes:
    """Handlers of the client operations; ``call.account`` is that of the ``company_id``."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self.handlers: dict[str, Handler] = {
            "create_client_event": self.create_event,
            "bulk_create_client_events": self.bulk_create_events,
            "create_client_profile": self.create_profile,
            "create_client_subscription": self.create_subscription,
        }

    async def create_event(self, call: Call) -> Response:
        body = await call.json_body()
        received_at = int(self._writing.clock.of(call.account).now())
        submission = await self._writing.parse(body, lambda: parse_create_event(body, call.revision, received_at))
        return await self._create(call, submission, body)

    async def bulk_create_events(self, call: Call) -> Response:
        body = await call.json_body()
        received_at = int(self._writing.clock.of(call.account).now())

        def parse() -> Submission:
            try:
                return parse_bulk_create(bulk_create_of(body), call.revision, received_at)
            except InvalidRequest as refusal:
                raise with_own_pointers(refusal) from refusal

        return await self._create(call, await self._writing.parse(body, parse), body)

    async def create_profile(self, call: Call) -> Response:
        body = await call.json_body()
        edit = await self._writing.parse(body, lambda: parse_client_profile(body, call.revision))
        await self._writing.change(one_edit(call.account, edit, self._writing.clock), len(body))
        return Response(202)

    async def create_subscription(self, call: Call) -> Response:
        body = await call.json_body()
        now_us = self._writing.now_us(call.account)
        change = await self._writing.parse(body, lambda: parse_client_subscription(body, call.revision, now_us))
        await self._writing.create(call.account, call.revision, consent_submission([change]), body)
        return Response(202)

    async def _create(self, call: Call, submission: Submission, body: bytes) -> Response:
        writes = [keeping_identifiers(write) for write in submission.profiles]
        await self._writing.create(
            call.account, call.revision, msgspec.structs.replace(submission, profiles=writes), body
        )
        return Response(202)
