"""``AsyncEvents``: the operations of the API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from eventkeep.client.calls import (
    Names,
    bulk_create_events_call,
    create_event_call,
    get_event_call,
    get_event_metric_call,
    get_event_profile_call,
    get_event_relationships_metric_call,
    get_event_relationships_profile_call,
    get_events_call,
)
from eventkeep.client.results import Answer, Created, Event, EventPage, Metric, Profile, Reference
from eventkeep.protocol.creates.documents import BulkCreate, EventCreate
from eventkeep.protocol.filters import Filter

if TYPE_CHECKING:
    from eventkeep.client.asynchronous.client import AsyncClient


class AsyncEvents:
    """The eight operations; each also as ``…_with_http_info``, which gives (data, status, headers).

    Lists of names are lists, or text with commas. All raise ArgumentError before anything
    is sent, and ClientError.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create_event(self, event_create_query_v2: EventCreate | Mapping[str, Any]) -> Created:
        """Create one event from a whole document, EventCreateQueryV2 in the API's terms.

        Without a ``unique_id`` or a ``time`` it is given one. ``client.track`` is the short form.
        """
        return (await self.create_event_with_http_info(event_create_query_v2)).data

    async def create_event_with_http_info(
        self, event_create_query_v2: EventCreate | Mapping[str, Any]
    ) -> Answer[Created]:
        """``create_event``, with status and headers."""
        return await self._client.perform(create_event_call(event_create_query_v2))

    async def bulk_create_events(self, events_bulk_create_job: BulkCreate | Mapping[str, Any]) -> Created:
        """Create up to 1,000 events from a whole document, EventsBulkCreateJob in the API's terms.

        Events without a ``unique_id`` or a ``time`` are given one. ``client.batch`` makes
        such documents by itself.
        """
        return (await self.bulk_create_events_with_http_info(events_bulk_create_job)).data

    async def bulk_create_events_with_http_info(
        self, events_bulk_create_job: BulkCreate | Mapping[str, Any]
    ) -> Answer[Created]:
        """``bulk_create_events``, with status and headers."""
        return await self._client.perform(bulk_create_events_call(events_bulk_create_job))

    async def get_events(
        self,
        *,
        fields_event: Names = None,
        fields_metric: Names = None,
        fields_profile: Names = None,
        filter: Filter | str | None = None,
        include: Names = None,
        page_cursor: str | None = None,
        page_size: int | None = None,
        sort: str | None = None,
    ) -> EventPage:
        """One page of events.

        - ``fields_event``, ``fields_metric``, ``fields_profile``: sparse fieldsets, the
          names of what to read; all of it by default.
        - ``filter``: a Filter, or text in the filter language.
        - ``include``: ``metric`` and ``profile``; what they hold is joined to the events.
        - ``page_cursor``: a cursor of another page, or a whole link.
        - ``page_size``: 1 to 1,000, in the revisions from 2026-01-15 on.
        - ``sort``: ``datetime``, ``-datetime``, ``timestamp`` or ``-timestamp``.

        ``iterate`` walks all pages.
        """
        return (
            await self.get_events_with_http_info(
                fields_event=fields_event,
                fields_metric=fields_metric,
                fields_profile=fields_profile,
                filter=filter,
                include=include,
                page_cursor=page_cursor,
                page_size=page_size,
                sort=sort,
            )
        ).data

    async def get_events_with_http_info(
        self,
        *,
        fields_event: Names = None,
        fields_metric: Names = None,
        fields_profile: Names = None,
        filter: Filter | str | None = None,
        include: Names = None,
        page_cursor: str | None = None,
        page_size: int | None = None,
        sort: str | None = None,
    ) -> Answer[EventPage]:
        """``get_events``, with status and headers."""
        return await self._client.perform(
            get_events_call(
                fields_event=fields_event,
                fields_metric=fields_metric,
                fields_profile=fields_profile,
                filter=filter,
                include=include,
                page_cursor=page_cursor,
                page_size=page_size,
                sort=sort,
            )
        )

    async def iterate(
        self,
        *,
        fields_event: Names = None,
        fields_metric: Names = None,
        fields_profile: Names = None,
        filter: Filter | str | None = None,
        include: Names = None,
        page_cursor: str | None = None,
        page_size: int | None = None,
        sort: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """All events, page after page; the arguments are those of ``get_events``.

        The next page is fetched when the events of the one before are used up.
        """
        cursor = page_cursor
        while True:
            page = await self.get_events(
                fields_event=fields_event,
                fields_metric=fields_metric,
                fields_profile=fields_profile,
                filter=filter,
                include=include,
                page_cursor=cursor,
                page_size=page_size,
                sort=sort,
            )
            for event in page:
                yield event
            cursor = page.next_cursor
            if cursor is None:
                return

    async def get_event(
        self,
        id: str,
        *,
        fields_event: Names = None,
        fields_metric: Names = None,
        fields_profile: Names = None,
        include: Names = None,
    ) -> Event:
        """One event by its id."""
        return (
            await self.get_event_with_http_info(
                id,
                fields_event=fields_event,
                fields_metric=fields_metric,
                fields_profile=fields_profile,
                include=include,
            )
        ).data

    async def get_event_with_http_info(
        self,
        id: str,
        *,
        fields_event: Names = None,
        fields_metric: Names = None,
        fields_profile: Names = None,
        include: Names = None,
    ) -> Answer[Event]:
        """``get_event``, with status and headers."""
        return await self._client.perform(
            get_event_call(
                id,
                fields_event=fields_event,
                fields_metric=fields_metric,
                fields_profile=fields_profile,
                include=include,
            )
        )

    async def get_event_metric(self, id: str, *, fields_metric: Names = None) -> Metric:
        """The metric of an event."""
        return (await self.get_event_metric_with_http_info(id, fields_metric=fields_metric)).data

    async def get_event_metric_with_http_info(self, id: str, *, fields_metric: Names = None) -> Answer[Metric]:
        """``get_event_metric``, with status and headers."""
        return await self._client.perform(get_event_metric_call(id, fields_metric=fields_metric))

    async def get_event_profile(
        self, id: str, *, additional_fields_profile: Names = None, fields_profile: Names = None
    ) -> Profile:
        """The profile of an event. Additional fields are ``subscriptions`` and ``predictive_analytics``."""
        return (
            await self.get_event_profile_with_http_info(
                id, additional_fields_profile=additional_fields_profile, fields_profile=fields_profile
            )
        ).data

    async def get_event_profile_with_http_info(
        self, id: str, *, additional_fields_profile: Names = None, fields_profile: Names = None
    ) -> Answer[Profile]:
        """``get_event_profile``, with status and headers."""
        return await self._client.perform(
            get_event_profile_call(
                id, additional_fields_profile=additional_fields_profile, fields_profile=fields_profile
            )
        )

    async def get_event_relationships_metric(self, id: str) -> Reference:
        """The type and the id of an event's metric."""
        return (await self.get_event_relationships_metric_with_http_info(id)).data

    async def get_event_relationships_metric_with_http_info(self, id: str) -> Answer[Reference]:
        """``get_event_relationships_metric``, with status and headers."""
        return await self._client.perform(get_event_relationships_metric_call(id))

    async def get_event_relationships_profile(self, id: str) -> Reference:
        """The type and the id of an event's profile."""
        return (await self.get_event_relationships_profile_with_http_info(id)).data

    async def get_event_relationships_profile_with_http_info(self, id: str) -> Answer[Reference]:
        """``get_event_relationships_profile``, with status and headers."""
        return await self._client.perform(get_event_relationships_profile_call(id))
