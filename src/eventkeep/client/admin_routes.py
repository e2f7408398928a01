"""The operations of an eventkeep server beyond the Events API, as calls for ``Client.perform``.

The hosted service has none of these: it responds with 404, which is raised as NotFoundError.
"""

from __future__ import annotations

import datetime
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec
from msgspec import Raw

from eventkeep.client.call import Call
from eventkeep.client.errors import ArgumentError
from eventkeep.client.json_api import cursor_in
from eventkeep.client.results import IncludedEvent, Metric, PartialMetric, Profile, read_events
from eventkeep.protocol.admin.operations import ADMIN_OPERATIONS

Result = TypeVar("Result")
Kind = TypeVar("Kind", Metric, PartialMetric, Profile)

IdentifierKind = Literal["email", "phone_number", "external_id"]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """The number of events; all members are None if the key may not read events."""

    events: int | None = None
    oldest_event: datetime.datetime | None = None
    newest_event: datetime.datetime | None = None


class CountedMetric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric and its events."""

    metric: Metric
    count: Counted


class MetricStats(Counted, frozen=True, kw_only=True):
    """A metric in the stats of an account."""

    id: str
    name: str


class Stats(Counted, frozen=True, kw_only=True):
    """The contents of an account. ``event_bytes`` estimates the bytes of its events on disk.

    ``by_metric`` begins with the metric that has the most events; it may not have all metrics.
    """

    profiles: int
    metrics: int
    event_bytes: int
    by_metric: list[MetricStats]


class Page(msgspec.Struct, Generic[Result], frozen=True, kw_only=True):
    """One page; ``next_cursor`` is None on the last one."""

    items: list[Result]
    next_cursor: str | None


class NewEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Events in the order in which they were kept, and the position to ask from the next time.

    ``has_skipped`` says that events before these may be missing: the reader was too late,
    or the server was restarted.
    """

    events: list[IncludedEvent]
    position: str
    has_skipped: bool


class _Links(msgspec.Struct):
    next: str | None = None


class _Resource(msgspec.Struct):
    id: str
    attributes: dict[str, Any]
    meta: Counted = Counted()


class _Single(msgspec.Struct):
    data: _Resource


class _List(msgspec.Struct):
    data: list[_Resource]
    links: _Links


class _StatsData(msgspec.Struct):
    attributes: Stats


class _StatsDocument(msgspec.Struct):
    data: _StatsData


class _TailMeta(msgspec.Struct):
    position: str
    skipped: bool


class _TailDocument(msgspec.Struct):
    meta: _TailMeta


def list_metrics_call(
    *, name: str | None = None, page_size: int | None = None, cursor: str | None = None
) -> Call[Page[CountedMetric]]:
    """The metrics, oldest first; ``name`` chooses those of that name, one for each integration."""

    def read(response: httpx.Response) -> Page[CountedMetric]:
        document = msgspec.json.decode(response.content, type=_List)
        return Page(items=[_counted(each) for each in document.data], next_cursor=cursor_in(document.links.next))

    return _call("list_metrics", read, {"name": name, "page[size]": page_size, "page[cursor]": cursor})


def get_metric_call(id: str) -> Call[CountedMetric]:
    """One metric. Raises ArgumentError for a text that can't be an id."""
    return _call("get_metric", lambda response: _counted(_single(response)), {}, id)


def list_profiles_call(
    *,
    identifier: tuple[IdentifierKind, str] | None = None,
    newest_first: bool = False,
    page_size: int | None = None,
    cursor: str | None = None,
) -> Call[Page[Profile]]:
    """The profiles, or the one that an identifier means."""

    def read(response: httpx.Response) -> Page[Profile]:
        document = msgspec.json.decode(response.content, type=_List)
        items = [_resource(Profile, each) for each in document.data]
        return Page(items=items, next_cursor=cursor_in(document.links.next))

    parameters: dict[str, object] = {"page[size]": page_size, "page[cursor]": cursor}
    if identifier is not None:
        parameters[identifier[0]] = identifier[1]
    else:
        parameters["sort"] = "-created" if newest_first else "created"
    return _call("list_profiles", read, parameters)


def get_profile_call(id: str) -> Call[Profile]:
    """One profile. Raises ArgumentError for a text that can't be an id."""
    return _call("get_profile", lambda response: _resource(Profile, _single(response)), {}, id)


def get_stats_call() -> Call[Stats]:
    """The contents of the key's account."""
    return _call(
        "get_stats", lambda response: msgspec.json.decode(response.content, type=_StatsDocument).data.attributes, {}
    )


def tail_call(*, after: str | None = None, wait_seconds: int = 0, page_size: int | None = None) -> Call[NewEvents]:
    """The events that were stored after a position, with their metrics and profiles; None gives the current position.

    If there are none, the response comes when there is one, after ``wait_seconds`` at the latest.
    """

    def read(response: httpx.Response) -> NewEvents:
        meta = msgspec.json.decode(response.content, type=_TailDocument).meta
        return NewEvents(events=read_events(response).events, position=meta.position, has_skipped=meta.skipped)

    return _call(
        "tail",
        read,
        {"after": after, "wait_seconds": wait_seconds, "page[size]": page_size, "include": "metric,profile"},
    )


def _call(name: str, read: Any, parameters: dict[str, object], id: str | None = None) -> Call[Any]:
    operation = ADMIN_OPERATIONS[name]
    path = operation.path
    if id is not None:
        if not id or "/" in id or id in (".", ".."):
            raise ArgumentError(f"{name}: expected an id, got {id!r}")
        path = path.replace("{id}", quote(id, safe=""))
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return Call(method=operation.method, target=f"{path}?{query}" if query else path, read=read)


def _single(response: httpx.Response) -> _Resource:
    return msgspec.json.decode(response.content, type=_Single).data


def _counted(resource: _Resource) -> CountedMetric:
    return CountedMetric(metric=_resource(Metric, resource), count=resource.meta)


def _resource(kind: type[Kind], resource: _Resource) -> Kind:
    return msgspec.convert({**resource.attributes, "id": resource.id, "raw": Raw()}, type=kind)
