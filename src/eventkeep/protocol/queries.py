"""The query string of any operation, typed and checked against the parameters that the operation takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import ECHO_CHARACTERS_MAX, FAULTS_MAX, QUERY_BYTES_MAX
from eventkeep.protocol.conditions import condition_faults
from eventkeep.protocol.fieldsets import Fieldset, parse_fieldset
from eventkeep.protocol.filters import Condition, Filter, parse_filter
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.operations import INCLUDE_SCOPES
from eventkeep.protocol.parameters import (
    FilterParameter,
    ListParameter,
    Parameter,
    SizeParameter,
    SortParameter,
    TextParameter,
)
from eventkeep.protocol.revisions import Revision

_PAGE_SIZE: Final = re.compile(r"[0-9]{1,9}")


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed query string.

    ``parameters`` are the decoded (name, value) pairs in the order in which they were sent.
    ``lists`` has the lists by the names of their parameters, without repeats. ``cursor`` is
    as it was sent. ``page_size`` is 0 for an operation without pages.
    """

    parameters: tuple[tuple[str, str], ...] = ()
    lists: Mapping[str, tuple[str, ...]] = {}
    texts: Mapping[str, str] = {}
    filter: Filter | None = None
    sort: str | None = None
    page_size: int = 0
    cursor: str | None = None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return () if self.filter is None else self.filter.conditions

    @property
    def includes(self) -> tuple[str, ...]:
        return self.lists.get("include", ())

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the included types need, beside the operation's own."""
        return tuple(dict.fromkeys(INCLUDE_SCOPES[name] for name in self.includes if name in INCLUDE_SCOPES))

    def fieldset(self, kind: str, default: Sequence[str]) -> Fieldset:
        """The wanted attributes of a type of resource; ``default`` without ``fields[<kind>]``."""
        names = self.lists.get(f"fields[{kind}]")
        return Fieldset(tuple(default) if names is None else names)


def documented_parameters(operation: Operation, revision: Revision) -> tuple[Parameter, ...]:
    """The parameters that the revision's document has."""
    return tuple(
        parameter
        for parameter in operation.parameters
        if parameter.exists_in(revision)
        and not (isinstance(parameter, SizeParameter) and revision.date < parameter.since)
    )


def parse_query(query_string: bytes, operation: Operation, revision: Revision) -> Query:
    """The query of an operation in a revision. A cursor is not looked into.

    Brackets, commas and all else may be percent-encoded or not; ``+`` is a space. Raises
    InvalidRequest with every fault, up to FAULTS_MAX, each naming its parameter.
    """
    query, faults = read_query(query_string, operation, revision)
    if faults:
        raise InvalidRequest(faults[:FAULTS_MAX])
    return query


def read_query(query_string: bytes, operation: Operation, revision: Revision) -> tuple[Query, list[Fault]]:
    """As ``parse_query``; the faults are returned, so that a family can add its own."""
    if len(query_string) > QUERY_BYTES_MAX:
        raise InvalidRequest(f"A query string has at most {QUERY_BYTES_MAX} bytes, not {len(query_string)}.")
    known = {parameter.name: parameter for parameter in operation.parameters if parameter.exists_in(revision)}
    lists = [name for name, parameter in known.items() if isinstance(parameter, ListParameter)]
    pairs, faults = query_pairs(query_string, tuple(known), lists)
    reading = _Reading(revision, faults)
    for name, text in pairs:
        reading.read(known[name], text)
    reading.finish(known)
    return (
        Query(
            parameters=tuple(pairs),
            lists=reading.lists,
            texts=reading.texts,
            filter=reading.filter,
            sort=reading.sort,
            page_size=reading.page_size,
            cursor=dict(pairs).get("page[cursor]"),
        ),
        faults,
    )


class _Reading:
    """One query while it is read; faults gather here."""

    def __init__(self, revision: Revision, faults: list[Fault]) -> None:
        self._revision, self._faults = revision, faults
        self.lists: dict[str, tuple[str, ...]] = {}
        self.texts: dict[str, str] = {}
        self.filter: Filter | None = None
        self.sort: str | None = None
        self.page_size = 0

    def read(self, parameter: Parameter, text: str) -> None:
        match parameter:
            case ListParameter():
                self._read_list(parameter, text)
            case FilterParameter():
                self._read_filter(parameter, text)
            case SortParameter():
                self._read_sort(parameter, text)
            case SizeParameter():
                self._read_size(parameter, text)
            case TextParameter():
                self.texts[parameter.name] = text

    def finish(self, known: Mapping[str, Parameter]) -> None:
        """Fill in the defaults, and add faults for missing parameters."""
        for parameter in known.values():
            if isinstance(parameter, SizeParameter) and not self.page_size:
                self.page_size = parameter.default
            if isinstance(parameter, TextParameter) and parameter.is_required and not self.texts.get(parameter.name):
                self._fault(parameter, f"The parameter {parameter.name} is required.")

    def _read_list(self, parameter: ListParameter, text: str) -> None:
        allowed = self._revision_values(parameter)
        if parameter.name.startswith("fields["):
            fieldset, faults = parse_fieldset(parameter.name, text, allowed)
            self._faults += faults
            self.lists[parameter.name] = fieldset.names
            return
        values = tuple(dict.fromkeys(text.split(","))) if text else ()
        for value in values:
            if value not in allowed:
                self._fault(parameter, _unknown_value(parameter.name, value[:ECHO_CHARACTERS_MAX], allowed))
        self.lists[parameter.name] = values

    def _read_filter(self, parameter: FilterParameter, text: str) -> None:
        try:
            self.filter = parse_filter(text)
        except InvalidRequest as exc:
            self._faults += exc.faults
        else:
            self._faults += condition_faults(self.filter, parameter.fields(self._revision))

    def _read_sort(self, parameter: SortParameter, text: str) -> None:
        allowed = self._revision_values(parameter)
        if text not in allowed:
            shown = text[:ECHO_CHARACTERS_MAX]
            self._fault(
                parameter,
                f"{shown!r} is not an allowed sort for this resource.  Allowed sorts are {', '.join(allowed)}",
            )
        self.sort = text

    def _read_size(self, parameter: SizeParameter, text: str) -> None:
        if _PAGE_SIZE.fullmatch(text) and parameter.least <= int(text) <= parameter.most:
            self.page_size = int(text)
            return
        shown = text[:ECHO_CHARACTERS_MAX]
        self._fault(parameter, f"Expected an integer from {parameter.least} to {parameter.most}, got {shown!r}.")

    def _revision_values(self, parameter: ListParameter | SortParameter) -> Sequence[str]:
        return parameter.values(self._revision)

    def _fault(self, parameter: Parameter, detail: str) -> None:
        self._faults.append(Fault(detail, parameter=parameter.name))


def query_pairs(
    query_string: bytes, allowed: Sequence[str], lists: Sequence[str] = ()
) -> tuple[list[tuple[str, str]], list[Fault]]:
    """The decoded parameters, and a fault for each that is no UTF-8, not ``allowed`` or repeated.

    Those named in ``lists`` may be repeated: their values are joined.
    """
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
        elif value is None:
            detail = f"Expected percent-encoded UTF-8 in {name!r}."
        elif name not in found:
            found[name] = value
            continue
        elif name in lists:
            found[name] = ",".join(part for part in (found[name], value) if part)
            continue
        else:
            detail = f"{name!r} is given more than once; expected it once."
        faults.append(Fault(detail, parameter=shown))
    return list(found.items()), faults


def decoded(piece: bytes) -> str | None:
    """A name or value out of a query string, or None if it is no UTF-8."""
    try:
        return unquote_to_bytes(piece.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return None


def ascii_only(piece: bytes) -> str:
    """The part of a name that can be shown although it is no text."""
    return piece.decode("ascii", "replace")


def _unknown_value(name: str, value: str, allowed: Sequence[str]) -> str:
    if name == "include":
        return f"{value!r} is not an allowed include parameter for this resource."
    if name.startswith("additional-fields["):
        names = ", ".join(allowed)
        return f"{value!r} is not an additional field of this resource.  Allowed additional fields are {names}"
    return f"{value!r} is not an allowed value for this parameter.  Allowed values are {', '.join(allowed)}"
