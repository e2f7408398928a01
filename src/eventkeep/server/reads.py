"""The six read operations: from a query to events, to what they point to, to an answer.

The stores are read in threads, at most READER_THREADS at once, so that a slow read
keeps neither the loop nor the commits waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from eventkeep.errors import InvalidRequest, Unavailable
from eventkeep.eventlog.selection import EventSelection
from eventkeep.limits import READER_THREADS, READS_WAITING_MAX, RETRY_AFTER_SECONDS
from eventkeep.model.event import StoredEvent
from eventkeep.model.metric import Metric
from eventkeep.model.profile import Profile
from eventkeep.protocol.reads.event_ids import event_not_found, parse_event_id
from eventkeep.protocol.reads.pages import page_of
from eventkeep.protocol.reads.query import ReadQuery, parse_query
from eventkeep.protocol.reads.responses import (
    Frame,
    Related,
    event_document,
    events_document,
    metric_document,
    profile_document,
    relationship_document,
)
from eventkeep.server.authorization import authorize
from eventkeep.server.call import Call
from eventkeep.server.http import Response
from eventkeep.server.services import Services

Answer = Callable[[int, Frame, str], bytes]
"""Makes the body of an answer from the account, the frame and the event id in the path."""


class Reads:
    """Handlers of the read operations."""

    def __init__(self, services: Services) -> None:
        self._directory, self._log = services.directory, services.log
        self._threads = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="read")
        services.before_close(self._threads.shutdown)
        self._waiting = 0

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

    def included_scopes(self, call: Call) -> tuple[str, ...]:
        """The scopes that the call's ``include`` needs, as far as its query can be understood."""
        with suppress(InvalidRequest):
            return self._query(call).scopes
        return ()

    async def _read(self, call: Call, answer: Answer) -> Response:
        """Check the query, then answer it in a thread. Raises RequestRefused."""
        query = self._query(call)
        authorize(call.key, query.scopes)
        frame = Frame(base_url=call.base_url, path=call.request.path, revision=call.revision, query=query)
        if self._waiting >= READS_WAITING_MAX:
            raise Unavailable(f"{self._waiting} reads wait already.", RETRY_AFTER_SECONDS)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            body = await loop.run_in_executor(self._threads, answer, call.key.account, frame, call.event_id)
        finally:
            self._waiting -= 1
        return Response(200, {"Content-Type": call.revision.media_type}, body)

    def _query(self, call: Call) -> ReadQuery:
        query_string = call.request.query_string.encode("utf-8", "surrogateescape")
        return parse_query(query_string, call.operation, call.revision, self._directory.secret)

    def _events(self, account: int, frame: Frame, _: str) -> bytes:
        query = frame.query
        selection = self._selection(account, query)
        found = [] if selection is None else self._log.page(selection)
        sizes = None
        if "profile" in query.includes:
            sizes = self._directory.profiles.sizes(account, {event.profile for event in found})
        page = page_of(query, found, self._directory.secret, sizes)
        return events_document(frame, page, self._related(account, query, page.events))

    def _event(self, account: int, frame: Frame, event_id: str) -> bytes:
        event = self._find(account, event_id)
        return event_document(frame, event, self._related(account, frame.query, [event]))

    def _event_metric(self, account: int, frame: Frame, event_id: str) -> bytes:
        return metric_document(frame, self._metric_of(self._find(account, event_id)))

    def _event_profile(self, account: int, frame: Frame, event_id: str) -> bytes:
        profile = self._profile_of(self._find(account, event_id))
        newest = self._log.last_event_times(account, [profile.number])
        return profile_document(frame, profile, newest.get(profile.number))

    def _relationship_metric(self, account: int, frame: Frame, event_id: str) -> bytes:
        return relationship_document(frame, "metric", self._metric_of(self._find(account, event_id)).id)

    def _relationship_profile(self, account: int, frame: Frame, event_id: str) -> bytes:
        return relationship_document(frame, "profile", self._profile_of(self._find(account, event_id)).id)

    def _find(self, account: int, event_id: str) -> StoredEvent:
        """The account's event. Raises InvalidRequest for what is no event id, NotFound for one that it lacks."""
        event = self._log.event(account, *parse_event_id(event_id))
        if event is None:
            raise event_not_found(event_id)
        return event

    def _metric_of(self, event: StoredEvent) -> Metric:
        return self._directory.metrics.by_numbers(event.account, [event.metric])[event.metric]

    def _profile_of(self, event: StoredEvent) -> Profile:
        return self._directory.profiles.by_numbers(event.account, [event.profile])[event.profile]

    def _selection(self, account: int, query: ReadQuery) -> EventSelection | None:
        """What the log is asked for; None where no event can be meant."""
        bounds = query.bounds
        metric = profile = None
        if bounds.is_empty:
            return None
        if bounds.metric_id is not None:
            found = self._directory.metrics.find_id(account, bounds.metric_id)
            if found is None:
                return None
            metric = found.number
        if bounds.profile_id is not None:
            profile = self._directory.profiles.find_id(account, bounds.profile_id)
            if profile is None:
                return None
        return EventSelection(
            account=account,
            count=query.find_count,
            descending=query.finds_descending,
            time_min=bounds.time_min,
            time_max=bounds.time_max,
            metric=metric,
            profile=profile,
            after=query.find_after,
        )

    def _related(self, account: int, query: ReadQuery, events: Sequence[StoredEvent]) -> Related:
        directory, numbers = self._directory, {event.profile for event in events}
        metrics = directory.metrics.by_numbers(account, {event.metric for event in events})
        if "profile" not in query.includes:
            return Related(metrics=metrics, profile_ids=directory.profiles.ids(account, numbers))
        profiles = directory.profiles.by_numbers(account, numbers)
        with_dates = "last_event_date" in query.profile_fields
        return Related(
            metrics=metrics,
            profile_ids={number: profile.id for number, profile in profiles.items()},
            profiles=profiles,
            last_event_times=self._log.last_event_times(account, list(profiles)) if with_dates else {},
        )
