"""Records: events as they were read, turned back into the values that created them."""

from __future__ import annotations

import datetime
import functools
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from eventkeep.limits import EXPORT_TIMES_REMEMBERED_MAX
from eventkeep.protocol.rows.columns import (
    API_SERVICE,
    PROFILE_PREFIX,
    PROFILE_TEXTS,
    EventRow,
    ProfileColumns,
)


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

    @property
    def columns(self) -> ProfileColumns:
        """The columns of a row."""
        texts = {PROFILE_PREFIX + name: getattr(self, name) for name in PROFILE_TEXTS}
        location, properties = (UNSET if each is None else Raw(each) for each in (self.location, self.properties))
        return ProfileColumns(**texts, profile_location=location, profile_properties=properties)


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


@functools.lru_cache(maxsize=EXPORT_TIMES_REMEMBERED_MAX)
def time_text(seconds: int) -> str:
    """Unix seconds as ``2024-06-15T12:00:00+00:00``."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def row_of(record: Record, *, has_ids: bool) -> EventRow:
    """The row of a record; ``has_ids`` adds the columns that are the server's own."""
    ids: dict[str, Any] = {
        "event_id": record.id,
        "uuid": record.uuid,
        "metric_id": record.metric.id,
        "profile_id": record.profile.id,
    }
    return EventRow(
        time=time_text(record.time),
        metric=record.metric.name,
        service=record.metric.service,
        unique_id=record.unique_id,
        value=record.value,
        value_currency=record.value_currency,
        properties=Raw(record.properties),
        **msgspec.structs.asdict(record.profile.columns),
        **(ids if has_ids else {}),
    )
