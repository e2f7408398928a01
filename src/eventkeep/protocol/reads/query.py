"""The query string of a read: what is asked for, typed and checked against operation and revision."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import ECHO_CHARACTERS_MAX, FAULTS_MAX, PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX, QUERY_BYTES_MAX
from eventkeep.protocol.cursors import Cursor, parse_cursor, print_cursor
from eventkeep.protocol.fieldsets import Fieldset, parse_fieldset
from eventkeep.protocol.filters import Condition, Filter, parse_filter
from eventkeep.protocol.operations import INCLUDE_SCOPES, Operation
from eventkeep.protocol.reads.conditions import EventBounds, condition_faults, event_bounds
from eventkeep.protocol.revisions import Revision

ADDITIONAL_FIELDS: Final = "additional-fields[profile]"
_PAGE_SIZE: Final = re.compile(r"[0-9]{1,9}")


class Sort(msgspec.Struct, frozen=True):
    """``field`` is ``datetime`` or ``timestamp``; both order by time, ties by the event's id."""

    field: str = "datetime"
    descending: bool = True

    def __str__(self) -> str:
        return f"-{self.field}" if self.descending else self.field


class ReadQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a read asks for.

    ``parameters`` are the decoded (name, value) pairs in the order in which they were
    sent; ``question`` is what the query's cursors are bound to; ``page_size`` counts
    events. ``additional_fields`` are part of ``profile_fields`` already.
    """

    parameters: tuple[tuple[str, str], ...]
    event_fields: Fieldset
    metric_fields: Fieldset
    profile_fields: Fieldset
    additional_fields: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()
    filter: Filter | None = None
    bounds: EventBounds = EventBounds()
    sort: Sort = Sort()
    page_size: int = PAGE_EVENTS_DEFAULT
    cursor: Cursor | None = None
    question: bytes = b""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return () if self.filter is None else self.filter.conditions

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the included types need, beside the operation's own."""
        return tuple(INCLUDE_SCOPES[name] for name in self.includes if name in INCLUDE_SCOPES)

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


def query_parameters(operation: Operation, revision: Revision) -> tuple[str, ...]:
    """The names of the query parameters that the operation takes in the revision."""
    names = [f"fields[{kind}]" for kind in operation.fields if revision.fields(kind)]
    if operation.has_additional_fields:
        names.append(ADDITIONAL_FIELDS)
    if operation.has_include:
        names.append("include")
    if operation.has_selection:
        names += ["filter", "sort", "page[cursor]"]
        if revision.has_page_size:
            names.append("page[size]")
    return tuple(names)


def profile_field_names(operation: Operation, revision: Revision) -> tuple[str, ...]:
    """What ``fields[profile]`` may hold: the additional fields are among it where the operation has them."""
    names = revision.profile_fields
    if operation.has_additional_fields:
        for additional in revision.additional_fields.values():
            names += additional
    return names


def parse_query(query_string: bytes, operation: Operation, revision: Revision, secret: bytes) -> ReadQuery:
    """What the query string asks of an operation in a revision. ``secret`` is the key of the cursors.

    Brackets, commas and all else may be percent-encoded or not; ``+`` is a space. Raises
    InvalidRequest with every fault, up to FAULTS_MAX, each naming its parameter.
    """
    if len(query_string) > QUERY_BYTES_MAX:
        raise InvalidRequest(f"A query string has at most {QUERY_BYTES_MAX} bytes, not {len(query_string)}.")
    reading = _Reading(operation, revision, secret)
    query = reading.query(tuple(reading.pairs(query_string)))
    if reading.faults:
        raise InvalidRequest(reading.faults[:FAULTS_MAX])
    return query


class _Reading:
    """One query string while it is read; faults gather here."""

    def __init__(self, operation: Operation, revision: Revision, secret: bytes) -> None:
        self._operation, self._revision, self._secret = operation, revision, secret
        self.faults: list[Fault] = []

    def pairs(self, query_string: bytes) -> list[tuple[str, str]]:
        """The decoded parameters; a fault for each that can't be used."""
        pairs, faults = query_pairs(query_string, query_parameters(self._operation, self._revision))
        self.faults += faults
        return pairs

    def query(self, pairs: tuple[tuple[str, str], ...]) -> ReadQuery:
        given = dict(pairs)
        revision = self._revision
        additional = self._list(given, ADDITIONAL_FIELDS, tuple(revision.additional_fields), self._additional_fault)
        filtered = self._filter(given.get("filter"))
        sort = self._sort(given.get("sort"))
        question = f"{self._operation.name}\n{sort}\n{'' if filtered is None else filtered}".encode(
            "utf-8", "surrogatepass"
        )
        # A cursor can only be right for a question that is understood.
        cursor = None if self.faults else self._cursor(given.get("page[cursor]"), question)
        profile_fields = self._fieldset(given, "profile", profile_field_names(self._operation, revision))
        wanted = revision.profile_fields if profile_fields is None else profile_fields.names
        return ReadQuery(
            parameters=pairs,
            event_fields=self._fieldset(given, "event", revision.event_fields) or Fieldset(revision.event_fields),
            metric_fields=self._fieldset(given, "metric", revision.metric_fields) or Fieldset(revision.metric_fields),
            profile_fields=Fieldset((*wanted, *additional)),
            additional_fields=additional,
            includes=self._list(given, "include", revision.includes, self._include_fault),
            filter=filtered,
            bounds=EventBounds() if filtered is None or self.faults else event_bounds(filtered.conditions),
            sort=sort,
            page_size=self._page_size(given.get("page[size]")),
            cursor=cursor,
            question=question,
        )

    def _fieldset(self, given: Mapping[str, str], kind: str, allowed: Sequence[str]) -> Fieldset | None:
        parameter = f"fields[{kind}]"
        if parameter not in given:
            return None
        fieldset, faults = parse_fieldset(parameter, given[parameter], allowed)
        self.faults += faults
        return fieldset

    def _list(
        self, given: Mapping[str, str], parameter: str, allowed: Sequence[str], describe: Callable[[str], str]
    ) -> tuple[str, ...]:
        """The values of a list without repeats; an empty text is an empty list."""
        text = given.get(parameter)
        values = tuple(dict.fromkeys(text.split(","))) if text else ()
        for value in values:
            if value not in allowed:
                self._fault(parameter, describe(value[:ECHO_CHARACTERS_MAX]))
        return values

    def _include_fault(self, value: str) -> str:
        return f"{value!r} is not an allowed include parameter for this resource."

    def _additional_fault(self, value: str) -> str:
        names = ", ".join(self._revision.additional_fields)
        return f"{value!r} is not an additional field of this resource.  Allowed additional fields are {names}"

    def _filter(self, text: str | None) -> Filter | None:
        if text is None:
            return None
        try:
            filtered = parse_filter(text)
        except InvalidRequest as exc:
            self.faults += exc.faults
            return None
        self.faults += condition_faults(filtered, self._revision.filters)
        return filtered

    def _sort(self, text: str | None) -> Sort:
        if text is None:
            return Sort()
        allowed = self._revision.sorts
        if text not in allowed:
            shown = text[:ECHO_CHARACTERS_MAX]
            self._fault(
                "sort", f"{shown!r} is not an allowed sort for this resource.  Allowed sorts are {', '.join(allowed)}"
            )
        return Sort(text.removeprefix("-"), text.startswith("-"))

    def _page_size(self, text: str | None) -> int:
        if text is None:
            return PAGE_EVENTS_DEFAULT
        if _PAGE_SIZE.fullmatch(text) and 1 <= int(text) <= PAGE_EVENTS_MAX:
            return int(text)
        shown = text[:ECHO_CHARACTERS_MAX]
        self._fault("page[size]", f"Expected an integer from 1 to {PAGE_EVENTS_MAX}, got {shown!r}.")
        return PAGE_EVENTS_DEFAULT

    def _cursor(self, text: str | None, question: bytes) -> Cursor | None:
        if text is None:
            return None
        try:
            return parse_cursor(text, question, self._secret)
        except InvalidRequest as exc:
            self.faults += exc.faults
            return None

    def _fault(self, parameter: str, detail: str) -> None:
        self.faults.append(Fault(detail, parameter=parameter))


def query_pairs(query_string: bytes, allowed: Sequence[str]) -> tuple[list[tuple[str, str]], list[Fault]]:
    """The decoded parameters, and a fault for each that is no UTF-8, not ``allowed`` or repeated."""
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for piece in query_string.split(b"&"):
        if not piece:
            continue
        raw_name, _, raw_value = piece.partition(b"=")
        name = decoded(raw_name)
        value = decoded(raw_value)
        shown = ascii_only(raw_name)[:ECHO_CHARACTERS_MAX] if name is None else name[:ECHO_CHARACTERS_MAX]
        if name is None or name not in allowed:
            expected = f"Allowed parameters are {', '.join(allowed)}" if allowed else "It takes no parameters"
            detail = f"{shown!r} is not an allowed parameter for this resource.  {expected}"
        elif name in found:
            detail = f"{name!r} is given more than once; expected it once, its values joined by commas."
        elif value is None:
            detail = f"Expected percent-encoded UTF-8 in {name!r}."
        else:
            found[name] = value
            continue
        faults.append(Fault(detail, parameter=shown))
    return list(found.items()), faults


def decoded(piece: bytes) -> str | None:
    """A name or value out of a query string, or None where it is no UTF-8."""
    try:
        return unquote_to_bytes(piece.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None


def ascii_only(piece: bytes) -> str:
    """What can be shown of a name that is no text."""
    return piece.decode("ascii", "replace")
