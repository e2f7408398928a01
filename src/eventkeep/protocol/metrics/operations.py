"""The operations on metrics.

Source: the metrics, metric-properties and metric-aggregates paths of the OpenAPI documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from eventkeep.protocol.operation import XS, Dated, M, Operation, S
from eventkeep.protocol.parameters import (
    CursorParameter,
    FilterParameter,
    ListParameter,
    fields,
    since,
)

if TYPE_CHECKING:
    from eventkeep.protocol.revisions import Revision

TAG: Final = "Metrics"
PROPERTIES_SINCE: Final = "2024-10-15"
PROPERTY_FIELDS: Final = ("label", "property", "inferred_type", "sample_values")
PLAIN_PROPERTY_FIELDS: Final = PROPERTY_FIELDS[:-1]
AGGREGATE_FIELDS: Final = ("data", "dates", "id")
"""``fields[metric-aggregate]``."""
_FLOW_FIELDS: Final = ("name", "status", "archived", "created", "updated", "trigger_type")


def _flow_fields(revision: Revision) -> Sequence[str]:
    return with_id(revision, *_FLOW_FIELDS) if revision.date >= PROPERTIES_SINCE else ()


def _property_fields(revision: Revision) -> Sequence[str]:
    return with_id(revision, *PROPERTY_FIELDS)


def with_id(revision: Revision, *names: str) -> Sequence[str]:
    """The names, and ``id`` from 2026-04-15 on."""
    return (*names, "id") if revision.date >= "2026-04-15" else names


_FLOWS: Final = (fields("flow", _flow_fields), ListParameter("include", since(PROPERTIES_SINCE, "flow-triggers")))
_PROPERTIES: Final = (
    ListParameter("additional-fields[metric-property]", since(PROPERTIES_SINCE, "sample_values")),
    fields("metric-property", _property_fields),
)

OPERATIONS: Final = (
    Operation(
        name="get_metrics",
        method="GET",
        path="/api/metrics/",
        tag=TAG,
        description="Metrics of the account, the oldest first, page by page.",
        scopes=("metrics:read",),
        limit=M,
        parameters=(
            fields("metric"),
            *_FLOWS,
            FilterParameter(
                lambda _: {"integration.name": {"equals": "text"}, "integration.category": {"equals": "text"}}
            ),
            CursorParameter(),
        ),
    ),
    Operation(
        name="get_metric",
        method="GET",
        path="/api/metrics/{id}/",
        tag=TAG,
        description="One metric.",
        scopes=("metrics:read",),
        limit=M,
        parameters=(fields("metric"), *_FLOWS),
    ),
    Operation(
        name="get_flows_triggered_by_metric",
        method="GET",
        path="/api/metrics/{id}/flow-triggers/",
        tag=TAG,
        description="The flows that a metric triggers; eventkeep has none.",
        scopes=("flows:read", "metrics:read"),
        limit=M,
        since=PROPERTIES_SINCE,
        parameters=(fields("flow", _flow_fields),),
    ),
    Operation(
        name="get_ids_for_flows_triggered_by_metric",
        method="GET",
        path="/api/metrics/{id}/relationships/flow-triggers/",
        tag=TAG,
        description="The ids of the flows that a metric triggers; eventkeep has none.",
        scopes=("flows:read", "metrics:read"),
        limit=M,
        since=PROPERTIES_SINCE,
    ),
    Operation(
        name="get_properties_for_metric",
        method="GET",
        path="/api/metrics/{id}/metric-properties/",
        tag=TAG,
        description="The properties that the newest events of a metric have.",
        scopes=("metrics:read",),
        limit=XS,
        since=PROPERTIES_SINCE,
        parameters=_PROPERTIES,
    ),
    Operation(
        name="get_property_ids_for_metric",
        method="GET",
        path="/api/metrics/{id}/relationships/metric-properties/",
        tag=TAG,
        description="The ids of the properties that the newest events of a metric have.",
        scopes=("metrics:read",),
        limit=XS,
        since=PROPERTIES_SINCE,
    ),
    Operation(
        name="get_metric_property",
        method="GET",
        path="/api/metric-properties/{id}/",
        tag=TAG,
        description="A property of a metric's events.",
        scopes=("metrics:read",),
        limit=XS,
        since=PROPERTIES_SINCE,
        parameters=(*_PROPERTIES, fields("metric"), ListParameter("include", since(PROPERTIES_SINCE, "metric"))),
    ),
    Operation(
        name="get_metric_for_metric_property",
        method="GET",
        path="/api/metric-properties/{id}/metric/",
        tag=TAG,
        description="The metric of a property.",
        scopes=("metrics:read",),
        limit=XS,
        since=PROPERTIES_SINCE,
        parameters=(fields("metric"),),
    ),
    Operation(
        name="get_metric_id_for_metric_property",
        method="GET",
        path="/api/metric-properties/{id}/relationships/metric/",
        tag=TAG,
        description="The id of a property's metric.",
        scopes=("metrics:read",),
        limit=XS,
        since=PROPERTIES_SINCE,
    ),
    Operation(
        name="query_metric_aggregates",
        method="POST",
        path="/api/metric-aggregates/",
        tag=TAG,
        description="Counts, sums of values and numbers of profiles of a metric's events, by time and by dimension.",
        scopes=("metrics:read",),
        limit=S,
        statuses=Dated((201,), (("2023-10-15", (200,)),)),
        parameters=(fields("metric-aggregate", since("2026-04-15", *AGGREGATE_FIELDS)),),
    ),
)
