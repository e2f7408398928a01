"""query_metric_aggregates: from a query to sums over the events of a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from eventkeep.directory import Directory
from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import AGGREGATE_GROUPED_EVENTS_MAX, AGGREGATE_GROUPS_MAX
from eventkeep.model.aggregates import BucketFinder, GroupedTotals, Totals, bucket_edges
from eventkeep.model.attribution import Touch
from eventkeep.model.metric import Metric
from eventkeep.protocol.cursors import print_place
from eventkeep.protocol.frames import Frame
from eventkeep.protocol.metrics.aggregate_query import PLACE, AggregateQuery, unknown_metric
from eventkeep.protocol.metrics.dimensions import DimensionReader, attributed_members
from eventkeep.protocol.metrics.responses import aggregate_document
from eventkeep.server.attributions import Attributions, Creditable
from eventkeep.server.routes.event_arrays import EventArrays, EventChunk

Row = tuple[Sequence[str], dict[str, list[float]]]


class Aggregates:
    """Adds events up."""

    def __init__(self, directory: Directory, events: EventArrays, attributions: Attributions) -> None:
        self._directory, self._events, self._attributions = directory, events, attributions

    def body(self, account: int, frame: Frame, query: AggregateQuery) -> bytes:
        """The body of the response. Raises InvalidRequest for an unknown metric and for too many groups."""
        metric = self._directory.metrics.find_id(account, query.metric_id)
        if metric is None:
            raise unknown_metric(query.metric_id)
        edges = bucket_edges(query.start, query.end, query.interval, query.zone)
        finder = BucketFinder(edges)
        following = None
        if query.needs_properties:
            grouping = _Grouping(query, finder)
            for chunk in self._events.whole(account, metric.number, query.start, query.end):
                grouping.add(chunk, self._touches(metric, chunk) if query.needs_attributions else None)
            rows, last_row = grouping.page()
            if last_row is not None:
                following = print_place(last_row.to_bytes(8), query.question, self._directory.secret)
        else:
            totals = Totals(finder.count, with_unique="unique" in query.measurements)
            for chunk in self._events.numbers(account, metric.number, query.start, query.end):
                totals.add(finder.find(chunk.time), chunk.profile, chunk.value)
            numbers = {"count": totals.count, "sum_value": totals.sum_value, "unique": totals.unique()}
            rows = [((), {name: numbers[name].tolist() for name in query.measurements})]
        id = query.question.hex()
        return aggregate_document(frame, query, id, edges[:-1], rows, following)

    def _touches(self, metric: Metric, chunk: EventChunk) -> list[Touch | None]:
        """The touches that the events of a chunk are credited to."""
        profiles, times = chunk.profile.tolist(), chunk.time.tolist()
        events = Creditable(profiles, times, [metric.name] * len(times), chunk.properties)
        return self._attributions.credited(metric.account, events)


class _Grouping:
    """Events by the values of their dimensions."""

    def __init__(self, query: AggregateQuery, finder: BucketFinder) -> None:
        self._query, self._finder = query, finder
        self._totals = GroupedTotals(finder.count)
        self._rows: dict[tuple[str, ...], int] = {}
        self._readers = [DimensionReader(name) for name in query.by]
        self._conditions = [(DimensionReader(name), values) for name, values in query.conditions.items()]

    def add(self, chunk: EventChunk, touches: Sequence[Touch | None] | None) -> None:
        """Add events; ``touches`` are those that they are credited to, None if the query does not need them."""
        rows: list[int] = []
        chosen: list[int] = []
        for place, (properties, currency) in enumerate(zip(chunk.properties, chunk.currency, strict=True)):
            members: dict[str, Any] = msgspec.json.decode(properties)
            if touches is not None:
                members |= attributed_members(touches[place])
            if all(reader.read(members, currency) in values for reader, values in self._conditions):
                names = tuple([reader.read(members, currency) for reader in self._readers])
                rows.append(self._rows.setdefault(names, len(self._rows)))
                chosen.append(place)
        if len(self._rows) > AGGREGATE_GROUPS_MAX:
            raise _too_many(f"groups, {AGGREGATE_GROUPS_MAX} at most", "by")
        if self._totals.event_count + len(rows) > AGGREGATE_GROUPED_EVENTS_MAX:
            raise _too_many(f"events, {AGGREGATE_GROUPED_EVENTS_MAX} at most if there are dimensions", "filter")
        if chosen:
            places = np.array(chosen)
            self._totals.add(
                np.array(rows, dtype=np.int64),
                self._finder.find(chunk.time[places]),
                chunk.profile[places],
                chunk.value[places],
            )

    def page(self) -> tuple[list[Row], int | None]:
        """The rows of the query's page, and the number of the first row after it, None if there is none."""
        query = self._query
        names = list(self._rows)
        if not query.by and not names:
            names = [()]
        order = self._order(names)
        wanted = order[query.first_row : query.first_row + query.page_size]
        found = self._totals.of(wanted, query.measurements)
        rows: list[Row] = [
            (names[row], {name: column.tolist() for name, column in numbers.items()})
            for row, numbers in zip(wanted, found, strict=True)
        ]
        end = query.first_row + len(wanted)
        return rows, end if end < len(order) else None

    def _order(self, names: Sequence[tuple[str, ...]]) -> list[int]:
        query = self._query
        places = sorted(range(len(names)), key=lambda place: names[place])
        if query.sort in ("count", "sum_value", "unique"):
            totals = self._totals.totals(len(names), query.sort)
            return sorted(places, key=lambda place: totals[place], reverse=query.descending)
        if query.sort in query.by:
            at = query.by.index(query.sort)
            return sorted(places, key=lambda place: names[place][at], reverse=query.descending)
        return places


def _too_many(things: str, member: str) -> InvalidRequest:
    return InvalidRequest([Fault(f"The query is about too many {things}.", pointer=f"{PLACE}/{member}")])
