"""Records: events as they were read, turned back into the values that created them."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from eventkeep.limits import EXPORT_TIMES_REMEMBERED_MAX
from eventkeep.model.currency import normal_currency

IDENTIFIERS: Final = ("external_id", "email", "phone_number", "anonymous_id")
"""The readable identifiers of a profile."""
PLAIN_ATTRIBUTES: Final = ("first_name", "last_name", "organization", "locale", "title", "image")
API_SERVICE: Final = "api"
"""The key of the integration of metrics that name none."""

_EVENT_ID, _VALUE, _CURRENCY = "$event_id", "$value", "$value_currency"


class Metric(msgspec.Struct, frozen=True):
    """A metric by name and by its integration's key."""

    id: str
    name: str
    service: str = API_SERVICE


class Profile(msgspec.Struct, frozen=True):
    """A profile. ``location`` and ``properties`` are JSON objects, None if they are empty."""

    id: str
    external_id: str | None = None
    email: str | None = None
    phone_number: str | None = None
    anonymous_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: str | None = None
    title: str | None = None
    image: str | None = None
    location: bytes | None = None
    properties: bytes | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """Its identifiers, as something to sort by."""
        return (self.external_id or "", self.email or "", self.phone_number or "", self.anonymous_id or "")


class Record(msgspec.Struct, frozen=True):
    """One event: ``time`` in Unix seconds, ``properties`` a JSON object without the members that the server added.

    ``id`` and ``uuid`` are the reading server's own; ``uuid`` may be empty if it was not requested.
    """

    id: str
    uuid: str
    time: int
    metric: Metric
    profile: Profile
    unique_id: str
    value: float | None
    value_currency: str | None
    properties: bytes

    @property
    def order(self) -> tuple[Any, ...]:
        """Return a key that sorts the events of one second alike on every server: metric, unique_id, profile."""
        return (self.metric.name, self.metric.service, self.unique_id, self.profile.identity)


class Attributes(msgspec.Struct, frozen=True):
    """The attributes that were sent with an event, taken out of its ``event_properties`` again."""

    unique_id: str
    value: float | None
    value_currency: str | None
    properties: bytes


_members = msgspec.json.Decoder(dict[str, Raw]).decode
_number_or_other = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def sent_attributes(event_properties: bytes, time: int) -> Attributes:
    """Take ``event_properties`` apart into the attributes that they were made of.

    The API shows the sent properties in their order, then ``$value_currency``,
    ``$event_id`` and ``$value``, then ``$extra``. So ``$value`` behind ``$event_id``, and
    ``$value_currency`` right before it, are the event's value and currency; at any other
    place, or with a value that can't be one, they are properties like any other. Without
    ``$event_id`` the unique_id is the event's second, the default of the API.
    """
    members = _members(event_properties)
    names = list(members)
    unique_id, value, currency = str(time), None, None
    if _EVENT_ID in members:
        sent = members.pop(_EVENT_ID)
        unique_id = _text(sent) or bytes(sent).decode()
        place = names.index(_EVENT_ID)
        if place and names[place - 1] == _CURRENCY:
            currency = normal_currency(_text(members[_CURRENCY]) or "")
            if currency is not None:
                del members[_CURRENCY]
        if _VALUE in names[place:]:
            value = _number(members[_VALUE])
            if value is not None:
                del members[_VALUE]
    return Attributes(unique_id, value, currency, json_object(members))


def json_object(members: Mapping[str, Raw]) -> bytes:
    """The members as a JSON object, each value as it was written."""
    return b"{%b}" % b",".join([b"%b:%b" % (_encode(name), bytes(value)) for name, value in members.items()])


@functools.lru_cache(maxsize=EXPORT_TIMES_REMEMBERED_MAX)
def time_text(seconds: int) -> str:
    """Unix seconds as ``2024-06-15T12:00:00+00:00``."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def _text(value: Raw) -> str | None:
    found = _number_or_other(value)
    return found if isinstance(found, str) else None


def _number(value: Raw) -> float | None:
    found = _number_or_other(value)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
