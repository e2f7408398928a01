"""The query string of a read: typed, and checked against operation and revision."""

from __future__ import annotations

import math

import msgspec

from eventkeep.errors import InvalidRequest
from eventkeep.limits import FAULTS_MAX, PAGE_EVENTS_DEFAULT
from eventkeep.protocol.cursors import Cursor, parse_cursor, print_cursor
from eventkeep.protocol.fieldsets import Fieldset
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.queries import Query, read_query
from eventkeep.protocol.reads.conditions import EventBounds, event_bounds, future_faults
from eventkeep.protocol.reads.operations import ADDITIONAL_PROFILE_FIELDS
from eventkeep.protocol.revisions import Revision


class Sort(msgspec.Struct, frozen=True):
    """``field`` is ``datetime`` or ``timestamp``; both order by time, ties by the event's id."""

    field: str = "datetime"
    descending: bool = True

    def __str__(self) -> str:
        return f"-{self.field}" if self.descending else self.field


class ReadQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A read of events.

    ``query`` is the parsed query string; its cursors are bound to ``question``;
    ``page_size`` counts events. ``has_attribution_property`` is the revision's. The additional fields are part of
    ``profile_fields`` already.
    """

    query: Query
    event_fields: Fieldset
    metric_fields: Fieldset
    profile_fields: Fieldset
    bounds: EventBounds = EventBounds()
    sort: Sort = Sort()
    page_size: int = PAGE_EVENTS_DEFAULT
    cursor: Cursor | None = None
    question: bytes = b""
    has_attribution_property: bool = False

    @property
    def includes(self) -> tuple[str, ...]:
        return self.query.includes

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the included types need, beside the operation's own."""
        return self.query.scopes

    @property
    def shows_attributions(self) -> bool:
        """Whether events show the message that they are credited to, as attributions or as a property."""
        return "attributions" in self.includes or (
            self.has_attribution_property and "event_properties" in self.event_fields
        )

    @property
    def is_backward(self) -> bool:
        """Whether the page is walked to from its end: then its events are found in the reverse of its order."""
        return self.cursor is not None and self.cursor.backward

    @property
    def finds_descending(self) -> bool:
        """Whether the page's events are to be found from the newest to the oldest."""
        return self.sort.descending != self.is_backward

    @property
    def find_count(self) -> int:
        """How many events are to be found: one more than the page has tells whether another page follows."""
        return self.page_size + 1

    @property
    def find_after(self) -> tuple[int, int] | None:
        """The (time, id) behind which events are to be found, in the order of finding."""
        return None if self.cursor is None else (self.cursor.time, self.cursor.id)

    def cursor_text(self, cursor: Cursor, secret: bytes) -> str:
        """The cursor as links carry it, bound to this question."""
        return print_cursor(cursor, self.question, secret)


def parse_read_query(
    query_string: bytes, operation: Operation, revision: Revision, secret: bytes, now: float = math.inf
) -> ReadQuery:
    """Parse the query string of a read at ``now``, in Unix seconds. ``secret`` is the key of the cursors.

    Raises InvalidRequest with every fault, up to FAULTS_MAX, each naming its parameter.
    """
    query, faults = read_query(query_string, operation, revision)
    faults += future_faults(query.conditions, now)
    sort = Sort() if query.sort is None else Sort(query.sort.removeprefix("-"), query.sort.startswith("-"))
    filtered = "" if query.filter is None else str(query.filter)
    question = f"{operation.name}\n{sort}\n{filtered}".encode("utf-8", "surrogatepass")
    cursor = None
    # A cursor can only be right for a question that is understood.
    if query.cursor is not None and not faults:
        cursor = parse_cursor(query.cursor, question, secret)
    if faults:
        raise InvalidRequest(faults[:FAULTS_MAX])
    additional = query.lists.get(ADDITIONAL_PROFILE_FIELDS.name, ())
    profile_fields = query.fieldset("profile", revision.profile_fields)
    return ReadQuery(
        query=query,
        event_fields=query.fieldset("event", revision.event_fields),
        metric_fields=query.fieldset("metric", revision.metric_fields),
        profile_fields=Fieldset((*profile_fields.names, *additional)),
        bounds=event_bounds(query.conditions),
        sort=sort,
        page_size=query.page_size,
        cursor=cursor,
        question=question,
        has_attribution_property=revision.has_attribution_property,
    )
