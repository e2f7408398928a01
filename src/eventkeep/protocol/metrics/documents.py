"""The body of a query for aggregates, as types.

Source: the OpenAPI documents, MetricAggregateQuery.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from eventkeep.limits import AGGREGATE_DIMENSIONS_MAX, AGGREGATE_FILTERS_MAX, AGGREGATE_ROWS_MAX
from eventkeep.model.interval import Interval
from eventkeep.protocol.creates.documents import Data, Document

Measurement = Literal["count", "sum_value", "unique"]

DIMENSIONS: Final = (
    "$attributed_channel",
    "$attributed_flow",
    "$attributed_message",
    "$attributed_variation",
    "$campaign_channel",
    "$flow",
    "$flow_channel",
    "$message",
    "$message_send_cohort",
    "$variation",
    "$variation_send_cohort",
    "Bounce Type",
    "Campaign Name",
    "Client Canonical",
    "Client Name",
    "Client Type",
    "Email Domain",
    "Failure Source",
    "Failure Type",
    "From Number",
    "From Phone Region",
    "List",
    "Message Name",
    "Message Type",
    "Method",
    "Subject",
    "To Number",
    "To Phone Region",
    "URL",
    "form_id",
)
"""The dimensions of the first revision."""
LATER_DIMENSIONS: Final = (
    ("Inbox Provider", "2024-06-15"),
    ("Bot Click", "2024-07-15"),
    ("$value_currency", "2025-01-15"),
    ("$usage_amount", "2025-07-15"),
    ("Segment Count", "2025-07-15"),
    ("Message Format", "2026-04-15"),
)
"""Those that came later, and since when."""


class AggregateAttributes(Document, kw_only=True):
    """``filter`` holds the time range and may choose values of dimensions."""

    metric_id: str
    measurements: Annotated[list[Measurement], Meta(min_length=1, max_length=3)]
    filter: Annotated[list[str], Meta(min_length=1, max_length=AGGREGATE_FILTERS_MAX)]
    interval: Interval | UnsetType | None = UNSET
    by: Annotated[list[str], Meta(max_length=AGGREGATE_DIMENSIONS_MAX)] | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    page_size: Annotated[int, Meta(ge=1, le=AGGREGATE_ROWS_MAX)] | UnsetType | None = UNSET
    page_cursor: str | UnsetType | None = UNSET
    sort: str | UnsetType | None = UNSET
    return_fields: list[str] | UnsetType | None = UNSET


class MetricAggregate(Document, kw_only=True):
    type: Literal["metric-aggregate"]
    attributes: AggregateAttributes


AggregateQueryBody = Data[MetricAggregate]
"""The body of POST /api/metric-aggregates/."""


def dimensions(date: str) -> tuple[str, ...]:
    """The dimensions that the revision of that date knows."""
    return (*DIMENSIONS, *(name for name, since in LATER_DIMENSIONS if since <= date))
