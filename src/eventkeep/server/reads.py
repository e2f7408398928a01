"""The six read operations: from a query to events, to the resources they point to, to a response."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from eventkeep.http.response import Response
from eventkeep.model.event import StoredEvent
from eventkeep.model.metric import Metric
from eventkeep.model.profile import Profile
from eventkeep.model.stored_events import StoredEvents
from eventkeep.protocol.reads.event_ids import event_not_found, parse_event_id
from eventkeep.protocol.reads.pages import page_of
from eventkeep.protocol.reads.query import ReadQuery, parse_read_query
from eventkeep.protocol.reads.responses import (
    ReadFrame,
    Related,
    event_document,
    events_document,
    metric_document,
    profile_document,
    relationship_document,
)
from eventkeep.server.admission import authorize
from eventkeep.server.analytics import ANALYTICS, Analytics
from eventkeep.server.attributions import Attributions
from eventkeep.server.call import Call, Handler
from eventkeep.server.event_selections import EventSelections
from eventkeep.server.readers import Readers
from eventkeep.server.services import Services

MakeBody = Callable[[int, ReadFrame, str], bytes]
"""Makes the body of a response from the account, the frame and the event id in the path."""


class Reads:
    """Handlers of the read operations."""

    def __init__(self, services: Services, readers: Readers) -> None:
        self._directory, self._stored, self._readers = services.directory, services.events, readers
        self._attributions = Attributions(services.directory, services.events)
        self._analytics = Analytics(services.directory, services.events)
        self._selections = EventSelections(services.directory)
        self._clock = services.clock
        self.handlers: dict[str, Handler] = {
            "get_events": self.get_events,
            "get_event": self.get_event,
            "get_event_metric": self.get_event_metric,
            "get_event_profile": self.get_event_profile,
            "get_event_relationships_metric": self.get_event_relationships_metric,
            "get_event_relationships_profile": self.get_event_relationships_profile,
        }

    async def get_events(self, call: Call) -> Response:
        return await self._read(call, self._events)

    async def get_event(self, call: Call) -> Response:
        return await self._read(call, self._event)

    async def get_event_metric(self, call: Call) -> Response:
        return await self._read(call, self._event_metric)

    async def get_event_profile(self, call: Call) -> Response:
        return await self._read(call, self._event_profile)

    async def get_event_relationships_metric(self, call: Call) -> Response:
        return await self._read(call, self._relationship_metric)

    async def get_event_relationships_profile(self, call: Call) -> Response:
        return await self._read(call, self._relationship_profile)

    async def _read(self, call: Call, make_body: MakeBody) -> Response:
        """Check the query, then make the response in a thread. Raises RequestRefused."""
        query = self._query(call)
        authorize(call.key, query.scopes)
        frame = ReadFrame(base_url=call.base_url, path=call.request.path, revision=call.revision, query=query)
        body = await self._readers.run(lambda: make_body(call.account, frame, call.id))
        return call.response(body)

    def _query(self, call: Call) -> ReadQuery:
        return parse_read_query(
            call.query_string, call.operation, call.revision, self._directory.secret, self._clock.of(call.account).now()
        )

    def _events(self, account: int, frame: ReadFrame, _: str) -> bytes:
        query = frame.query
        found = self._surviving(account, self._found(account, query))
        sizes = None
        if "profile" in query.includes:
            sizes = self._directory.profiles.sizes(account, set(found.profiles))
        page = page_of(query, found, self._directory.secret, sizes)
        return events_document(frame, page, self._related(account, query, page.events))

    def _event(self, account: int, frame: ReadFrame, event_id: str) -> bytes:
        events = StoredEvents.of([self._find(account, event_id)])
        return event_document(frame, events, self._related(account, frame.query, events))

    def _event_metric(self, account: int, frame: ReadFrame, event_id: str) -> bytes:
        return metric_document(frame, self._metric_of(self._find(account, event_id)))

    def _event_profile(self, account: int, frame: ReadFrame, event_id: str) -> bytes:
        profile = self._profile_of(self._find(account, event_id))
        newest = self._last_event_times(account, [profile.number])
        analytics = None
        if ANALYTICS in frame.query.profile_fields:
            analytics = self._analytics.of_profiles(account, [profile.number]).get(profile.number)
        return profile_document(frame, profile, newest.get(profile.number), analytics)

    def _relationship_metric(self, account: int, frame: ReadFrame, event_id: str) -> bytes:
        return relationship_document(frame, "metric", self._metric_of(self._find(account, event_id)).id)

    def _relationship_profile(self, account: int, frame: ReadFrame, event_id: str) -> bytes:
        return relationship_document(frame, "profile", self._profile_of(self._find(account, event_id)).id)

    def _find(self, account: int, event_id: str) -> StoredEvent:
        """The account's event. Raises InvalidRequest for an invalid event id, NotFound for one that it lacks."""
        event = self._stored.event(account, *parse_event_id(event_id))
        if event is None:
            raise event_not_found(event_id)
        survivors = self._directory.profiles.survivors(account, {event.profile})
        return msgspec.structs.replace(event, profile=survivors.get(event.profile, event.profile))

    def _surviving(self, account: int, events: StoredEvents) -> StoredEvents:
        """The events, each with the surviving profile if its own was merged into another one."""
        survivors = self._directory.profiles.survivors(account, set(events.profiles))
        return events.with_profiles(survivors) if survivors else events

    def _last_event_times(self, account: int, profiles: Sequence[int]) -> dict[int, int]:
        """The time of the newest event of each profile, under whichever number it is stored."""
        numbers = {number: profile for profile in profiles for number in self._numbers_of(account, profile)}
        newest: dict[int, int] = {}
        for number, time in self._stored.last_event_times(account, list(numbers)).items():
            newest[numbers[number]] = max(time, newest.get(numbers[number], time))
        return newest

    def _numbers_of(self, account: int, profile: int) -> list[int]:
        return self._directory.profiles.numbers_of(account, profile)

    def _metric_of(self, event: StoredEvent) -> Metric:
        return self._directory.metrics.by_numbers(event.account, [event.metric])[event.metric]

    def _profile_of(self, event: StoredEvent) -> Profile:
        return self._directory.profiles.by_numbers(event.account, [event.profile])[event.profile]

    def _found(self, account: int, query: ReadQuery) -> StoredEvents:
        """The events of a page and one more. Raises InvalidRequest if the filter names a metric that does not exist."""
        selection = self._selections.of(
            account,
            query.bounds,
            count=query.find_count,
            descending=query.finds_descending,
            after=query.find_after,
        )
        if selection is None:
            return StoredEvents.of(())
        return self._stored.page(selection)

    def _related(self, account: int, query: ReadQuery, events: StoredEvents) -> Related:
        directory, numbers = self._directory, set(events.profiles)
        metrics = directory.metrics.by_numbers(account, set(events.metrics))
        touches = self._attributions.of_events(account, events) if query.shows_attributions else {}
        if "profile" not in query.includes:
            return Related(metrics=metrics, profile_ids=directory.profiles.ids(account, numbers), touches=touches)
        profiles = directory.profiles.by_numbers(account, numbers)
        with_dates = "last_event_date" in query.profile_fields
        return Related(
            metrics=metrics,
            profile_ids={number: profile.id for number, profile in profiles.items()},
            profiles=profiles,
            last_event_times=self._last_event_times(account, list(profiles)) if with_dates else {},
            touches=touches,
        )
