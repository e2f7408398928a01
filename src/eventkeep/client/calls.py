"""The eight operations as calls: the request, whether it may be repeated, and how its response is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from eventkeep.client.drafts import completed_bulk, completed_event
from eventkeep.client.errors import ArgumentError
from eventkeep.client.results import (
    Created,
    EventPage,
    PartialEvent,
    PartialMetric,
    Profile,
    Reference,
    cursor_in,
    read_created,
    read_event,
    read_events,
    read_metric,
    read_profile,
    read_reference,
)
from eventkeep.limits import BODY_BYTES_MAX
from eventkeep.protocol.creates.documents import BulkCreate, EventCreate
from eventkeep.protocol.filters import Filter
from eventkeep.protocol.operations import OPERATIONS

Names = Iterable[str] | str | None
"""A list of names; text is one name, or several joined by commas."""

Result = TypeVar("Result")
Method = TypeVar("Method", bound=Callable[..., object])

ACCEPTED: Final = 202
OK: Final = 200


class Call(msgspec.Struct, Generic[Result], frozen=True, kw_only=True):
    """One call of an operation.

    ``target`` is the path with its query; ``body`` None means no body; ``status`` is that
    of success. ``is_repeatable`` says that the call may be sent again even if the server
    may have handled it already.
    """

    method: str
    target: str
    read: Callable[[httpx.Response], Result]
    body: bytes | None = None
    status: int = OK
    is_repeatable: bool = True


def create_event_call(body: EventCreate | Mapping[str, Any]) -> Call[Created]:
    content, is_repeatable = completed_event(body)
    return create_call("create_event", content, is_repeatable)


def bulk_create_events_call(body: BulkCreate | Mapping[str, Any]) -> Call[Created]:
    content, is_repeatable = completed_bulk(body)
    return create_call("bulk_create_events", content, is_repeatable)


def create_call(name: str, content: bytes, is_repeatable: bool = True) -> Call[Created]:
    """Return a create with a complete body. Raises ArgumentError if the body is too large."""
    if len(content) > BODY_BYTES_MAX:
        raise ArgumentError(f"{name}: expected a body of at most {BODY_BYTES_MAX:,} bytes, got {len(content):,}")
    operation = OPERATIONS[name]
    return Call(
        method=operation.method,
        target=operation.path,
        read=read_created,
        body=content,
        status=ACCEPTED,
        is_repeatable=is_repeatable,
    )


def get_events_call(
    *,
    fields_event: Names = None,
    fields_metric: Names = None,
    fields_profile: Names = None,
    filter: Filter | str | None = None,
    include: Names = None,
    page_cursor: str | None = None,
    page_size: int | None = None,
    sort: str | None = None,
) -> Call[EventPage[PartialEvent]]:
    _require("filter", "a Filter or text", filter, (Filter, str))
    _require("page_size", "a number", page_size, (int,))
    parameters = {
        "fields[event]": _joined("fields_event", fields_event),
        "fields[metric]": _joined("fields_metric", fields_metric),
        "fields[profile]": _joined("fields_profile", fields_profile),
        "filter": None if filter is None else str(filter),
        "include": _joined("include", include),
        "page[cursor]": cursor_in(_text("page_cursor", page_cursor)),
        "page[size]": None if page_size is None else str(page_size),
        "sort": _text("sort", sort),
    }
    return _read_call("get_events", "", parameters, read_events)


def get_event_call(
    id: str,
    *,
    fields_event: Names = None,
    fields_metric: Names = None,
    fields_profile: Names = None,
    include: Names = None,
) -> Call[PartialEvent]:
    parameters = {
        "fields[event]": _joined("fields_event", fields_event),
        "fields[metric]": _joined("fields_metric", fields_metric),
        "fields[profile]": _joined("fields_profile", fields_profile),
        "include": _joined("include", include),
    }
    return _read_call("get_event", id, parameters, read_event)


def get_event_metric_call(id: str, *, fields_metric: Names) -> Call[PartialMetric]:
    parameters = {"fields[metric]": _joined("fields_metric", fields_metric)}
    return _read_call("get_event_metric", id, parameters, read_metric)


def get_event_profile_call(id: str, *, additional_fields_profile: Names, fields_profile: Names) -> Call[Profile]:
    parameters = {
        "additional-fields[profile]": _joined("additional_fields_profile", additional_fields_profile),
        "fields[profile]": _joined("fields_profile", fields_profile),
    }
    return _read_call("get_event_profile", id, parameters, read_profile)


def get_event_relationships_metric_call(id: str) -> Call[Reference]:
    return _read_call("get_event_relationships_metric", id, {}, read_reference)


def get_event_relationships_profile_call(id: str) -> Call[Reference]:
    return _read_call("get_event_relationships_profile", id, {}, read_reference)


def with_options_of(call: Callable[..., object]) -> Callable[[Method], Method]:
    """Give a method that takes ``**options`` the signature of the call that it passes them to, for ``help``."""
    parameters = inspect.signature(call).parameters.values()

    def named(method: Method) -> Method:
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        method.__signature__ = inspect.Signature([own, *parameters])  # type: ignore[attr-defined]
        return method

    return named


def _read_call(
    name: str, id: str, parameters: Mapping[str, str | None], read: Callable[[httpx.Response], Result]
) -> Call[Result]:
    operation = OPERATIONS[name]
    path = operation.path
    if "{id}" in path:
        _require(name, "the id of an event", id, (str,))
        # Ids are letters and digits. These characters would lead to another path, even if they are encoded.
        if not id or "/" in id or id in (".", ".."):
            raise ArgumentError(f"{name}: expected the id of an event, got {id!r}")
        path = path.replace("{id}", quote(id, safe=""))
    query = urlencode({key: value for key, value in parameters.items() if value is not None})
    return Call(method=operation.method, target=f"{path}?{query}" if query else path, read=read)


def _joined(name: str, names: Names) -> str | None:
    if names is None or isinstance(names, str):
        return names
    _require(name, "a list of names", names, (Iterable,))
    listed = list(names)
    if not all(isinstance(each, str) for each in listed):
        raise ArgumentError(f"{name}: expected a list of names, got {listed!r}")
    return ",".join(listed)


def _text(name: str, value: str | None) -> str | None:
    _require(name, "text", value, (str,))
    return value


def _require(name: str, expected: str, value: object, kinds: tuple[type, ...]) -> None:
    """Raise ArgumentError for a value that is neither None nor of one of the kinds."""
    if value is not None and not isinstance(value, kinds):
        raise ArgumentError(f"{name}: expected {expected}, got {type(value).__name__}")
