"""The columns of an export: all values that are needed to create the same events again, and none that a server made.

===========================  =====================================================================
``time``                     the event's second, ISO 8601 in UTC; in Parquet a timestamp
``metric``, ``service``      the metric's name, and the key of its integration (``api`` by default)
``unique_id``                the key that identifies a repeat of the event
``value``                    a number; none if the event has no value
``value_currency``           an ISO 4217 code
``properties``               the event's own properties, a JSON object
``profile_<identifier>``     external_id, email, phone_number, anonymous_id
``profile_<attribute>``      first_name, last_name, organization, locale, title, image
``profile_location``         a JSON object of the members that are set
``profile_properties``       a JSON object
===========================  =====================================================================

The profile's columns hold the profile as it is when its event is read, not as it was at the
event's time. A profile that shows no identifier (one that is known by a ``_kx`` alone)
has its id as ``profile_anonymous_id``. ``event_id``, ``uuid``, ``metric_id`` and ``profile_id`` are the server's
own: they are written only on request, and another server gives others.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

API_SERVICE: Final = "api"
"""The key of the integration of metrics that name none."""
IDENTIFIERS: Final = ("external_id", "email", "phone_number", "anonymous_id")
"""The readable identifiers of a profile."""
PLAIN_ATTRIBUTES: Final = ("first_name", "last_name", "organization", "locale", "title", "image")
EVENT_COLUMNS: Final = ("time", "metric", "service", "unique_id", "value", "value_currency", "properties")
PROFILE_PREFIX: Final = "profile_"
PROFILE_TEXTS: Final = (*IDENTIFIERS, *PLAIN_ATTRIBUTES)
PROFILE_COLUMNS: Final = tuple(PROFILE_PREFIX + name for name in (*PROFILE_TEXTS, "location", "properties"))
COLUMNS: Final = (*EVENT_COLUMNS, *PROFILE_COLUMNS)
"""The columns of every export."""
SERVER_COLUMNS: Final = ("event_id", "uuid", "metric_id", "profile_id")
"""The columns that are added on request."""
JSON_COLUMNS: Final = ("properties", "profile_location", "profile_properties")


class ProfileColumns(msgspec.Struct, frozen=True, omit_defaults=True):
    """The columns of a profile; None means no value, UNSET for the JSON objects location and properties."""

    profile_external_id: str | None = None
    profile_email: str | None = None
    profile_phone_number: str | None = None
    profile_anonymous_id: str | None = None
    profile_first_name: str | None = None
    profile_last_name: str | None = None
    profile_organization: str | None = None
    profile_locale: str | None = None
    profile_title: str | None = None
    profile_image: str | None = None
    profile_location: Raw | UnsetType = UNSET
    profile_properties: Raw | UnsetType = UNSET

    @property
    def identity(self) -> tuple[str, ...]:
        """Its identifiers, as something to sort by."""
        return (
            self.profile_external_id or "",
            self.profile_email or "",
            self.profile_phone_number or "",
            self.profile_anonymous_id or "",
        )


class EventRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row: an object on a line of JSON Lines, in which members without a value are left out."""

    time: str
    metric: str
    service: str
    unique_id: str
    value: float | None = None
    value_currency: str | None = None
    properties: Raw
    profile_external_id: str | None = None
    profile_email: str | None = None
    profile_phone_number: str | None = None
    profile_anonymous_id: str | None = None
    profile_first_name: str | None = None
    profile_last_name: str | None = None
    profile_organization: str | None = None
    profile_locale: str | None = None
    profile_title: str | None = None
    profile_image: str | None = None
    profile_location: Raw | UnsetType = UNSET
    profile_properties: Raw | UnsetType = UNSET
    event_id: str | None = None
    uuid: str | None = None
    metric_id: str | None = None
    profile_id: str | None = None


encode_lines: Final = msgspec.json.Encoder().encode_lines
"""Rows to JSON Lines."""
decode_lines: Final = msgspec.json.Decoder(EventRow).decode_lines
"""JSON Lines to rows. Raises msgspec.DecodeError."""


def cells(row: EventRow, has_server_columns: bool) -> tuple[Any, ...]:
    """The values of COLUMNS, and of SERVER_COLUMNS if they are wanted; JSON objects as text."""
    values = list(msgspec.structs.astuple(row))
    for place in JSON_PLACES:
        value = values[place]
        values[place] = None if value is UNSET else bytes(value).decode()
    return tuple(values) if has_server_columns else tuple(values[: len(COLUMNS)])


JSON_PLACES: Final = tuple(COLUMNS.index(name) for name in JSON_COLUMNS)
