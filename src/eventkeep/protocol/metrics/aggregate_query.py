"""A query for aggregates: its body parsed and checked."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import AGGREGATE_RANGE_DAYS_MAX, AGGREGATE_ROWS_DEFAULT, AGGREGATE_ROWS_MAX, ECHO_CHARACTERS_MAX
from eventkeep.model.interval import Interval
from eventkeep.protocol.cursors import parse_place
from eventkeep.protocol.filters import Condition, parse_filter
from eventkeep.protocol.json_values import Faults, shown
from eventkeep.protocol.metrics.dimensions import ATTRIBUTED
from eventkeep.protocol.metrics.documents import AggregateAttributes, AggregateQueryBody, dimensions
from eventkeep.protocol.metrics.operations import AGGREGATE_FIELDS
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.shapes import parse_body

PLACE: Final = "/data/attributes"
UTC_NAMES: Final = ("UTC",)
_LOWER: Final = ("greater-or-equal", "greater-than")
_UPPER: Final = ("less-than", "less-or-equal")


class AggregateQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query for aggregates.

    ``start`` and ``end`` are Unix seconds, the end exclusive. ``by`` are dimensions;
    ``conditions`` maps others, or the same, to the values that an event may have there.
    ``sort`` is a dimension or a measurement. ``first_row`` is the first row of the page.
    """

    metric_id: str
    measurements: tuple[str, ...]
    start: int
    end: int
    interval: Interval
    zone: ZoneInfo
    by: tuple[str, ...]
    conditions: Mapping[str, frozenset[str]]
    sort: str | None
    descending: bool
    page_size: int
    first_row: int
    fields: tuple[str, ...]
    question: bytes

    @property
    def needs_properties(self) -> bool:
        """Whether the properties of the events are needed, and not only their numbers."""
        return bool(self.by or self.conditions)

    @property
    def needs_attributions(self) -> bool:
        """Whether the touches are needed that events are credited to."""
        return not ATTRIBUTED.isdisjoint((*self.by, *self.conditions))


def parse_aggregate_query(body: bytes, revision: Revision, secret: bytes) -> AggregateQuery:
    """The query in a body. ``secret`` is the key of the cursors. Raises InvalidRequest with every fault."""
    known = dimensions(revision.date)
    reading = _Reading(known)
    document = parse_body(body, AggregateQueryBody, lambda _kind, _name: True, reading.check)
    return _query(document.data.attributes, reading, secret)


def _query(attributes: AggregateAttributes, reading: _Reading, secret: bytes) -> AggregateQuery:
    asked = msgspec.json.encode(msgspec.structs.replace(attributes, page_cursor=None))
    question = hashlib.blake2b(asked, digest_size=16).digest()
    first_row = 0
    if attributes.page_cursor:
        first_row = int.from_bytes(parse_place(attributes.page_cursor, question, secret))
    sort = attributes.sort or None
    return AggregateQuery(
        metric_id=attributes.metric_id,
        measurements=tuple(dict.fromkeys(attributes.measurements)),
        start=reading.start,
        end=reading.end,
        interval=attributes.interval or "day",
        zone=reading.zone,
        by=tuple(dict.fromkeys(attributes.by or ())),
        conditions=reading.conditions,
        sort=None if sort is None else sort.removeprefix("-"),
        descending=sort is not None and sort.startswith("-"),
        page_size=attributes.page_size or AGGREGATE_ROWS_DEFAULT,
        first_row=first_row,
        fields=tuple(attributes.return_fields or AGGREGATE_FIELDS),
        question=question,
    )


class _Reading:
    """Reads the parts that the types do not check: the time zone, the filters, the dimensions."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known
        self.zone = ZoneInfo("UTC")
        self.start = self.end = 0
        self.conditions: dict[str, frozenset[str]] = {}
        self._starts: list[int] = []
        self._ends: list[int] = []

    def check(self, value: Any, faults: Faults) -> None:
        attributes = value["data"]["attributes"]
        self._check_zone(attributes.get("timezone"), faults)
        for place, text in enumerate(attributes["filter"]):
            self._check_filter(text, f"{PLACE}/filter/{place}", faults)
        if not faults.found:
            self._check_range(faults)
        for place, name in enumerate(attributes.get("by") or ()):
            if name not in self._known:
                faults.add(f"{PLACE}/by/{place}", _not_known(name, "dimension", self._known))
        page_size = attributes.get("page_size")
        if page_size is not None and not (isinstance(page_size, int) and 1 <= page_size <= AGGREGATE_ROWS_MAX):
            faults.add(
                f"{PLACE}/page_size", f"Expected an integer from 1 to {AGGREGATE_ROWS_MAX}, got {shown(page_size)}."
            )
        sort = attributes.get("sort")
        if sort and sort.removeprefix("-") not in (*self._known, "count", "sum_value", "unique"):
            faults.add(f"{PLACE}/sort", _not_known(sort, "sort key", self._known))
        for place, name in enumerate(attributes.get("return_fields") or ()):
            if name not in AGGREGATE_FIELDS:
                faults.add(f"{PLACE}/return_fields/{place}", _not_known(name, "field", AGGREGATE_FIELDS))

    def _check_zone(self, name: str | None, faults: Faults) -> None:
        if name is None:
            return
        try:
            # The names of files tell upper and lower case apart on some systems alone.
            if name not in UTC_NAMES and name not in available_timezones():
                raise ZoneInfoNotFoundError(name)
            self.zone = ZoneInfo(name)
        except ZoneInfoNotFoundError:
            faults.add(f"{PLACE}/timezone", f"Expected the name of an IANA time zone, got {shown(name)}.")

    def _check_filter(self, text: str, place: str, faults: Faults) -> None:
        try:
            conditions = parse_filter(text, self.zone).conditions
        except InvalidRequest as exc:
            for fault in exc.faults:
                faults.add(place, fault.detail)
            return
        for condition in conditions:
            self._check_condition(condition, place, faults)

    def _check_condition(self, condition: Condition, place: str, faults: Faults) -> None:
        operator, value = condition.operator, condition.value
        if condition.field == "datetime":
            if not isinstance(value, datetime.datetime) or operator not in (*_LOWER, *_UPPER):
                expected = "greater-or-equal(datetime,…) or less-than(datetime,…)"
                faults.add(place, f"Invalid filter provided: expected {expected}, got {str(condition)!r}.")
                return
            seconds = -int(-value.timestamp() // 1)
            if operator in _LOWER:
                self._starts.append(seconds + (operator == "greater-than" and seconds == value.timestamp()))
            else:
                self._ends.append(seconds + (operator == "less-or-equal" and seconds == value.timestamp()))
        elif condition.field in self._known and re.fullmatch("equals|any", operator):
            values = value if isinstance(value, tuple) else (value,)
            chosen = frozenset(str(each) for each in values)
            self.conditions[condition.field] = self.conditions.get(condition.field, chosen) & chosen
        else:
            expected = f"equals or any of {', '.join(self._known)}"
            faults.add(place, f"Invalid filter provided: expected {expected}, got {operator}({condition.field},…).")

    def _check_range(self, faults: Faults) -> None:
        place = f"{PLACE}/filter"
        if not self._starts or not self._ends:
            faults.add(
                place,
                "Expected the time range: greater-or-equal(datetime,…) and less-than(datetime,…), got a part of it.",
            )
            return
        self.start, self.end = max(self._starts), min(self._ends)
        if self.start >= self.end:
            faults.add(place, "Expected a time range that ends after it begins.")
        elif self.end - self.start > AGGREGATE_RANGE_DAYS_MAX * 86_400:
            faults.add(place, f"Expected a time range of at most one year ({AGGREGATE_RANGE_DAYS_MAX} days).")


def unknown_metric(id: str) -> InvalidRequest:
    """The error for a metric that does not exist."""
    shown_id = id[:ECHO_CHARACTERS_MAX]
    return InvalidRequest([Fault(f"Metric with id {shown_id} does not exist.", pointer=f"{PLACE}/metric_id")])


def _not_known(name: str, kind: str, known: Sequence[str]) -> str:
    return f"{shown(name)} is not a known {kind}.  Known are {', '.join(known)}"
