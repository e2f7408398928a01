"""Profiles by themselves: read by the page, created, updated, imported and merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eventkeep.errors import Fault, NotFound
from eventkeep.http.response import Response
from eventkeep.ingest.edits import one_edit
from eventkeep.model.predictions.analytics import PredictiveAnalytics
from eventkeep.model.profile_edits import Edited, ProfileEdit
from eventkeep.protocol.frames import Frame
from eventkeep.protocol.profiles.parsing import parse_create, parse_import, parse_merge, parse_update
from eventkeep.protocol.profiles.query import parse_profiles_query, profiles_page
from eventkeep.protocol.profiles.responses import (
    merged_document,
    profile_document,
    profiles_document,
    wanted_fields,
)
from eventkeep.server.admission import authorize
from eventkeep.server.analytics import ANALYTICS, Analytics
from eventkeep.server.call import Call, Handler
from eventkeep.server.last_events import LastEvents
from eventkeep.server.pending_response import PARTIAL_FAILURE
from eventkeep.server.readers import Readers
from eventkeep.server.routes.writing import Writing
from eventkeep.server.services import Services


class Profiles:
    """Handlers of the operations on single profiles."""

    def __init__(self, services: Services, readers: Readers, writing: Writing) -> None:
        self._directory, self._readers, self._writing = services.directory, readers, writing
        self._last_events = LastEvents(services)
        self._analytics = Analytics(services.directory, services.events)
        self.handlers: dict[str, Handler] = {
            "get_profiles": self.get_profiles,
            "get_profile": self.get_profile,
            "create_profile": self.create_profile,
            "update_profile": self.update_profile,
            "create_or_update_profile": self.create_or_update_profile,
            "merge_profiles": self.merge_profiles,
        }

    async def get_profiles(self, call: Call) -> Response:
        secret = self._directory.secret
        asked = parse_profiles_query(call.query_string, call.operation, call.revision, call.account, secret)
        authorize(call.key, asked.query.scopes)
        frame = call.frame(asked.query)

        def read() -> bytes:
            page = profiles_page(asked, self._directory.profile_pages.find(asked.selection), secret)
            numbers = [each.number for each in page.profiles]
            analytics = self._analytics_of(call, frame, numbers)
            return profiles_document(frame, page, self._times(call, numbers), analytics)

        return call.response(await self._readers.run(read))

    async def get_profile(self, call: Call) -> Response:
        frame = call.frame(call.query())

        def read() -> bytes:
            number = self._directory.profiles.find_id(call.account, call.id)
            found = {} if number is None else self._directory.profiles.by_numbers(call.account, [number])
            if number is None or number not in found:
                raise profile_not_found(call.id)
            analytics = self._analytics_of(call, frame, [number]).get(number)
            return profile_document(frame, found[number], self._times(call, [number]).get(number), analytics)

        return call.response(await self._readers.run(read))

    async def create_profile(self, call: Call) -> Response:
        body = await call.json_body()
        edit = await self._writing.parse(body, lambda: parse_create(body, call.revision))
        return await self._write(call, edit, len(body), new_status=201)

    async def update_profile(self, call: Call) -> Response:
        body = await call.json_body()
        edit = await self._writing.parse(body, lambda: parse_update(body, call.revision, call.id))
        return await self._write(call, edit, len(body), new_status=200)

    async def create_or_update_profile(self, call: Call) -> Response:
        body = await call.json_body()
        edit = await self._writing.parse(body, lambda: parse_import(body, call.revision))
        return await self._write(call, edit, len(body), new_status=201)

    async def merge_profiles(self, call: Call) -> Response:
        frame = call.frame(call.query())
        body = await call.json_body()
        edited: Edited = await self._edit(call, parse_merge(body, call.revision), len(body))
        return call.response(merged_document(frame, edited.profile.id), 201)

    async def _write(self, call: Call, edit: ProfileEdit, size: int, *, new_status: int) -> Response:
        """The profile after a write. A header names the members that could not be taken."""
        frame = call.frame(call.query())
        edited = await self._edit(call, edit, size)
        number = edited.profile.number
        needs_times = not edited.is_new and "last_event_date" in wanted_fields(frame)
        times = await self._readers.run(lambda: self._times(call, [number])) if needs_times else {}
        analytics = {}
        if not edited.is_new and ANALYTICS in wanted_fields(frame):
            analytics = await self._readers.run(lambda: self._analytics_of(call, frame, [number]))
        body = profile_document(frame, edited.profile, times.get(number), analytics.get(number))
        response = call.response(body, new_status if edited.is_new else 200)
        if edited.left:
            response.headers[PARTIAL_FAILURE] = ", ".join(sorted(edited.left))
        return response

    async def _edit(self, call: Call, edit: ProfileEdit, size: int) -> Edited:
        edited: Edited = await self._writing.change(one_edit(call.account, edit, self._writing.clock), size)
        return edited

    def _analytics_of(self, call: Call, frame: Frame, numbers: Sequence[int]) -> dict[int, PredictiveAnalytics]:
        return self._analytics.of_profiles(call.account, numbers) if ANALYTICS in wanted_fields(frame) else {}

    def _times(self, call: Call, numbers: Iterable[int]) -> dict[int, int]:
        return self._last_events.times(call.account, list(numbers))


def profile_not_found(profile_id: str) -> NotFound:
    """The refusal of an id that no profile of the account has."""
    return NotFound([Fault(f"A profile with id {profile_id} does not exist.", "/data/id")])
