"""The operations on metrics, aggregates apart."""

from __future__ import annotations

from collections.abc import Callable

from eventkeep.errors import NotFound
from eventkeep.http.response import Response
from eventkeep.limits import ECHO_CHARACTERS_MAX, METRIC_PROPERTY_EVENTS_MAX, METRICS_PER_PAGE
from eventkeep.model.metric import Metric
from eventkeep.protocol.cursors import parse_place, print_place
from eventkeep.protocol.frames import Frame
from eventkeep.protocol.metrics.aggregate_query import parse_aggregate_query
from eventkeep.protocol.metrics.properties import MetricProperty, metric_number, metric_properties
from eventkeep.protocol.metrics.responses import (
    empty_document,
    metric_document,
    metric_id_document,
    metrics_document,
    properties_document,
    property_document,
    property_ids_document,
)
from eventkeep.protocol.resources import integration_of
from eventkeep.server.attributions import Attributions
from eventkeep.server.call import Call, Handler
from eventkeep.server.readers import Readers
from eventkeep.server.routes.aggregates import Aggregates
from eventkeep.server.routes.event_arrays import EventArrays
from eventkeep.server.services import Services

Read = Callable[[int, Frame, str], bytes]
"""Makes the body of a response from the account, the frame and the id in the path."""


class MetricRoutes:
    """Handlers of the operations on metrics."""

    def __init__(self, services: Services, readers: Readers) -> None:
        self._directory, self._readers = services.directory, readers
        self._events = EventArrays(services.directory, services.events)
        self._aggregates = Aggregates(
            services.directory, self._events, Attributions(services.directory, services.events)
        )
        self.handlers: dict[str, Handler] = {
            "get_metrics": self._reading(self._metrics),
            "get_metric": self._reading(self._metric),
            "get_flows_triggered_by_metric": self._reading(self._no_flows),
            "get_ids_for_flows_triggered_by_metric": self._reading(self._no_flows),
            "get_properties_for_metric": self._reading(self._properties),
            "get_property_ids_for_metric": self._reading(self._property_ids),
            "get_metric_property": self._reading(self._property),
            "get_metric_for_metric_property": self._reading(self._metric_of_property),
            "get_metric_id_for_metric_property": self._reading(self._metric_id_of_property),
            "query_metric_aggregates": self.query_metric_aggregates,
        }

    async def query_metric_aggregates(self, call: Call) -> Response:
        frame = call.frame(call.query())
        query = parse_aggregate_query(await call.json_body(), call.revision, self._directory.secret)
        body = await self._readers.run(lambda: self._aggregates.body(call.account, frame, query))
        (status,) = call.operation.statuses.at(call.revision.date)
        return call.response(body, status)

    def _reading(self, read: Read) -> Handler:
        async def handle(call: Call) -> Response:
            frame = call.frame(call.query())
            return call.response(await self._readers.run(lambda: read(call.account, frame, call.id)))

        return handle

    def _metrics(self, account: int, frame: Frame, _: str) -> bytes:
        query = frame.query
        question = f"get_metrics\n{'' if query.filter is None else query.filter}".encode("utf-8", "surrogatepass")
        after = 0
        if query.cursor is not None:
            after = int.from_bytes(parse_place(query.cursor, question, self._directory.secret))
        found: list[Metric] = []
        while len(found) <= METRICS_PER_PAGE:
            listed = self._directory.metrics.list(account, after, METRICS_PER_PAGE + 1)
            found += [metric for metric in listed if self._is_chosen(metric, frame)]
            if len(listed) <= METRICS_PER_PAGE:
                break
            after = listed[-1].number
        page = found[:METRICS_PER_PAGE]
        following = None
        if len(found) > len(page):
            following = print_place(page[-1].number.to_bytes(8), question, self._directory.secret)
        return metrics_document(frame, page, following)

    def _is_chosen(self, metric: Metric, frame: Frame) -> bool:
        integration = integration_of(metric)
        return all(
            integration[condition.field.partition(".")[2]] == condition.value for condition in frame.query.conditions
        )

    def _metric(self, account: int, frame: Frame, id: str) -> bytes:
        return metric_document(frame, self._find(account, id))

    def _no_flows(self, account: int, frame: Frame, id: str) -> bytes:
        self._find(account, id)
        return empty_document(frame)

    def _properties(self, account: int, frame: Frame, id: str) -> bytes:
        metric = self._find(account, id)
        return properties_document(frame, metric, self._properties_of(metric))

    def _property_ids(self, account: int, frame: Frame, id: str) -> bytes:
        return property_ids_document(frame, self._properties_of(self._find(account, id)))

    def _property(self, account: int, frame: Frame, id: str) -> bytes:
        return property_document(frame, *self._find_property(account, id))

    def _metric_of_property(self, account: int, frame: Frame, id: str) -> bytes:
        return metric_document(frame, self._find_property(account, id)[0])

    def _metric_id_of_property(self, account: int, frame: Frame, id: str) -> bytes:
        return metric_id_document(frame, self._find_property(account, id)[0])

    def _find(self, account: int, id: str) -> Metric:
        metric = self._directory.metrics.find_id(account, id)
        if metric is None:
            raise not_found("Metric", id)
        return metric

    def _find_property(self, account: int, id: str) -> tuple[Metric, MetricProperty]:
        number = metric_number(id)
        metric = self._directory.metrics.by_numbers(account, [number]).get(number) if number is not None else None
        if metric is not None:
            for found in self._properties_of(metric):
                if found.id == id:
                    return metric, found
        raise not_found("Metric property", id)

    def _properties_of(self, metric: Metric) -> list[MetricProperty]:
        documents = self._events.newest_documents(metric.account, metric.number, METRIC_PROPERTY_EVENTS_MAX)
        return metric_properties(metric, documents)


def not_found(resource: str, id: str) -> NotFound:
    return NotFound(f"{resource} with id {id[:ECHO_CHARACTERS_MAX]} does not exist.")
