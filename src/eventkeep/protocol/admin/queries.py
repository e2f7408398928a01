"""The query strings of our own operations, typed and validated: unknown and repeated parameters are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import (
    ECHO_CHARACTERS_MAX,
    FAULTS_MAX,
    FEED_WAIT_SECONDS_MAX,
    IDENTIFIER_CHARACTERS_MAX,
    METRIC_NAME_CHARACTERS_MAX,
    PAGE_EVENTS_DEFAULT,
    PAGE_EVENTS_MAX,
    QUERY_BYTES_MAX,
)
from eventkeep.model.identifiers import normal_email, normal_phone_number
from eventkeep.protocol.admin.positions import Position, parse_position
from eventkeep.protocol.operations import INCLUDE_SCOPES
from eventkeep.protocol.queries import query_pairs

CURSOR: Final = "page[cursor]"
SIZE: Final = "page[size]"

IdentifierKind = Literal["email", "phone_number", "external_id"]
IDENTIFIER_KINDS: Final[tuple[IdentifierKind, ...]] = ("email", "phone_number", "external_id")
"""The identifiers that select a profile."""


class AdminQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``parameters`` are the decoded (name, value) pairs as they were sent."""

    parameters: tuple[tuple[str, str], ...] = ()


class PageQuery(AdminQuery, frozen=True, kw_only=True):
    """``cursor`` is the id of the last resource on the page before; ``page_size`` counts resources."""

    page_size: int = PAGE_EVENTS_DEFAULT
    cursor: str | None = None

    def next_page(self, cursor: str) -> list[tuple[str, str]]:
        """The parameters of the page behind the resource with that id."""
        return [*(pair for pair in self.parameters if pair[0] != CURSOR), (CURSOR, cursor)]


class MetricsQuery(PageQuery, frozen=True, kw_only=True):
    """``name`` selects the metrics of that name; there may be one for each integration."""

    name: str | None = None


class ProfilesQuery(PageQuery, frozen=True, kw_only=True):
    """``identifier`` selects the profile that has it, as (kind, normal form)."""

    identifier: tuple[IdentifierKind, str] | None = None
    descending: bool = False


class TailQuery(AdminQuery, frozen=True, kw_only=True):
    """``after`` None stands for the current position; ``wait_seconds`` is the longest wait for the first event."""

    after: Position | None = None
    wait_seconds: int = 0
    page_size: int = PAGE_EVENTS_DEFAULT
    includes: tuple[str, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the included types need, beside the operation's own."""
        return tuple(INCLUDE_SCOPES[name] for name in self.includes)


def parse_no_parameters(query_string: bytes) -> AdminQuery:
    """The query of an operation without parameters. Raises InvalidRequest if there are any."""
    parsed(query_string, {})
    return AdminQuery()


def parse_metrics_query(query_string: bytes) -> MetricsQuery:
    """The query of list_metrics. Raises InvalidRequest with every fault, each naming its parameter."""
    pairs, values = parsed(query_string, {**_PAGE, "name": _text(METRIC_NAME_CHARACTERS_MAX)})
    return MetricsQuery(parameters=pairs, **values)


def parse_profiles_query(query_string: bytes) -> ProfilesQuery:
    """The query of list_profiles. Raises InvalidRequest with every fault, each naming its parameter."""
    pairs, values = parsed(
        query_string,
        {
            **_PAGE,
            "email": _email,
            "phone_number": _phone_number,
            "external_id": _text(IDENTIFIER_CHARACTERS_MAX),
            "sort": _is_descending,
        },
    )
    given = [(kind, values.pop(kind)) for kind in IDENTIFIER_KINDS if kind in values]
    if len(given) > 1:
        named = ", ".join(kind for kind, _ in given)
        raise InvalidRequest([Fault(f"Expected one identifier at the most, got {named}.", parameter=given[1][0])])
    identifier = given[0] if given else None
    return ProfilesQuery(parameters=pairs, identifier=identifier, descending=values.pop("sort", False), **values)


def parse_tail_query(query_string: bytes) -> TailQuery:
    """The query of tail. Raises InvalidRequest with every fault, each naming its parameter."""
    pairs, values = parsed(
        query_string,
        {
            "after": parse_position,
            "wait_seconds": _whole_number(0, FEED_WAIT_SECONDS_MAX),
            SIZE: _PAGE[SIZE],
            "include": _includes,
        },
    )
    return TailQuery(parameters=pairs, includes=values.pop("include", ()), **values)


def parsed(
    query_string: bytes, readers: Mapping[str, Callable[[str], Any]]
) -> tuple[tuple[tuple[str, str], ...], dict[str, Any]]:
    """The values of the pairs; a reader raises ValueError or InvalidRequest for an invalid one."""
    if len(query_string) > QUERY_BYTES_MAX:
        raise InvalidRequest(f"A query string has at most {QUERY_BYTES_MAX} bytes, not {len(query_string)}.")
    pairs, faults = query_pairs(query_string, tuple(readers))
    values: dict[str, Any] = {}
    for name, text in pairs:
        try:
            values[_FIELDS.get(name, name)] = readers[name](text)
        except InvalidRequest as exc:
            faults += exc.faults
        except ValueError as exc:
            faults.append(Fault(f"Expected {exc}, got {text[:ECHO_CHARACTERS_MAX]!r}.", parameter=name))
    if faults:
        raise InvalidRequest(faults[:FAULTS_MAX])
    return tuple(pairs), values


def _whole_number(least: int, greatest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= greatest:
            return int(text)
        raise ValueError(f"an integer from {least} to {greatest}")

    return read


def _text(characters_max: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not 0 < len(text) <= characters_max:
            raise ValueError(f"1 to {characters_max} characters")
        return text

    return read


def _email(text: str) -> str:
    email = normal_email(text)
    if email is None:
        raise ValueError("an email address")
    return email


def _phone_number(text: str) -> str:
    number = normal_phone_number(text)
    if number is None:
        raise ValueError("a phone number such as +15005550006 (with + as %2B)")
    return number


def _is_descending(text: str) -> bool:
    if text not in ("created", "-created"):
        raise ValueError("created or -created")
    return text.startswith("-")


def _includes(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(","))) if text else ()
    if not set(names) <= INCLUDE_SCOPES.keys():
        raise ValueError(f"some of {', '.join(INCLUDE_SCOPES)}, with commas between")
    return names


_PAGE: Final[Mapping[str, Callable[[str], Any]]] = {
    SIZE: _whole_number(1, PAGE_EVENTS_MAX),
    CURSOR: _text(ECHO_CHARACTERS_MAX),
}
_FIELDS: Final = {SIZE: "page_size", CURSOR: "cursor"}
"""Parameters that have another name here."""
