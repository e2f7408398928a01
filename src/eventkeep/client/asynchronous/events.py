"""``AsyncEvents``: the operations of the API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from eventkeep.client.call import Names, with_options_of
from eventkeep.client.calls import (
    bulk_create_events_call,
    create_event_call,
    get_event_call,
    get_event_metric_call,
    get_event_profile_call,
    get_event_relationships_metric_call,
    get_event_relationships_profile_call,
    get_events_call,
)
from eventkeep.client.results import (
    ApiResponse,
    Created,
    Event,
    EventPage,
    IncludedEvent,
    Metric,
    PartialEvent,
    PartialMetric,
    Profile,
    Reference,
)
from eventkeep.client.tables import arrow_table, pandas_frame, polars_frame
from eventkeep.protocol.creates.documents import BulkCreate, EventCreate
from eventkeep.protocol.filters import Filter

if TYPE_CHECKING:
    from eventkeep.client.asynchronous.client import AsyncClient


class Page(TypedDict, total=False):
    """Arguments that choose the events of a page."""

    fields_profile: Names
    filter: Filter | str | None
    metric: str | None
    page_cursor: str | None
    page_size: int | None
    sort: str | None


class Fields(TypedDict, total=False):
    """Arguments that choose the fields of an event."""

    fields_event: Names
    fields_metric: Names
    fields_profile: Names
    include: Names


class Query(Fields, Page, total=False):
    """All arguments of ``get_events``."""


class AsyncEvents:
    """The eight operations; each also as ``…_with_http_info``, which returns (data, status, headers).

    A list of names is a list, or text with commas. All raise ArgumentError before anything
    is sent, and ClientError.

    The type of an event depends on the arguments: IncludedEvent with ``include``, Event
    without it, and PartialEvent, all of whose values may be None, with ``fields_event`` or
    ``fields_metric``.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create_event(self, event_create_query_v2: EventCreate | Mapping[str, Any]) -> Created:
        """Create one event from a whole document, EventCreateQueryV2 in the API's terms.

        A ``unique_id`` and a ``time`` are added if they are missing. ``client.track`` is
        the short form.
        """
        return (await self.create_event_with_http_info(event_create_query_v2)).data

    async def create_event_with_http_info(
        self, event_create_query_v2: EventCreate | Mapping[str, Any]
    ) -> ApiResponse[Created]:
        """``create_event``, with status and headers."""
        return await self._client.perform(create_event_call(event_create_query_v2))

    async def bulk_create_events(self, events_bulk_create_job: BulkCreate | Mapping[str, Any]) -> Created:
        """Create up to 1,000 events from a whole document, EventsBulkCreateJob in the API's terms.

        A ``unique_id`` and a ``time`` are added to each event if they are missing.
        ``client.batch`` makes such documents by itself.
        """
        return (await self.bulk_create_events_with_http_info(events_bulk_create_job)).data

    async def bulk_create_events_with_http_info(
        self, events_bulk_create_job: BulkCreate | Mapping[str, Any]
    ) -> ApiResponse[Created]:
        """``bulk_create_events``, with status and headers."""
        return await self._client.perform(bulk_create_events_call(events_bulk_create_job))

    @overload
    async def get_events(
        self, *, include: Names, fields_event: None = None, fields_metric: None = None, **page: Unpack[Page]
    ) -> EventPage[IncludedEvent]: ...

    @overload
    async def get_events(
        self, *, fields_event: None = None, fields_metric: None = None, **page: Unpack[Page]
    ) -> EventPage[Event]: ...

    @overload
    async def get_events(self, **query: Unpack[Query]) -> EventPage[PartialEvent]: ...

    @with_options_of(get_events_call, "metric")
    async def get_events(self, **query: Any) -> EventPage[Any]:
        """Read one page of events.

        - ``fields_event``, ``fields_metric``, ``fields_profile``: sparse fieldsets, the
          names of the fields to read; by default all of them.
        - ``filter``: a Filter, or text in the filter language.
        - ``include``: ``metric`` and ``profile``; they are joined to the events.
        - ``metric``: only events of this metric, by its name or its id; the client finds the id.
        - ``page_cursor``: a cursor of another page, or a whole link.
        - ``page_size``: 1 to 1,000, in the revisions from 2026-01-15 on.
        - ``sort``: ``datetime``, ``-datetime``, ``timestamp`` or ``-timestamp``.

        ``iterate`` reads all pages.
        """
        return (await self.get_events_with_http_info(**query)).data

    @with_options_of(get_events_call, "metric")
    async def get_events_with_http_info(self, **query: Unpack[Query]) -> ApiResponse[EventPage[PartialEvent]]:
        """``get_events``, with status and headers."""
        chosen: dict[str, Any] = {**query}
        await self._choose_metric(chosen)
        return await self._client.perform(get_events_call(**chosen))

    @overload
    def iterate(
        self, *, include: Names, fields_event: None = None, fields_metric: None = None, **page: Unpack[Page]
    ) -> AsyncGenerator[IncludedEvent, None]: ...

    @overload
    def iterate(
        self, *, fields_event: None = None, fields_metric: None = None, **page: Unpack[Page]
    ) -> AsyncGenerator[Event, None]: ...

    @overload
    def iterate(self, **query: Unpack[Query]) -> AsyncGenerator[PartialEvent, None]: ...

    @with_options_of(get_events_call, "metric")
    async def iterate(self, **query: Any) -> AsyncGenerator[Any, None]:
        """Read all events, page after page; the arguments are those of ``get_events``.

        The next page is fetched when the events of the page before are used up.
        """
        # Once for all pages: a cursor belongs to one filter.
        await self._choose_metric(query)
        while True:
            page = await self.get_events(**query)
            for event in page:
                yield event
            if page.next_cursor is None:
                return
            query["page_cursor"] = page.next_cursor

    @with_options_of(get_events_call, "metric")
    async def to_arrow(self, **query: Unpack[Query]) -> Any:
        """Read all events into a ``pyarrow.Table``; the arguments are those of ``get_events``.

        ``include`` is ``metric`` and ``profile`` by default. Raises ConfigurationError if
        pyarrow is not installed.
        """
        query.setdefault("include", ["metric", "profile"])
        return arrow_table([event async for event in self.iterate(**query)])

    @with_options_of(get_events_call, "metric")
    async def to_pandas(self, **query: Unpack[Query]) -> Any:
        """Read all events into a ``pandas.DataFrame``; see ``to_arrow``."""
        return pandas_frame(await self.to_arrow(**query))

    @with_options_of(get_events_call, "metric")
    async def to_polars(self, **query: Unpack[Query]) -> Any:
        """Read all events into a ``polars.DataFrame``; see ``to_arrow``."""
        return polars_frame(await self.to_arrow(**query))

    @overload
    async def get_event(
        self,
        id: str,
        *,
        include: Names,
        fields_event: None = None,
        fields_metric: None = None,
        fields_profile: Names = None,
    ) -> IncludedEvent: ...

    @overload
    async def get_event(
        self, id: str, *, fields_event: None = None, fields_metric: None = None, fields_profile: Names = None
    ) -> Event: ...

    @overload
    async def get_event(self, id: str, **fields: Unpack[Fields]) -> PartialEvent: ...

    @with_options_of(get_event_call)
    async def get_event(self, id: str, **fields: Any) -> Any:
        """Read one event by its id; the arguments are those of ``get_events``."""
        return (await self.get_event_with_http_info(id, **fields)).data

    @with_options_of(get_event_call)
    async def get_event_with_http_info(self, id: str, **fields: Unpack[Fields]) -> ApiResponse[PartialEvent]:
        """``get_event``, with status and headers."""
        return await self._client.perform(get_event_call(id, **fields))

    @overload
    async def get_event_metric(self, id: str, *, fields_metric: None = None) -> Metric: ...

    @overload
    async def get_event_metric(self, id: str, *, fields_metric: Names) -> PartialMetric: ...

    async def get_event_metric(self, id: str, *, fields_metric: Names = None) -> PartialMetric:
        """Read the metric of an event."""
        return (await self.get_event_metric_with_http_info(id, fields_metric=fields_metric)).data

    async def get_event_metric_with_http_info(
        self, id: str, *, fields_metric: Names = None
    ) -> ApiResponse[PartialMetric]:
        """``get_event_metric``, with status and headers."""
        return await self._client.perform(get_event_metric_call(id, fields_metric=fields_metric))

    async def get_event_profile(
        self, id: str, *, additional_fields_profile: Names = None, fields_profile: Names = None
    ) -> Profile:
        """Read the profile of an event. Additional fields are ``subscriptions`` and ``predictive_analytics``."""
        return (
            await self.get_event_profile_with_http_info(
                id, additional_fields_profile=additional_fields_profile, fields_profile=fields_profile
            )
        ).data

    async def get_event_profile_with_http_info(
        self, id: str, *, additional_fields_profile: Names = None, fields_profile: Names = None
    ) -> ApiResponse[Profile]:
        """``get_event_profile``, with status and headers."""
        return await self._client.perform(
            get_event_profile_call(
                id, additional_fields_profile=additional_fields_profile, fields_profile=fields_profile
            )
        )

    async def get_event_relationships_metric(self, id: str) -> Reference:
        """Read the type and the id of an event's metric."""
        return (await self.get_event_relationships_metric_with_http_info(id)).data

    async def get_event_relationships_metric_with_http_info(self, id: str) -> ApiResponse[Reference]:
        """``get_event_relationships_metric``, with status and headers."""
        return await self._client.perform(get_event_relationships_metric_call(id))

    async def get_event_relationships_profile(self, id: str) -> Reference:
        """Read the type and the id of an event's profile."""
        return (await self.get_event_relationships_profile_with_http_info(id)).data

    async def get_event_relationships_profile_with_http_info(self, id: str) -> ApiResponse[Reference]:
        """``get_event_relationships_profile``, with status and headers."""
        return await self._client.perform(get_event_relationships_profile_call(id))

    async def _choose_metric(self, query: dict[str, Any]) -> None:
        """Replace the option ``metric`` by a condition of the filter."""
        metric = query.pop("metric", None)
        if metric is not None:
            query["filter"] = await self._client.metrics.chosen(metric, query.get("filter"))
