"""The results of the operations on metrics that are no metrics: properties, and aggregates."""

from __future__ import annotations

import datetime
from typing import Any

import httpx
import msgspec
from msgspec import Raw

from eventkeep.client.json_api import ResourceObject, read_document, single_resource, values_of
from eventkeep.client.results import PartialMetric, Reference, Resource, read_metric_resource


class MetricProperty(Resource, frozen=True, kw_only=True):
    """A property that the events of a metric have.

    ``sample_values`` is None unless it was asked for by ``additional_fields_metric_property``.
    ``metric`` has at least its id.
    """

    label: str | None = None
    property: str | None = None
    inferred_type: str | None = None
    sample_values: list[Any] | None = None
    metric: PartialMetric | None = None

    def _shown(self) -> list[tuple[str, object]]:
        return [("id", self.id), ("property", self.property), ("inferred_type", self.inferred_type)]


class AggregateRow(msgspec.Struct, frozen=True, kw_only=True):
    """One combination of dimensions; ``measurements`` has a number for each date of its aggregates, by measurement.

    Without ``by`` there is one row, whose ``dimensions`` are empty.
    """

    dimensions: list[str] = []
    measurements: dict[str, list[int | float]] = {}


class MetricAggregates(Resource, frozen=True, kw_only=True):
    """Counts, sums of values and numbers of profiles over time.

    ``dates`` are the beginnings of the intervals, in UTC; ``data`` are the rows, and
    ``next_cursor`` is None if these are the last.
    """

    dates: list[datetime.datetime] = msgspec.field(default_factory=list)
    data: list[AggregateRow] = msgspec.field(default_factory=list)
    next_cursor: str | None = None

    def _shown(self) -> list[tuple[str, object]]:
        return [("dates", len(self.dates)), ("rows", len(self.data))]


class _AggregatesLinks(msgspec.Struct):
    next: str | None = None


class _Aggregates(msgspec.Struct):
    links: _AggregatesLinks = msgspec.field(default_factory=_AggregatesLinks)


def read_metric_property(response: httpx.Response) -> MetricProperty:
    """Read one property, with its metric if that was included. Raises msgspec.DecodeError."""
    document = read_document(response)
    found = read_property_resource(single_resource(document))
    for raw in document.included:
        metric = read_metric_resource(raw)
        if found.metric is not None and metric.id == found.metric.id:
            return msgspec.structs.replace(found, metric=metric)
    return found


def read_property_resource(raw: Raw) -> MetricProperty:
    """Return a property. Raises msgspec.DecodeError."""
    found = msgspec.convert(values_of(raw), type=MetricProperty)
    relationship = msgspec.json.decode(raw, type=ResourceObject).relationships.get("metric")
    reference = None if relationship is None else msgspec.json.decode(relationship.data, type=Reference | None)
    return msgspec.structs.replace(found, raw=raw, metric=None if reference is None else PartialMetric(id=reference.id))


def read_reference_resource(raw: Raw) -> Reference:
    """Return a reference. Raises msgspec.DecodeError."""
    return msgspec.json.decode(raw, type=Reference)


def read_aggregates(response: httpx.Response) -> MetricAggregates:
    """Read the response of query_metric_aggregates. Raises msgspec.DecodeError."""
    raw = single_resource(read_document(response))
    links = msgspec.json.decode(raw, type=_Aggregates).links
    found = msgspec.convert(values_of(raw), type=MetricAggregates)
    return msgspec.structs.replace(found, raw=raw, next_cursor=links.next)
