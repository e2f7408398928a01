"""Bulk imports of profiles: carried out slice by slice, and kept as a job that can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from eventkeep.errors import Fault
from eventkeep.http.response import Response
from eventkeep.ingest.edits import Imported, import_slice, new_job
from eventkeep.limits import IMPORT_SLICE_PROFILES
from eventkeep.model.job import ImportFailure, Job, JobContent
from eventkeep.protocol.fieldsets import Fieldset
from eventkeep.protocol.frames import Frame
from eventkeep.protocol.job_pages import parse_jobs_query, parse_place_query
from eventkeep.protocol.jobs import collection_document, failure_resource, identifier, job_document, job_resource
from eventkeep.protocol.profiles.imports import ImportRequest, failure, parse_import_job
from eventkeep.protocol.profiles.job_operations import IMPORT_ERROR_FIELDS, IMPORT_JOB_FIELDS
from eventkeep.protocol.profiles.responses import resources_of, wanted_fields
from eventkeep.server.analytics import ANALYTICS, Analytics
from eventkeep.server.call import Call, Handler
from eventkeep.server.last_events import LastEvents
from eventkeep.server.readers import Readers
from eventkeep.server.routes.consent import job_not_found
from eventkeep.server.routes.writing import Writing
from eventkeep.server.services import Services

NAMED_IN_JOBS_UNTIL: Final = "2024-05-15"
"""The first revision in which a new job may leave out the ids of its profiles and errors."""
Show = Callable[[Frame, Sequence[int]], list[bytes]]
"""Makes the resources of profiles, by their numbers."""


class Imports:
    """Handlers of the operations on bulk imports."""

    def __init__(self, services: Services, readers: Readers, writing: Writing) -> None:
        self._directory, self._readers, self._writing = services.directory, readers, writing
        self._last_events = LastEvents(services)
        self._analytics = Analytics(services.directory, services.events)
        self.handlers: dict[str, Handler] = {
            "bulk_import_profiles": self.bulk_import_profiles,
            "get_bulk_import_profiles_jobs": self.get_jobs,
            "get_bulk_import_profiles_job": self.get_job,
            "get_list_for_bulk_import_profiles_job": self.get_lists,
            "get_list_ids_for_bulk_import_profiles_job": self.get_list_ids,
            "get_profiles_for_bulk_import_profiles_job": self.get_profiles,
            "get_profile_ids_for_bulk_import_profiles_job": self.get_profile_ids,
            "get_errors_for_bulk_import_profiles_job": self.get_errors,
        }

    async def bulk_import_profiles(self, call: Call) -> Response:
        frame = call.frame(call.query())
        body = await call.json_body()
        request = await self._writing.parse(body, lambda: parse_import_job(body, call.revision))
        content = await self._import(call, request, len(body))
        job: Job = await self._writing.change(
            new_job(
                call.account,
                "import",
                self._writing.clock,
                total=len(request.payloads),
                failed_count=len(content.failures),
                content=content,
            ),
            len(body),
        )
        names = None
        if call.revision.date < NAMED_IN_JOBS_UNTIL:
            ids = await self._readers.run(lambda: self._directory.profiles.ids(call.account, content.profiles))
            names = [ids[number] for number in content.profiles if number in ids]
        return call.response(job_document(frame, job, IMPORT_JOB_FIELDS, names), 202)

    async def get_jobs(self, call: Call) -> Response:
        asked = parse_jobs_query(call.query(), call.operation, self._directory.secret)
        frame = call.frame(asked.query)

        def read() -> bytes:
            jobs = asked.find(self._directory.jobs.list, call.account, "import")
            shown, cursor = asked.page(jobs, self._directory.secret)
            return collection_document(
                frame, [job_resource(job, frame, default=IMPORT_JOB_FIELDS) for job in shown], cursor
            )

        return call.response(await self._readers.run(read))

    async def get_job(self, call: Call) -> Response:
        frame = call.frame(call.query())
        return call.response(await self._readers.run(lambda: job_document(frame, self._job(call), IMPORT_JOB_FIELDS)))

    async def get_lists(self, call: Call) -> Response:
        """No list has attributes here, so the response is empty; ``get_list_ids`` has the lists of the import."""
        frame = call.frame(call.query())
        await self._readers.run(lambda: self._job(call))
        return call.response(collection_document(frame, []))

    async def get_list_ids(self, call: Call) -> Response:
        frame = call.frame(call.query())
        job = await self._readers.run(lambda: self._job(call))
        return call.response(collection_document(frame, [identifier("list", each) for each in job.content.lists]))

    async def get_profiles(self, call: Call) -> Response:
        def show(frame: Frame, numbers: Sequence[int]) -> list[bytes]:
            found = self._directory.profiles.by_numbers(call.account, numbers)
            profiles = [found[number] for number in numbers if number in found]
            wanted: Fieldset = wanted_fields(frame)
            times = self._last_events.times(call.account, list(found)) if "last_event_date" in wanted else {}
            analytics = self._analytics.of_profiles(call.account, list(found)) if ANALYTICS in wanted else {}
            return resources_of(frame, profiles, times, wanted, analytics)

        return await self._page_of_profiles(call, show)

    async def get_profile_ids(self, call: Call) -> Response:
        def show(_frame: Frame, numbers: Sequence[int]) -> list[bytes]:
            ids = self._directory.profiles.ids(call.account, numbers)
            return [identifier("profile", ids[number]) for number in numbers if number in ids]

        return await self._page_of_profiles(call, show)

    async def get_errors(self, call: Call) -> Response:
        asked = parse_place_query(call.query(), call.operation, call.id, self._directory.secret)
        frame = call.frame(asked.query)

        def read() -> bytes:
            job = self._job(call)
            failures, cursor = asked.slice(job.content.failures, self._directory.secret)
            return collection_document(
                frame, [failure_resource(job, each, frame, IMPORT_ERROR_FIELDS) for each in failures], cursor
            )

        return call.response(await self._readers.run(read))

    async def _import(self, call: Call, request: ImportRequest, size: int) -> JobContent:
        """Carry the import out, a slice at a time, so that others come in between."""
        failures: list[ImportFailure] = [*request.failures]
        numbers: list[int] = []
        for start in range(0, len(request.edits), IMPORT_SLICE_PROFILES):
            part = request.edits[start : start + IMPORT_SLICE_PROFILES]
            make = import_slice(call.account, [edit for _, edit in part], self._writing.clock)
            imported: Imported = await self._writing.change(make, size * len(part) // len(request.payloads))
            for (place, _), result in zip(part, imported.results, strict=True):
                if isinstance(result, Fault):
                    pointer = (result.pointer or "/data").replace("/data", f"/data/attributes/profiles/data/{place}", 1)
                    fault = Fault(result.detail, pointer, code=result.code)
                    failures.append(failure(place, fault, request.payloads[place]))
                else:
                    numbers.append(result)
        failures.sort(key=lambda each: each.place)
        return JobContent(lists=request.lists, profiles=tuple(dict.fromkeys(numbers)), failures=tuple(failures))

    async def _page_of_profiles(self, call: Call, show: Show) -> Response:
        asked = parse_place_query(call.query(), call.operation, call.id, self._directory.secret)
        frame = call.frame(asked.query)

        def read() -> bytes:
            numbers, cursor = asked.slice(self._job(call).content.profiles, self._directory.secret)
            survivors = self._directory.profiles.survivors(call.account, numbers)
            return collection_document(frame, show(frame, [survivors.get(each, each) for each in numbers]), cursor)

        return call.response(await self._readers.run(read))

    def _job(self, call: Call) -> Job:
        job = self._directory.jobs.find(call.account, "import", call.id)
        if job is None:
            raise job_not_found(call.id)
        return job
