"""Schemas of the operations on metrics."""

from __future__ import annotations

from typing import Any

from eventkeep.protocol.metrics.documents import AggregateQueryBody
from eventkeep.protocol.metrics.operations import PROPERTIES_SINCE
from eventkeep.protocol.metrics.responses import LINKS_SINCE
from eventkeep.protocol.openapi.resources import ResourceSchemas, identifier
from eventkeep.protocol.openapi.schemas import (
    ANY_OBJECT,
    DATE_TIME,
    STRING,
    Schema,
    array_of,
    object_of,
    one_of_names,
)
from eventkeep.protocol.openapi.types import TypeSchemas
from eventkeep.protocol.operation import Operation


class AggregateSchemas(TypeSchemas):
    """The body of a query for aggregates."""

    def _name(self, kind: type) -> str | None:
        return None if kind is AggregateQueryBody or kind.__name__ == "Data" else kind.__name__


class MetricSchemas(ResourceSchemas):
    """The bodies and responses of the operations on metrics."""

    def body(self, operation: Operation) -> Schema | None:
        if operation.name != "query_metric_aggregates":
            return None
        return AggregateSchemas(self._revision, self._components).named("MetricAggregateQuery", AggregateQueryBody)

    def response(self, operation: Operation) -> Schema | None:
        match operation.name:
            case "get_metrics":
                return self.document(array_of(self.metric()), self.page_links(), self._flows())
            case "get_metric":
                return self.document(self.metric(), self.self_link(), self._flows())
            case "get_metric_for_metric_property":
                return self.document(self.metric(), self.self_link())
            case "get_flows_triggered_by_metric":
                return self.document(array_of(ANY_OBJECT), self.page_links())
            case "get_ids_for_flows_triggered_by_metric":
                return self.document(array_of(identifier("flow")), self.page_links())
            case "get_properties_for_metric":
                return self.document(array_of(self._property()), self.page_links())
            case "get_property_ids_for_metric":
                return self.document(array_of(identifier("metric-property")), self.page_links())
            case "get_metric_property":
                return self.document(self._property(), self.self_link(), array_of(self.metric()))
            case "get_metric_id_for_metric_property":
                return self.document(identifier("metric"), self.self_link())
        return self._aggregate()

    def _flows(self) -> Schema | None:
        return array_of(ANY_OBJECT) if self._revision.date >= PROPERTIES_SINCE else None

    def _property(self) -> Schema:
        attributes = {
            "label": STRING,
            "property": STRING,
            "inferred_type": STRING,
            "sample_values": array_of({}),
        }
        relationships = {"metric": object_of({"data": identifier("metric"), "links": self.relationship_links()})}
        return self.component(
            "MetricPropertyResource",
            {
                "type": one_of_names(["metric-property"]),
                "id": STRING,
                "attributes": object_of(attributes),
                "relationships": object_of(relationships, relationships),
                "links": self.self_link(),
            },
        )

    def _aggregate(self) -> Schema:
        row: dict[str, Any] = {"dimensions": array_of(STRING), "measurements": ANY_OBJECT}
        attributes = {"dates": array_of(DATE_TIME), "data": array_of(object_of(row, row))}
        data = self.component(
            "MetricAggregateResource",
            {
                "type": one_of_names(["metric-aggregate"]),
                "id": STRING,
                "attributes": object_of(attributes),
                "links": self.self_link(),
            },
        )
        if self._revision.date < LINKS_SINCE:
            return object_of({"data": data}, ("data",))
        return self.document(data, self.self_link())
