"""Jobs that change consent: carried out at once, in one commit with the events that tell of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eventkeep.errors import Fault, NotFound
from eventkeep.http.response import Response
from eventkeep.ingest.edits import new_job
from eventkeep.model.consent_changes import ConsentChange
from eventkeep.model.consent_submission import consent_submission
from eventkeep.model.job import Job, JobKind
from eventkeep.protocol.consent.operations import JOB_FIELDS, JOBS_SINCE
from eventkeep.protocol.consent.parsing import parse_subscribe, parse_suppression, parse_unsubscribe
from eventkeep.protocol.job_pages import parse_jobs_query
from eventkeep.protocol.jobs import collection_document, job_document, job_resource
from eventkeep.protocol.revisions import Revision
from eventkeep.server.call import Call, Handler
from eventkeep.server.readers import Readers
from eventkeep.server.routes.writing import Writing
from eventkeep.server.services import Services

Parse = Callable[[bytes, Revision, int], list[ConsentChange]]


class ConsentJobs:
    """Handlers of the operations on consent."""

    def __init__(self, services: Services, readers: Readers, writing: Writing) -> None:
        self._directory, self._readers, self._writing = services.directory, readers, writing
        self.handlers: dict[str, Handler] = {
            "bulk_subscribe_profiles": self.subscribe,
            "bulk_unsubscribe_profiles": self.unsubscribe,
            "bulk_suppress_profiles": self.suppress,
            "bulk_unsuppress_profiles": self.unsuppress,
            "get_bulk_suppress_profiles_jobs": self.get_suppress_jobs,
            "get_bulk_suppress_profiles_job": self.get_suppress_job,
            "get_bulk_unsuppress_profiles_jobs": self.get_unsuppress_jobs,
            "get_bulk_unsuppress_profiles_job": self.get_unsuppress_job,
        }

    async def subscribe(self, call: Call) -> Response:
        return await self._change(call, parse_subscribe)

    async def unsubscribe(self, call: Call) -> Response:
        return await self._change(call, parse_unsubscribe)

    async def suppress(self, call: Call) -> Response:
        return await self._suppress(call, "suppress")

    async def unsuppress(self, call: Call) -> Response:
        return await self._suppress(call, "unsuppress")

    async def get_suppress_jobs(self, call: Call) -> Response:
        return await self._jobs(call, "suppress")

    async def get_unsuppress_jobs(self, call: Call) -> Response:
        return await self._jobs(call, "unsuppress")

    async def get_suppress_job(self, call: Call) -> Response:
        return await self._job(call, "suppress")

    async def get_unsuppress_job(self, call: Call) -> Response:
        return await self._job(call, "unsuppress")

    async def _change(self, call: Call, parse: Parse) -> Response:
        call.query()
        body = await call.json_body()
        now_us = self._writing.now_us(call.account)
        changes = await self._writing.parse(body, lambda: parse(body, call.revision, now_us))
        await self._writing.create(call.account, call.revision, consent_submission(changes), body)
        return Response(202)

    async def _suppress(self, call: Call, kind: JobKind) -> Response:
        """Suppress addresses, or end that; an address that no profile has is skipped then."""
        frame = call.frame(call.query())
        body = await call.json_body()
        changes = parse_suppression(
            body, call.revision, self._writing.now_us(call.account), is_suppressed=kind == "suppress"
        )
        total = len(changes)
        if kind == "unsuppress":
            changes = await self._readers.run(lambda: self._known(call.account, changes))
        if changes:
            await self._writing.create(call.account, call.revision, consent_submission(changes), body)
        skipped = total - len(changes)
        make = new_job(call.account, kind, self._writing.clock, total=total, skipped_count=skipped)
        job: Job = await self._writing.change(make, len(body))
        if call.revision.date < JOBS_SINCE:
            return Response(202)
        return call.response(job_document(frame, job, JOB_FIELDS), 202)

    async def _jobs(self, call: Call, kind: JobKind) -> Response:
        asked = parse_jobs_query(call.query(), call.operation, self._directory.secret)
        frame = call.frame(asked.query)

        def read() -> bytes:
            shown, cursor = asked.page(
                asked.find(self._directory.jobs.list, call.account, kind), self._directory.secret
            )
            return collection_document(frame, [job_resource(job, frame, default=JOB_FIELDS) for job in shown], cursor)

        return call.response(await self._readers.run(read))

    async def _job(self, call: Call, kind: JobKind) -> Response:
        frame = call.frame(call.query())

        def read() -> bytes:
            job = self._directory.jobs.find(call.account, kind, call.id)
            if job is None:
                raise job_not_found(call.id)
            return job_document(frame, job, JOB_FIELDS)

        return call.response(await self._readers.run(read))

    def _known(self, account: int, changes: Sequence[ConsentChange]) -> list[ConsentChange]:
        """The changes of addresses that a profile has."""
        find = self._directory.profiles.find_identifier
        return [each for each in changes if find(account, "email", each.write.email or "") is not None]


def job_not_found(job_id: str) -> NotFound:
    """The refusal of an id that no job of the account has."""
    return NotFound([Fault(f"A job with id {job_id} does not exist.", "/data/id")])
