"""Whole responses of the operations on metrics, in bytes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from eventkeep.model.metric import Metric
from eventkeep.protocol.frames import Frame
from eventkeep.protocol.metrics.aggregate_query import AggregateQuery
from eventkeep.protocol.metrics.operations import PLAIN_PROPERTY_FIELDS
from eventkeep.protocol.metrics.properties import MetricProperty
from eventkeep.protocol.resources import metric_resource

_encode = msgspec.json.Encoder().encode

ADDITIONAL: Final = "additional-fields[metric-property]"
LINKS_SINCE: Final = "2026-01-15"
"""From this revision on the response of a query for aggregates has top-level links."""


def metrics_document(frame: Frame, metrics: Sequence[Metric], next_cursor: str | None) -> bytes:
    """The response of get_metrics."""
    resources = b",".join([_metric(frame, metric) for metric in metrics])
    return b'{"data":[%b]%b,"links":%b}' % (resources, _included_flows(frame), frame.collection_links(next_cursor))


def metric_document(frame: Frame, metric: Metric) -> bytes:
    """The response of get_metric and get_metric_for_metric_property."""
    return b'{"data":%b%b,"links":{"self":%b}}' % (_metric(frame, metric), _included_flows(frame), frame.link())


def empty_document(frame: Frame) -> bytes:
    """The response of a list that is always empty."""
    return b'{"data":[],"links":%b}' % frame.collection_links()


def properties_document(frame: Frame, metric: Metric, properties: Sequence[MetricProperty]) -> bytes:
    """The response of get_properties_for_metric."""
    resources = b",".join([_property(frame, metric, each) for each in properties])
    return b'{"data":[%b],"links":%b}' % (resources, frame.collection_links())


def property_document(frame: Frame, metric: Metric, found: MetricProperty) -> bytes:
    """The response of get_metric_property."""
    included = b',"included":[%b]' % _metric(frame, metric) if "metric" in frame.query.includes else b""
    return b'{"data":%b%b,"links":{"self":%b}}' % (_property(frame, metric, found), included, frame.link())


def property_ids_document(frame: Frame, properties: Sequence[MetricProperty]) -> bytes:
    """The response of get_property_ids_for_metric."""
    identifiers = [{"type": "metric-property", "id": each.id} for each in properties]
    return b'{"data":%b,"links":%b}' % (_encode(identifiers), frame.collection_links())


def metric_id_document(frame: Frame, metric: Metric) -> bytes:
    """The response of get_metric_id_for_metric_property."""
    return b'{"data":%b,"links":{"self":%b}}' % (_encode({"type": "metric", "id": metric.id}), frame.link())


def aggregate_document(
    frame: Frame,
    query: AggregateQuery,
    id: str,
    dates: Sequence[int],
    rows: Sequence[tuple[Sequence[str], dict[str, list[float]]]],
    next_cursor: str | None,
) -> bytes:
    """The response of query_metric_aggregates.

    ``dates`` are Unix seconds; a row is its dimensions and, by measurement, a number for each date.
    """
    wanted = frame.query.fieldset("metric-aggregate", query.fields)
    attributes: dict[str, Any] = {
        "dates": [datetime.datetime.fromtimestamp(date, datetime.UTC).isoformat() for date in dates],
        "data": [{"dimensions": list(names), "measurements": measurements} for names, measurements in rows],
    }
    own = frame.link()
    links = b'"links":{"self":%b}' % own
    if next_cursor is not None:
        # The bodies that ask for pages hold the cursor, so that the link can't.
        links = b'"links":{"self":%b,"next":%b}' % (own, _encode(next_cursor))
    top = b",%b" % links if frame.revision.date >= LINKS_SINCE else b""
    return b'{"data":{"type":"metric-aggregate","id":%b,"attributes":%b,%b}%b}' % (
        _encode(id),
        _encode(wanted.select(attributes)),
        links,
        top,
    )


def _metric(frame: Frame, metric: Metric) -> bytes:
    wanted = frame.query.fieldset("metric", frame.revision.metric_fields)
    return metric_resource(metric, frame.base_url, wanted, frame.revision)


def _included_flows(frame: Frame) -> bytes:
    return b',"included":[]' if "flow-triggers" in frame.query.includes else b""


def _property(frame: Frame, metric: Metric, found: MetricProperty) -> bytes:
    own = f"{frame.base_url}/api/metric-properties/{found.id}/"
    wanted = frame.query.fieldset("metric-property", (*PLAIN_PROPERTY_FIELDS, *frame.query.lists.get(ADDITIONAL, ())))
    attributes = {
        "label": found.name,
        "property": found.name,
        "inferred_type": found.inferred_type,
        "sample_values": found.samples,
    }
    if "sample_values" not in frame.query.lists.get(ADDITIONAL, ()):
        del attributes["sample_values"]
    return _encode(
        {
            "type": "metric-property",
            "id": found.id,
            "attributes": wanted.select(attributes),
            "relationships": {
                "metric": {
                    "data": {"type": "metric", "id": metric.id},
                    "links": {"self": f"{own}relationships/metric/", "related": f"{own}metric/"},
                }
            },
            "links": {"self": own},
        }
    )
