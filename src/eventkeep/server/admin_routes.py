"""Our own operations: metrics and profiles by the page, counts, and events in the order in which they are stored.

Counts and lists are read in threads of their own, so that the API's reads need not wait for them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from eventkeep.directory import KeyRecord
from eventkeep.errors import Fault, InvalidRequest, NotFound, Unavailable
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.limits import (
    ADMIN_READER_THREADS,
    ADMIN_READS_WAITING_MAX,
    ECHO_CHARACTERS_MAX,
    FEED_READERS_MAX,
    RETRY_AFTER_SECONDS,
    STATS_METRICS_MAX,
)
from eventkeep.model.event import StoredEvent
from eventkeep.model.event_count import EventCount, total
from eventkeep.model.metric import Metric
from eventkeep.model.profile import Profile
from eventkeep.protocol.admin.documents import (
    AdminFrame,
    Stats,
    metric_document,
    metrics_document,
    profile_document,
    profiles_document,
    stats_document,
    tail_document,
)
from eventkeep.protocol.admin.operations import EVENTS_SCOPE
from eventkeep.protocol.admin.queries import (
    CURSOR,
    MetricsQuery,
    ProfilesQuery,
    TailQuery,
    parse_metrics_query,
    parse_no_parameters,
    parse_profiles_query,
    parse_tail_query,
)
from eventkeep.protocol.reads.responses import Related
from eventkeep.server.admission import authorize
from eventkeep.server.feed import Feed
from eventkeep.server.services import Services

Result = TypeVar("Result")
OwnHandler = Callable[[Request, KeyRecord, AdminFrame, str], Awaitable[Response]]
"""Responds to one of our own operations; the last argument is the path's id, or "". Raises RequestRefused."""


class AdminRoutes:
    """Handlers of our own operations, after the checks of key, revision and the operation's own scopes."""

    def __init__(self, services: Services, feed: Feed) -> None:
        self._directory, self._stored = services.directory, services.events
        self._clock, self._feed = services.clock, feed
        self._counters = ThreadPoolExecutor(ADMIN_READER_THREADS, thread_name_prefix="count")
        self._followers = ThreadPoolExecutor(1, thread_name_prefix="follow")
        services.before_close(self._counters.shutdown)
        services.before_close(self._followers.shutdown)
        self._waiting = 0
        self._readers: Counter[int] = Counter()
        self.handlers: dict[str, OwnHandler] = {
            "list_metrics": self._list_metrics,
            "get_metric": self._get_metric,
            "list_profiles": self._list_profiles,
            "get_profile": self._get_profile,
            "get_stats": self._get_stats,
            "tail": self._tail,
        }

    async def _list_metrics(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        query = parse_metrics_query(query_string(request))
        return response_of(frame, await self._read(lambda: self._metrics(key, frame, query)))

    async def _get_metric(self, request: Request, key: KeyRecord, frame: AdminFrame, id: str) -> Response:
        parse_no_parameters(query_string(request))

        def read() -> bytes:
            metric = self._directory.metrics.find_id(key.account, id)
            if metric is None:
                raise not_found("Metric", id)
            return metric_document(frame, metric, self._counts(key, metric.number))

        return response_of(frame, await self._read(read))

    async def _list_profiles(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        query = parse_profiles_query(query_string(request))
        return response_of(frame, await self._read(lambda: self._profiles(key.account, frame, query)))

    async def _get_profile(self, request: Request, key: KeyRecord, frame: AdminFrame, id: str) -> Response:
        parse_no_parameters(query_string(request))

        def read() -> bytes:
            number = self._directory.profiles.find_id(key.account, id)
            if number is None:
                raise not_found("Profile", id)
            (profile,) = self._profiles_of(key.account, [number])
            return profile_document(frame, profile, self._stored.last_event_times(key.account, [number]))

        return response_of(frame, await self._read(read))

    async def _get_stats(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        parse_no_parameters(query_string(request))
        return response_of(frame, await self._read(lambda: stats_document(frame, self._stats(key.account))))

    async def _tail(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        query = parse_tail_query(query_string(request))
        authorize(key, query.scopes)
        account = key.account
        if self._readers[account] >= FEED_READERS_MAX:
            raise Unavailable(f"{FEED_READERS_MAX} readers of this account wait already.", RETRY_AFTER_SECONDS)
        self._readers[account] += 1
        try:
            return response_of(frame, await self._next_events(account, frame, query))
        finally:
            self._readers[account] -= 1
            if not self._readers[account]:
                del self._readers[account]

    async def _next_events(self, account: int, frame: AdminFrame, query: TailQuery) -> bytes:
        """The next events of a reader, as soon as there are some."""
        loop, position, now = asyncio.get_running_loop(), query.after, self._clock.monotonic
        deadline = now() + query.wait_seconds
        while True:
            found = await loop.run_in_executor(self._followers, self._feed.read, account, position, query.page_size)
            seconds_left = deadline - now()
            if found.events or found.has_skipped or position is None or seconds_left <= 0 or self._feed.is_closed:
                break
            position = found.position
            await self._feed.wait(position, seconds_left)
        related = await loop.run_in_executor(self._followers, self._related, account, query, found.events)
        return tail_document(frame, found.events, related, query, found.position, found.has_skipped)

    async def _read(self, read: Callable[[], Result]) -> Result:
        """Read the stores in a thread. Raises Unavailable if too many wait for one."""
        if self._waiting >= ADMIN_READS_WAITING_MAX:
            raise Unavailable(f"{self._waiting} requests wait already.", RETRY_AFTER_SECONDS)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._counters, read)
        finally:
            self._waiting -= 1

    def _metrics(self, key: KeyRecord, frame: AdminFrame, query: MetricsQuery) -> bytes:
        metrics, after = self._directory.metrics, 0
        if query.cursor is not None:
            last = metrics.find_id(key.account, query.cursor)
            if last is None:
                raise no_cursor(query.cursor)
            after = last.number
        found = metrics.list(key.account, after, query.page_size + 1, query.name)
        page = found[: query.page_size]
        only = page[0].number if len(page) == 1 else None
        counts = self._counts(key, only) if page else {}
        return metrics_document(frame, query, page, counts, has_next=len(found) > len(page))

    def _counts(self, key: KeyRecord, metric: int | None) -> dict[int, EventCount] | None:
        """The events of each metric, or of one; None if the key may not see numbers of events."""
        return self._stored.counts(key.account, metric) if key.allows(EVENTS_SCOPE) else None

    def _profiles(self, account: int, frame: AdminFrame, query: ProfilesQuery) -> bytes:
        profiles = self._directory.profiles
        if query.identifier is not None:
            number = profiles.find_identifier(account, *query.identifier)
            found = [] if number is None else self._profiles_of(account, [number])
        else:
            after = None if query.cursor is None else profiles.find_id(account, query.cursor)
            if query.cursor is not None and after is None:
                raise no_cursor(query.cursor)
            found = profiles.list(account, after, query.page_size + 1, descending=query.descending)
        page = found[: query.page_size]
        times = self._stored.last_event_times(account, [profile.number for profile in page]) if page else {}
        return profiles_document(frame, query, page, times, has_next=len(found) > len(page))

    def _profiles_of(self, account: int, numbers: Sequence[int]) -> list[Profile]:
        return list(self._directory.profiles.by_numbers(account, numbers).values())

    def _stats(self, account: int) -> Stats:
        counts = self._stored.counts(account)
        most = sorted(counts.items(), key=lambda each: each[1].events, reverse=True)[:STATS_METRICS_MAX]
        metrics: dict[int, Metric] = self._directory.metrics.by_numbers(account, [number for number, _ in most])
        all_events = total(counts.values())
        return Stats(
            total=all_events,
            profiles=self._directory.profiles.count(account),
            metrics=self._directory.metrics.count(account),
            event_bytes=self._stored.disk_bytes * all_events.events // max(self._stored.count(), 1),
            by_metric=[(metrics[number], count) for number, count in most],
        )

    def _related(self, account: int, query: TailQuery, events: Sequence[StoredEvent]) -> Related:
        metrics = self._directory.metrics.by_numbers(account, {event.metric for event in events})
        profiles = self._directory.profiles.by_numbers(account, {event.profile for event in events})
        with_times = bool(events) and "profile" in query.includes
        return Related(
            metrics=metrics,
            profile_ids={number: profile.id for number, profile in profiles.items()},
            profiles=profiles,
            last_event_times=self._stored.last_event_times(account, list(profiles)) if with_times else {},
        )


def response_of(frame: AdminFrame, body: bytes) -> Response:
    return Response(200, {"Content-Type": frame.revision.media_type}, body)


def query_string(request: Request) -> bytes:
    return request.query_string.encode("utf-8", "surrogateescape")


def not_found(kind: str, id: str) -> NotFound:
    """The error for an id that no metric, or no profile, of the account has."""
    return NotFound(f"{kind} with id {id[:ECHO_CHARACTERS_MAX]} does not exist.")


def no_cursor(cursor: str) -> InvalidRequest:
    """The error for a cursor that is no resource of the account."""
    return InvalidRequest([Fault(f"Invalid page cursor value {cursor!r}.", parameter=CURSOR)])
