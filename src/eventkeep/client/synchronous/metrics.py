# Made by tools/async_to_sync.py from asynchronous/metrics.py: change that one.
"""``Metrics``: the operations on metrics, and metrics by their names."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from eventkeep.client.call import Names, body_call, parameters_of, read_call, with_options
from eventkeep.client.errors import ArgumentError
from eventkeep.client.metric_results import (
    MetricAggregates,
    MetricProperty,
    read_aggregates,
    read_metric_property,
    read_property_resource,
    read_reference_resource,
)
from eventkeep.client.pages import Page, page_reader
from eventkeep.client.results import (
    ApiResponse,
    Metric,
    PartialMetric,
    Reference,
    read_metric,
    read_metric_resource,
    read_reference,
)
from eventkeep.limits import METRIC_NAMES_SECONDS_MAX
from eventkeep.protocol.filters import Filter

if TYPE_CHECKING:
    from eventkeep.client.synchronous.client import Client

OF_METRIC = "a metric"
OF_PROPERTY = "a metric property"


class MetricsPage(TypedDict, total=False):
    """Arguments that choose the metrics of a page."""

    filter: Filter | str | None
    page_cursor: str | None


class MetricsQuery(MetricsPage, total=False):
    """All arguments of ``get_metrics``."""

    fields_metric: Names


class PropertyFields(TypedDict, total=False):
    """Arguments that choose the fields of a metric property."""

    additional_fields_metric_property: Names
    fields_metric_property: Names


class PropertyQuery(PropertyFields, total=False):
    """All arguments of ``get_metric_property``."""

    fields_metric: Names
    include: Names


class Metrics:
    """The operations on metrics; each also as ``…_with_http_info``, which returns (data, status, headers).

    Properties of metrics exist in the revisions from 2024-10-15 on. All raise ArgumentError
    before anything is sent, and ClientError.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, tuple[float, list[Metric]]] = {}

    @overload
    def get_metrics(self, *, fields_metric: None = None, **page: Unpack[MetricsPage]) -> Page[Metric]: ...

    @overload
    def get_metrics(self, **query: Unpack[MetricsQuery]) -> Page[PartialMetric]: ...

    @with_options(MetricsQuery)
    def get_metrics(self, **query: Any) -> Page[Any]:
        """Read one page of metrics, the oldest first.

        - ``fields_metric``: a sparse fieldset, the names of the fields to read; by default all of them.
        - ``filter``: a Filter, or text in the filter language, on ``integration.name`` or ``integration.category``.
        - ``page_cursor``: a cursor of another page, or a whole link.

        ``iterate`` reads all pages, and ``named`` finds metrics by their name.
        """
        return (self.get_metrics_with_http_info(**query)).data

    @with_options(MetricsQuery)
    def get_metrics_with_http_info(self, **query: Unpack[MetricsQuery]) -> ApiResponse[Page[PartialMetric]]:
        """``get_metrics``, with status and headers."""
        parameters = parameters_of("get_metrics", query)
        return self._client.perform(read_call("get_metrics", None, parameters, page_reader(read_metric_resource)))

    @overload
    def iterate(self, *, fields_metric: None = None, **page: Unpack[MetricsPage]) -> Iterator[Metric]: ...

    @overload
    def iterate(self, **query: Unpack[MetricsQuery]) -> Iterator[PartialMetric]: ...

    @with_options(MetricsQuery)
    def iterate(self, **query: Any) -> Iterator[Any]:
        """Read all metrics, page after page; the arguments are those of ``get_metrics``."""
        while True:
            page = self.get_metrics(**query)
            yield from page
            if page.next_cursor is None:
                return
            query["page_cursor"] = page.next_cursor

    def named(self, metric: str) -> list[Metric]:
        """Return the metrics of that name, one for each integration that has one, or else the metric of that id.

        They are remembered for METRIC_NAMES_SECONDS_MAX. Raises ArgumentError if there is none.
        """
        known_at, found = self._known.get(metric, (0.0, []))
        if not found or monotonic() - known_at > METRIC_NAMES_SECONDS_MAX:
            everything = [each for each in self.iterate()]
            found = [each for each in everything if each.name == metric] or [
                each for each in everything if each.id == metric
            ]
            if not found:
                raise ArgumentError(f"metric: expected the name or the id of a metric, got {metric!r}; there is none")
            self._known[metric] = (monotonic(), found)
        return found

    def chosen(self, metric: str, filter: Filter | str | None = None) -> str:
        """Return a filter for events of a metric, by its name or its id, which are also in ``filter`` if given.

        Several metrics of one name are chosen together in the revisions from 2026-04-15 on;
        in earlier ones, ArgumentError names their ids.
        """
        ids = [each.id for each in self.named(metric)]
        if len(ids) > 1 and self._client.settings.revision.filters["metric_id"]["equals"] == "text":
            raise ArgumentError(
                f"metric: there are {len(ids)} metrics called {metric!r}, and the revision "
                f"{self._client.settings.revision.date} can choose one only: give its id, one of {', '.join(ids)}"
            )
        own = Filter.equals("metric_id", ids[0] if len(ids) == 1 else tuple(ids))
        return str(own) if filter is None else f"{filter},{own}"

    @overload
    def get_metric(self, id: str, *, fields_metric: None = None) -> Metric: ...

    @overload
    def get_metric(self, id: str, *, fields_metric: Names) -> PartialMetric: ...

    def get_metric(self, id: str, *, fields_metric: Names = None) -> PartialMetric:
        """Read one metric by its id."""
        return (self.get_metric_with_http_info(id, fields_metric=fields_metric)).data

    def get_metric_with_http_info(self, id: str, *, fields_metric: Names = None) -> ApiResponse[PartialMetric]:
        """``get_metric``, with status and headers."""
        parameters = parameters_of("get_metric", {"fields_metric": fields_metric})
        return self._client.perform(read_call("get_metric", id, parameters, read_metric, of=OF_METRIC))

    @with_options(PropertyFields)
    def get_properties_for_metric(self, id: str, **fields: Unpack[PropertyFields]) -> Page[MetricProperty]:
        """Read the properties that the newest events of a metric have. An additional field is ``sample_values``."""
        return (self.get_properties_for_metric_with_http_info(id, **fields)).data

    @with_options(PropertyFields)
    def get_properties_for_metric_with_http_info(
        self, id: str, **fields: Unpack[PropertyFields]
    ) -> ApiResponse[Page[MetricProperty]]:
        """``get_properties_for_metric``, with status and headers."""
        name = "get_properties_for_metric"
        read = page_reader(read_property_resource)
        return self._client.perform(read_call(name, id, parameters_of(name, fields), read, of=OF_METRIC))

    def get_property_ids_for_metric(self, id: str) -> Page[Reference]:
        """Read the ids of the properties that the newest events of a metric have."""
        return (self.get_property_ids_for_metric_with_http_info(id)).data

    def get_property_ids_for_metric_with_http_info(self, id: str) -> ApiResponse[Page[Reference]]:
        """``get_property_ids_for_metric``, with status and headers."""
        read = page_reader(read_reference_resource)
        return self._client.perform(read_call("get_property_ids_for_metric", id, {}, read, of=OF_METRIC))

    @with_options(PropertyQuery)
    def get_metric_property(self, id: str, **query: Unpack[PropertyQuery]) -> MetricProperty:
        """Read one property; ``include`` is ``metric``."""
        return (self.get_metric_property_with_http_info(id, **query)).data

    @with_options(PropertyQuery)
    def get_metric_property_with_http_info(
        self, id: str, **query: Unpack[PropertyQuery]
    ) -> ApiResponse[MetricProperty]:
        """``get_metric_property``, with status and headers."""
        parameters = parameters_of("get_metric_property", query)
        call = read_call("get_metric_property", id, parameters, read_metric_property, of=OF_PROPERTY)
        return self._client.perform(call)

    def get_metric_for_metric_property(self, id: str, *, fields_metric: Names = None) -> PartialMetric:
        """Read the metric of a property."""
        return (self.get_metric_for_metric_property_with_http_info(id, fields_metric=fields_metric)).data

    def get_metric_for_metric_property_with_http_info(
        self, id: str, *, fields_metric: Names = None
    ) -> ApiResponse[PartialMetric]:
        """``get_metric_for_metric_property``, with status and headers."""
        name = "get_metric_for_metric_property"
        parameters = parameters_of(name, {"fields_metric": fields_metric})
        return self._client.perform(read_call(name, id, parameters, read_metric, of=OF_PROPERTY))

    def get_metric_id_for_metric_property(self, id: str) -> Reference:
        """Read the id of a property's metric."""
        return (self.get_metric_id_for_metric_property_with_http_info(id)).data

    def get_metric_id_for_metric_property_with_http_info(self, id: str) -> ApiResponse[Reference]:
        """``get_metric_id_for_metric_property``, with status and headers."""
        call = read_call("get_metric_id_for_metric_property", id, {}, read_reference, of=OF_PROPERTY)
        return self._client.perform(call)

    def query_metric_aggregates(
        self, metric_aggregate_query: Mapping[str, Any], *, fields_metric_aggregate: Names = None
    ) -> MetricAggregates:
        """Ask for aggregates with a whole document, MetricAggregateQuery in the API's terms.

        ``aggregate`` is the short form.
        """
        return (
            self.query_metric_aggregates_with_http_info(
                metric_aggregate_query, fields_metric_aggregate=fields_metric_aggregate
            )
        ).data

    def query_metric_aggregates_with_http_info(
        self, metric_aggregate_query: Mapping[str, Any], *, fields_metric_aggregate: Names = None
    ) -> ApiResponse[MetricAggregates]:
        """``query_metric_aggregates``, with status and headers."""
        call = body_call(
            "query_metric_aggregates",
            metric_aggregate_query,
            {"fields_metric_aggregate": fields_metric_aggregate},
            read_aggregates,
            argument="metric_aggregate_query",
        )
        return self._client.perform(call)

    def aggregate(
        self,
        metric: str,
        since: datetime.datetime,
        until: datetime.datetime,
        *,
        measurements: Sequence[str] = ("count",),
        interval: str = "day",
        by: Sequence[str] = (),
        timezone: str = "UTC",
    ) -> MetricAggregates:
        """Count the events of a metric over time, and sum their values.

        - ``metric``: its name or its id.
        - ``since``, ``until``: the events at or after the one and before the other, at most a year apart.
        - ``measurements``: ``count``, ``sum_value`` and ``unique``, the number of profiles.
        - ``interval``: ``hour``, ``day``, ``week`` or ``month``, in the time zone ``timezone``.
        - ``by``: dimensions, such as ``$value_currency``; each combination of their values is a row.

        Raises ArgumentError if there are several metrics of that name.
        """
        found = self.named(metric)
        if len(found) > 1:
            ids = ", ".join(each.id for each in found)
            raise ArgumentError(f"metric: there are {len(found)} metrics called {metric!r}: give the id, one of {ids}")
        period = Filter.greater_or_equal("datetime", since), Filter.less_than("datetime", until)
        attributes = {
            "metric_id": found[0].id,
            "measurements": list(measurements),
            "filter": [str(each) for each in period],
            "interval": interval,
            "by": list(by),
            "timezone": timezone,
        }
        return self.query_metric_aggregates({"data": {"type": "metric-aggregate", "attributes": attributes}})
