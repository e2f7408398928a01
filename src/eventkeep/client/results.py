"""What the operations give back, as types; what an answer includes is joined to the events that point to it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
from msgspec import Raw

Result = TypeVar("Result")


class Answer(NamedTuple, Generic[Result]):
    """What an operation gave back, with the answer's status and headers (whose names are in any case)."""

    data: Result
    status: int
    headers: Mapping[str, str]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """Something with an id. ``raw`` is the resource as it was sent; see ``as_sent``."""

    id: str
    raw: Raw = Raw()

    def as_sent(self) -> dict[str, Any]:
        """The resource as the answer had it: type, id, attributes, relationships, links."""
        if not bytes(self.raw):
            return {"type": type(self).__name__.lower(), "id": self.id}
        document: dict[str, Any] = msgspec.json.decode(self.raw)
        return document

    def __repr__(self) -> str:
        told = [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "raw"]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in told if value is not None)})"


class Metric(Resource, frozen=True, kw_only=True):
    """A metric. All but ``id`` is None where it was not asked for."""

    name: str | None = None
    created: datetime.datetime | None = None
    updated: datetime.datetime | None = None
    integration: dict[str, Any] | None = None


class Profile(Resource, frozen=True, kw_only=True):
    """A profile. All but ``id`` is None where it has no value or was not asked for."""

    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    anonymous_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: str | None = None
    title: str | None = None
    image: str | None = None
    created: datetime.datetime | None = None
    updated: datetime.datetime | None = None
    last_event_date: datetime.datetime | None = None
    location: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None
    subscriptions: dict[str, Any] | None = None
    predictive_analytics: dict[str, Any] | None = None


class Event(Resource, frozen=True, kw_only=True):
    """An event. ``timestamp`` is in Unix seconds.

    ``metric`` and ``profile`` hold all that the answer included of them, and their ids
    in any case. ``timestamp``, ``datetime``, ``event_properties`` and ``uuid`` are None
    where a sparse fieldset left them out.
    """

    metric: Metric | None = None
    profile: Profile | None = None
    timestamp: int | None = None
    datetime: datetime.datetime | None = None
    event_properties: dict[str, Any] | None = None
    uuid: str | None = None

    @property
    def value(self) -> float | None:
        """The property ``$value``."""
        return (self.event_properties or {}).get("$value")

    @property
    def unique_id(self) -> str | None:
        """The property ``$event_id``: what was sent as ``unique_id``, or else the event's second."""
        return (self.event_properties or {}).get("$event_id")


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of events. The cursors are None where there is no page in that direction."""

    events: list[Event]
    next_cursor: str | None
    prev_cursor: str | None
    raw: Raw

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def as_sent(self) -> dict[str, Any]:
        """The whole document as it was answered: data, included, links."""
        document: dict[str, Any] = msgspec.json.decode(self.raw)
        return document


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The type and the id of what a relationship points to."""

    type: str
    id: str


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a create that was answered 202.

    ``stored`` and ``repeated`` count events; they are None where the server does not
    tell (the hosted service does not). ``partial_failure`` names identifiers that were
    given and not used.
    """

    stored: int | None = None
    repeated: int | None = None
    partial_failure: tuple[str, ...] = ()


class _Links(msgspec.Struct):
    next: str | None = None
    prev: str | None = None


class _Relationship(msgspec.Struct):
    data: Raw = Raw(b"null")


class _Resource(msgspec.Struct):
    type: str
    id: str
    attributes: Raw = Raw(b"{}")
    relationships: dict[str, _Relationship] = {}


class _EventAttributes(msgspec.Struct):
    timestamp: int | None = None
    datetime: datetime.datetime | None = None
    event_properties: dict[str, Any] | None = None
    uuid: str | None = None


class _Document(msgspec.Struct):
    data: Raw
    included: list[Raw] = []
    links: _Links = msgspec.field(default_factory=_Links)


Included = dict[tuple[str, str], Metric | Profile]


def read_created(response: httpx.Response) -> Created:
    """What the headers of a 202 tell."""
    partial = response.headers.get("X-Klaviyo-Partial-Failure", "")
    return Created(
        stored=_count(response.headers.get("Eventkeep-Events-Stored")),
        repeated=_count(response.headers.get("Eventkeep-Events-Repeated")),
        partial_failure=tuple(name.strip() for name in partial.split(",") if name.strip()),
    )


def read_events(response: httpx.Response) -> EventPage:
    """A page of events. Raises msgspec.DecodeError."""
    document = msgspec.json.decode(response.content, type=_Document)
    included = _by_id(document.included)
    return EventPage(
        events=[_event(raw, included) for raw in msgspec.json.decode(document.data, type=list[Raw])],
        next_cursor=cursor_in(document.links.next),
        prev_cursor=cursor_in(document.links.prev),
        raw=Raw(response.content),
    )


def read_event(response: httpx.Response) -> Event:
    """One event. Raises msgspec.DecodeError."""
    document = msgspec.json.decode(response.content, type=_Document)
    return _event(document.data, _by_id(document.included))


def read_metric(response: httpx.Response) -> Metric:
    """One metric. Raises msgspec.DecodeError."""
    return _joined(Metric, _sole(response))


def read_profile(response: httpx.Response) -> Profile:
    """One profile. Raises msgspec.DecodeError."""
    return _joined(Profile, _sole(response))


def read_reference(response: httpx.Response) -> Reference:
    """What a relationship points to. Raises msgspec.DecodeError."""
    return msgspec.json.decode(_sole(response), type=Reference)


def cursor_in(text: str | None) -> str | None:
    """The cursor in a link, or the text itself where it is no link."""
    if text is None or "://" not in text:
        return text
    found = parse_qs(urlsplit(text).query).get("page[cursor]")
    return found[0] if found else None


def _sole(response: httpx.Response) -> Raw:
    """The resource of a single document; in revision 2024-07-15 it stands in a list of one."""
    data = msgspec.json.decode(response.content, type=_Document).data
    if not bytes(data).lstrip().startswith(b"["):
        return data
    resources = msgspec.json.decode(data, type=list[Raw])
    if len(resources) != 1:
        raise msgspec.ValidationError(f"expected one resource, got {len(resources)}")
    return resources[0]


def _event(raw: Raw, included: Included) -> Event:
    resource = msgspec.json.decode(raw, type=_Resource)
    attributes = msgspec.json.decode(resource.attributes, type=_EventAttributes)
    return Event(
        id=resource.id,
        raw=raw,
        metric=_related(Metric, resource, included),
        profile=_related(Profile, resource, included),
        timestamp=attributes.timestamp,
        datetime=attributes.datetime,
        event_properties=attributes.event_properties,
        uuid=attributes.uuid,
    )


Kind = TypeVar("Kind", Metric, Profile)


def _related(kind: type[Kind], resource: _Resource, included: Included) -> Kind | None:
    """What the event's relationship points to: all of it where the answer included it, else its id."""
    relationship = resource.relationships.get(kind.__name__.lower())
    if relationship is None:
        return None
    reference = msgspec.json.decode(relationship.data, type=Reference | None)
    if reference is None:
        return None
    found = included.get((reference.type, reference.id))
    return found if isinstance(found, kind) else kind(id=reference.id)


def _joined(kind: type[Kind], raw: Raw) -> Kind:
    resource = msgspec.json.decode(raw, type=_Resource)
    attributes = msgspec.json.decode(resource.attributes, type=dict[str, Any])
    return msgspec.structs.replace(msgspec.convert({**attributes, "id": resource.id}, type=kind), raw=raw)


def _by_id(included: list[Raw]) -> Included:
    found: Included = {}
    for raw in included:
        reference = msgspec.json.decode(raw, type=Reference)
        if reference.type == "metric":
            found[reference.type, reference.id] = _joined(Metric, raw)
        elif reference.type == "profile":
            found[reference.type, reference.id] = _joined(Profile, raw)
    return found


def _count(told: str | None) -> int | None:
    return int(told) if told is not None and told.isascii() and told.isdecimal() else None
