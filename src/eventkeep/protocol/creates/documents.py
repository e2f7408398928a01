"""The bodies of the two create operations, as types: a client encodes them, the server decodes them.

Source: the OpenAPI documents, EventCreateQueryV2 and EventsBulkCreateJob. A member that is UNSET is absent; None is an
explicit null. Decoding checks shapes, types and lengths; ``eventkeep.protocol.creates.validation`` checks all rules.

No document can contain itself, so the garbage collector does not track them: decoding a bulk create would otherwise
start it a dozen times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from eventkeep.limits import (
    IDENTIFIER_CHARACTERS_MAX,
    METRIC_NAME_CHARACTERS_MAX,
    PROFILE_ATTRIBUTE_CHARACTERS_MAX,
    PROPERTIES_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
    PROPERTY_LEVELS_MAX,
    SERVICE_NAME_CHARACTERS_MAX,
    UNIQUE_ID_CHARACTERS_MAX,
)

if TYPE_CHECKING:
    JsonObject = dict[str, Any]
    """An object of at most PROPERTY_LEVELS_MAX levels, its arrays of at most PROPERTY_ARRAY_ELEMENTS_MAX elements."""
    PropertiesObject = dict[str, Any]
    """A JsonObject of at most PROPERTIES_MAX members: the properties of an event."""
else:

    def nested_value(levels: int) -> Any:
        """The type of a JSON value with so many levels of objects and arrays."""
        value = None | bool | int | float | str
        for _ in range(levels):
            array = Annotated[list[value], Meta(max_length=PROPERTY_ARRAY_ELEMENTS_MAX)]
            value = None | bool | int | float | str | array | dict[str, value]
        return value

    _member = nested_value(PROPERTY_LEVELS_MAX - 1)
    JsonObject = dict[str, _member]
    PropertiesObject = Annotated[dict[str, _member], Meta(max_length=PROPERTIES_MAX)]

Text = Annotated[str, Meta(max_length=PROFILE_ATTRIBUTE_CHARACTERS_MAX)] | UnsetType | None
Identifier = Annotated[str, Meta(min_length=1, max_length=IDENTIFIER_CHARACTERS_MAX)] | UnsetType | None
Coordinate = int | float | Annotated[str, Meta(max_length=PROFILE_ATTRIBUTE_CHARACTERS_MAX)] | UnsetType | None
Simple = bool | int | float | str
Patch = dict[str, Simple | Annotated[list[Simple], Meta(max_length=PROPERTY_ARRAY_ELEMENTS_MAX)]]

Resource = TypeVar("Resource")


class Data(msgspec.Struct, Generic[Resource], kw_only=True, gc=False, forbid_unknown_fields=True):
    """The object around every resource of JSON:API."""

    data: Resource


class Document(msgspec.Struct, kw_only=True, gc=False, forbid_unknown_fields=True):
    """A part of a create body. Unknown members are refused."""


class MetricAttributes(Document, kw_only=True):
    """``service`` stands for the integration that the metric belongs to; the default is ``api``."""

    name: Annotated[str, Meta(min_length=1, max_length=METRIC_NAME_CHARACTERS_MAX)]
    service: Annotated[str, Meta(min_length=1, max_length=SERVICE_NAME_CHARACTERS_MAX)] | UnsetType | None = UNSET


class Metric(Document, kw_only=True):
    type: Literal["metric"]
    attributes: MetricAttributes


class Location(Document, kw_only=True):
    address1: Text = UNSET
    address2: Text = UNSET
    city: Text = UNSET
    country: Text = UNSET
    latitude: Coordinate = UNSET
    longitude: Coordinate = UNSET
    region: Text = UNSET
    zip: Text = UNSET
    timezone: Text = UNSET
    ip: Text = UNSET


class PatchProperties(Document, kw_only=True):
    """Changes to a profile's properties: values to add to arrays and remove from them, and keys to remove."""

    append: Patch | UnsetType | None = UNSET
    unappend: Patch | UnsetType | None = UNSET
    unset: str | list[str] | UnsetType | None = UNSET


class ProfileMeta(Document, kw_only=True):
    patch_properties: PatchProperties | UnsetType | None = UNSET


class ProfileAttributes(Document, kw_only=True):
    """``meta`` is here in single creates of later revisions, and in ``Profile`` otherwise."""

    email: str | UnsetType | None = UNSET
    phone_number: str | UnsetType | None = UNSET
    external_id: Identifier = UNSET
    anonymous_id: Identifier = UNSET
    kx: Identifier = msgspec.field(default=UNSET, name="_kx")
    first_name: Text = UNSET
    last_name: Text = UNSET
    organization: Text = UNSET
    locale: Text = UNSET
    title: Text = UNSET
    image: Text = UNSET
    location: Location | UnsetType | None = UNSET
    properties: JsonObject | UnsetType | None = UNSET
    meta: ProfileMeta | UnsetType | None = UNSET


class Profile(Document, kw_only=True):
    type: Literal["profile"]
    attributes: ProfileAttributes
    id: str | UnsetType | None = UNSET
    meta: ProfileMeta | UnsetType | None = UNSET


class EventContent(Document, kw_only=True):
    """The attributes of an event besides its metric and profile.

    ``properties`` is a raw JSON object, so that it is stored as it was sent. ``time`` is ISO 8601, ``value_currency``
    an ISO 4217 code. ``backfill`` exists from revision 2026-04-15 on; it suppresses flows, which eventkeep lacks.
    """

    properties: Raw
    time: str | UnsetType | None = UNSET
    value: float | UnsetType | None = UNSET
    value_currency: str | UnsetType | None = UNSET
    unique_id: Annotated[str, Meta(min_length=1, max_length=UNIQUE_ID_CHARACTERS_MAX)] | UnsetType | None = UNSET
    backfill: bool | UnsetType | None = UNSET


class EventAttributes(EventContent, kw_only=True):
    metric: Data[Metric]


class Event(Document, kw_only=True):
    type: Literal["event"]
    attributes: EventAttributes


class SingleEventAttributes(EventAttributes, kw_only=True):
    profile: Data[Profile]


class SingleEvent(Document, kw_only=True):
    type: Literal["event"]
    attributes: SingleEventAttributes


class ProfileEventsAttributes(Document, kw_only=True):
    profile: Data[Profile]
    events: Data[list[Event]]
    backfill: bool | UnsetType | None = UNSET


class ProfileEvents(Document, kw_only=True):
    """One profile and events of it: an item of a bulk request."""

    type: Literal["event-bulk-create"]
    attributes: ProfileEventsAttributes


class BulkCreateJobAttributes(Document, kw_only=True):
    items: Data[list[ProfileEvents]] = msgspec.field(name="events-bulk-create")


class BulkCreateJob(Document, kw_only=True):
    type: Literal["event-bulk-create-job"]
    attributes: BulkCreateJobAttributes


EventCreate = Data[SingleEvent]
"""The body of POST /api/events/."""
BulkCreate = Data[BulkCreateJob]
"""The body of POST /api/event-bulk-create-jobs/."""
ClientBulkCreate = Data[ProfileEvents]
"""The body of POST /client/event-bulk-create/."""


def metric(name: str, service: str | None = None) -> Data[Metric]:
    """A metric in an event."""
    return Data(
        data=Metric(
            type="metric", attributes=MetricAttributes(name=name, service=UNSET if service is None else service)
        )
    )


def profile(attributes: ProfileAttributes, id: str | None = None) -> Data[Profile]:
    """A profile in an event or in an item of a bulk create."""
    return Data(data=Profile(type="profile", attributes=attributes, id=UNSET if id is None else id))


def event_create(attributes: SingleEventAttributes) -> EventCreate:
    """The body that creates one event."""
    return Data(data=SingleEvent(type="event", attributes=attributes))
