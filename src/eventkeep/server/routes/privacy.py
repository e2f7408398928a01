"""Requests to delete a person's data: accepted and kept as jobs."""

from __future__ import annotations

from eventkeep.http.response import Response
from eventkeep.ingest.edits import new_job
from eventkeep.model.job import JobContent
from eventkeep.protocol.privacy.parsing import parse_deletion
from eventkeep.server.call import Call, Handler
from eventkeep.server.routes.writing import Writing


class Privacy:
    """The handler of request_profile_deletion."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self.handlers: dict[str, Handler] = {"request_profile_deletion": self.request_profile_deletion}

    async def request_profile_deletion(self, call: Call) -> Response:
        call.query()
        body = await call.json_body()
        content = JobContent(person=parse_deletion(body))
        make = new_job(call.account, "delete", self._writing.clock, total=1, status="queued", content=content)
        await self._writing.change(make, len(body))
        return Response(202)
