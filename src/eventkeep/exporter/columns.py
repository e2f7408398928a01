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

from eventkeep.exporter.records import IDENTIFIERS, PLAIN_ATTRIBUTES, Profile, Record, time_text

EVENT_COLUMNS: Final = ("time", "metric", "service", "unique_id", "value", "value_currency", "properties")
PROFILE_PREFIX: Final = "profile_"
_PROFILE_TEXTS: Final = (*IDENTIFIERS, *PLAIN_ATTRIBUTES)
_PROFILE_OBJECTS: Final = ("location", "properties")
PROFILE_COLUMNS: Final = tuple(PROFILE_PREFIX + name for name in (*_PROFILE_TEXTS, *_PROFILE_OBJECTS))
COLUMNS: Final = (*EVENT_COLUMNS, *PROFILE_COLUMNS)
"""The columns of every export."""
SERVER_COLUMNS: Final = ("event_id", "uuid", "metric_id", "profile_id")
"""The columns that are added on request."""
JSON_COLUMNS: Final = ("properties", "profile_location", "profile_properties")


def profile_cells(profile: Profile) -> tuple[Any, ...]:
    """The values of PROFILE_COLUMNS; objects as JSON text."""
    texts = [getattr(profile, name) for name in _PROFILE_TEXTS]
    objects = [getattr(profile, name) for name in _PROFILE_OBJECTS]
    return (*texts, *(None if each is None else each.decode() for each in objects))


class Cells:
    """Rows of an export as tuples. A profile's cells are made once for the events that share it."""

    def __init__(self, has_server_columns: bool) -> None:
        self.columns = (*COLUMNS, *(SERVER_COLUMNS if has_server_columns else ()))
        self._has_server_columns = has_server_columns

    def rows(self, records: list[Record], is_time_text: bool = True) -> list[tuple[Any, ...]]:
        """A tuple for each record; times as text, or else in Unix seconds."""
        known: dict[int, tuple[Any, ...]] = {}
        rows: list[tuple[Any, ...]] = []
        for record in records:
            profile, metric = record.profile, record.metric
            cells = known.get(id(profile))
            if cells is None:
                cells = known[id(profile)] = profile_cells(profile)
            row = (
                time_text(record.time) if is_time_text else record.time,
                metric.name,
                metric.service,
                record.unique_id,
                record.value,
                record.value_currency,
                record.properties.decode(),
                *cells,
            )
            if self._has_server_columns:
                row = (*row, record.id, record.uuid, metric.id, profile.id)
            rows.append(row)
        return rows
