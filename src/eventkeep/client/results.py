"""The results of the operations, as types. Resources that a response includes are joined to their events."""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, overload

import httpx
import msgspec
from msgspec import Raw

from eventkeep.client.customer_results import PredictiveAnalytics, Subscriptions, with_one_shape
from eventkeep.client.json_api import (
    ResourceObject,
    cursor_in,
    listed_resources,
    read_document,
    single_resource,
    values_of,
)

Result = TypeVar("Result")
ROWS_SHOWN_MAX = 20
"""Events of a page that a notebook shows."""


class ApiResponse(NamedTuple, Generic[Result]):
    """The result of an operation, with the status and the headers of the response (names in any case)."""

    data: Result
    status: int
    headers: Mapping[str, str]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource with an id. ``raw`` is the resource as it was sent; see ``as_sent``."""

    id: str
    raw: Raw = Raw()

    def as_sent(self) -> dict[str, Any]:
        """Return the resource as the response had it: type, id, attributes, relationships, links."""
        if not bytes(self.raw):
            return {"type": type(self).__name__.removeprefix("Partial").lower(), "id": self.id}
        document: dict[str, Any] = msgspec.json.decode(self.raw)
        return document

    def to_dict(self) -> dict[str, Any]:
        """Return the values by their names, without those that are None. Times stay datetimes."""
        members = ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "raw")
        return {name: _plain(value) for name, value in members if value is not None and value != ()}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._shown() if value is not None)
        return f"{type(self).__name__}({shown})"

    def _shown(self) -> list[tuple[str, object]]:
        """Return the names and values of a short repr; ``to_dict`` has all of them."""
        return [("id", self.id)]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Resource):
        return value.to_dict()
    if not isinstance(value, msgspec.Struct):
        return value
    members = ((name, getattr(value, name)) for name in value.__struct_fields__)
    return {name: _plain(member) for name, member in members if member is not None and member != ()}


class PartialMetric(Resource, frozen=True, kw_only=True):
    """A metric of which only ``id`` is certain: the rest is None if it was not included, or left out by a fieldset."""

    name: str | None = None
    created: datetime.datetime | None = None
    updated: datetime.datetime | None = None
    integration: dict[str, Any] | None = None

    def _shown(self) -> list[tuple[str, object]]:
        return [("id", self.id), ("name", self.name)]


class Metric(PartialMetric, frozen=True, kw_only=True):
    """A metric."""

    name: str
    created: datetime.datetime
    updated: datetime.datetime
    integration: dict[str, Any]


class Profile(Resource, frozen=True, kw_only=True):
    """A profile. Everything but ``id`` is None if it has no value, or was not asked for.

    ``subscriptions`` and ``predictive_analytics`` are read only with ``additional_fields_profile``.
    """

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
    subscriptions: Subscriptions | None = None
    predictive_analytics: PredictiveAnalytics | None = None

    def _shown(self) -> list[tuple[str, object]]:
        names = ("id", "email", "phone_number", "external_id", "anonymous_id")
        return [(name, getattr(self, name)) for name in names]


class Attribution(Resource, frozen=True, kw_only=True):
    """The message that an event is credited to, and the event by which it is.

    A message is a campaign's or a flow's; the ids of the other one are None.
    """

    attributed_event_id: str | None = None
    campaign_id: str | None = None
    campaign_message_id: str | None = None
    flow_id: str | None = None
    flow_message_id: str | None = None
    flow_message_variation_id: str | None = None

    def _shown(self) -> list[tuple[str, object]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "raw"]


class PartialEvent(Resource, frozen=True, kw_only=True):
    """An event that was read with a sparse fieldset: a value that the fieldset left out is None.

    ``timestamp`` is in Unix seconds. ``metric`` and ``profile`` have at least their ids. ``attributions`` are there if
    they were included and the event is credited to a message.
    """

    metric: PartialMetric | None = None
    profile: Profile | None = None
    attributions: tuple[Attribution, ...] = ()
    timestamp: int | None = None
    datetime: datetime.datetime | None = None
    event_properties: dict[str, Any] | None = None
    uuid: str | None = None

    @property
    def value(self) -> float | None:
        """The property ``$value``."""
        return (self.event_properties or {}).get("$value")

    @property
    def value_currency(self) -> str | None:
        """The property ``$value_currency``."""
        return (self.event_properties or {}).get("$value_currency")

    @property
    def unique_id(self) -> str | None:
        """The property ``$event_id``: the ``unique_id`` that was sent, or the event's second if none was."""
        return (self.event_properties or {}).get("$event_id")

    def _shown(self) -> list[tuple[str, object]]:
        metric, profile, moment = self.metric, self.profile, self.datetime
        return [
            ("id", self.id),
            ("datetime", None if moment is None else moment.isoformat()),
            ("metric", None if metric is None else metric.name or metric.id),
            ("profile", None if profile is None else profile.email or profile.id),
            ("value", self.value),
        ]


class Event(PartialEvent, frozen=True, kw_only=True):
    """An event. ``timestamp`` is in Unix seconds; ``metric`` and ``profile`` have at least their ids."""

    metric: PartialMetric
    profile: Profile
    timestamp: int
    datetime: datetime.datetime
    event_properties: dict[str, Any]
    uuid: str


class IncludedEvent(Event, frozen=True, kw_only=True):
    """An event that was read with ``include``, with all of its metric and its profile."""

    metric: Metric


Found_co = TypeVar("Found_co", bound=PartialEvent, covariant=True)


class EventPage(msgspec.Struct, Generic[Found_co], frozen=True, kw_only=True):
    """One page of events, a sequence of them. A cursor is None if there is no page in that direction."""

    events: list[Found_co]
    next_cursor: str | None
    prev_cursor: str | None
    raw: Raw

    def __iter__(self) -> Iterator[Found_co]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    @overload
    def __getitem__(self, place: int) -> Found_co: ...

    @overload
    def __getitem__(self, place: slice) -> list[Found_co]: ...

    def __getitem__(self, place: int | slice) -> Found_co | list[Found_co]:
        return self.events[place]

    def __repr__(self) -> str:
        return f"EventPage({len(self.events)} events, next_cursor={self.next_cursor!r})"

    def _repr_html_(self) -> str:
        """Return a table, as notebooks show it."""
        return html_table(self.events)

    def as_sent(self) -> dict[str, Any]:
        """Return the whole document of the response: data, included, links."""
        document: dict[str, Any] = msgspec.json.decode(self.raw)
        return document


def html_table(events: Sequence[PartialEvent]) -> str:
    """Return an HTML table of the first events."""
    names = ("datetime", "metric", "profile", "value", "id")
    rows = []
    for event in events[:ROWS_SHOWN_MAX]:
        shown = dict(event._shown())
        cells = ("" if shown[name] is None else html.escape(str(shown[name])) for name in names)
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    more = f"<p>{len(events) - len(rows)} more</p>" if len(events) > len(rows) else ""
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The type and the id of the resource that a relationship points to."""

    type: str
    id: str


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a create.

    ``stored`` and ``repeated`` count events; they are None if the server does not report
    them (the hosted service does not). ``partial_failure`` names identifiers that were
    sent and not used.
    """

    stored: int | None = None
    repeated: int | None = None
    partial_failure: tuple[str, ...] = ()


class _EventAttributes(msgspec.Struct):
    timestamp: int | None = None
    datetime: datetime.datetime | None = None
    event_properties: dict[str, Any] | None = None
    uuid: str | None = None


Included = dict[tuple[str, str], PartialMetric | Profile | Attribution]


def read_created(response: httpx.Response) -> Created:
    """Return the counts in the headers of a 202."""
    partial = response.headers.get("X-Klaviyo-Partial-Failure", "")
    return Created(
        stored=_count(response.headers.get("Eventkeep-Events-Stored")),
        repeated=_count(response.headers.get("Eventkeep-Events-Repeated")),
        partial_failure=tuple(name.strip() for name in partial.split(",") if name.strip()),
    )


def read_events(response: httpx.Response) -> EventPage[IncludedEvent]:
    """Read a page of events. Raises msgspec.DecodeError."""
    document = read_document(response)
    included = _by_id(document.included)
    return EventPage(
        events=[_event(raw, included) for raw in listed_resources(document)],
        next_cursor=cursor_in(document.links.next),
        prev_cursor=cursor_in(document.links.prev),
        raw=Raw(response.content),
    )


def read_event(response: httpx.Response) -> IncludedEvent:
    """Read one event. Raises msgspec.DecodeError."""
    document = read_document(response)
    return _event(document.data, _by_id(document.included))


def read_metric(response: httpx.Response) -> Metric:
    """Read one metric. Raises msgspec.DecodeError."""
    metric: Metric = read_metric_resource(single_resource(read_document(response)))  # type: ignore[assignment]
    return metric


def read_profile(response: httpx.Response) -> Profile:
    """Read one profile. Raises msgspec.DecodeError."""
    return read_profile_resource(single_resource(read_document(response)))


def read_reference(response: httpx.Response) -> Reference:
    """Read the reference of a relationship. Raises msgspec.DecodeError."""
    return msgspec.json.decode(single_resource(read_document(response)), type=Reference)


def _event(raw: Raw, included: Included) -> IncludedEvent:
    """Return an event of the class that its values allow; callers know by their request which class that is."""
    resource = msgspec.json.decode(raw, type=ResourceObject)
    attributes = msgspec.json.decode(resource.attributes, type=_EventAttributes)
    metric, profile = (
        _related("metric", PartialMetric, resource, included),
        _related("profile", Profile, resource, included),
    )
    values: dict[str, Any] = {name: getattr(attributes, name) for name in attributes.__struct_fields__}
    kind: type[PartialEvent] = PartialEvent
    if metric is not None and profile is not None and all(value is not None for value in values.values()):
        kind = IncludedEvent if isinstance(metric, Metric) else Event
    attributions = _attributions(resource, included)
    event: Any = kind(id=resource.id, raw=raw, metric=metric, profile=profile, attributions=attributions, **values)
    found: IncludedEvent = event
    return found


def _attributions(resource: ResourceObject, included: Included) -> tuple[Attribution, ...]:
    """Return the attributions of an event that were included."""
    relationship = resource.relationships.get("attributions")
    if relationship is None:
        return ()
    references = msgspec.json.decode(relationship.data, type=list[Reference] | None) or []
    found = (included.get((reference.type, reference.id)) for reference in references)
    return tuple(each for each in found if isinstance(each, Attribution))


def _attribution(raw: Raw) -> Attribution:
    resource = msgspec.json.decode(raw, type=ResourceObject)
    ids: dict[str, str] = {}
    for name, relationship in resource.relationships.items():
        reference = msgspec.json.decode(relationship.data, type=Reference | None)
        if reference is not None and name != "event":
            ids[f"{name.replace('-', '_')}_id"] = reference.id
    known = {name: id for name, id in ids.items() if name in Attribution.__struct_fields__}
    return Attribution(id=resource.id, raw=raw, **known)


Kind = TypeVar("Kind", PartialMetric, Profile)


def _related(name: str, kind: type[Kind], resource: ResourceObject, included: Included) -> Kind | None:
    """Return the resource that the event's relationship points to: all of it if it was included, else its id."""
    relationship = resource.relationships.get(name)
    if relationship is None:
        return None
    reference = msgspec.json.decode(relationship.data, type=Reference | None)
    if reference is None:
        return None
    found = included.get((reference.type, reference.id))
    return found if isinstance(found, kind) else kind(id=reference.id)


def read_metric_resource(raw: Raw) -> PartialMetric:
    """Return a metric, a Metric if it has all of its values. Raises msgspec.DecodeError."""
    values = values_of(raw)
    is_whole = all(values.get(name) is not None for name in ("name", "created", "updated", "integration"))
    kind = Metric if is_whole else PartialMetric
    return msgspec.structs.replace(msgspec.convert(values, type=kind), raw=raw)


def read_profile_resource(raw: Raw) -> Profile:
    """Return a profile. Raises msgspec.DecodeError."""
    values = values_of(raw)
    if "subscriptions" in values:
        values["subscriptions"] = with_one_shape(values["subscriptions"])
    return msgspec.structs.replace(msgspec.convert(values, type=Profile), raw=raw)


def _by_id(included: list[Raw]) -> Included:
    found: Included = {}
    for raw in included:
        reference = msgspec.json.decode(raw, type=Reference)
        if reference.type == "metric":
            found[reference.type, reference.id] = read_metric_resource(raw)
        elif reference.type == "profile":
            found[reference.type, reference.id] = read_profile_resource(raw)
        elif reference.type == "attribution":
            found[reference.type, reference.id] = _attribution(raw)
    return found


def _count(header: str | None) -> int | None:
    return int(header) if header is not None and header.isascii() and header.isdecimal() else None
