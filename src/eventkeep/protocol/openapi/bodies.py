"""Schemas of the create bodies, made from the types that ``eventkeep.protocol.creates.documents`` decodes them into.

A schema has the members of the revision. The server accepts a little more, for clients of
other revisions: ``meta`` in both places, null in the revisions before 2024-02-15, and times
with a space for the ``T`` or without an offset.
"""

from __future__ import annotations

from typing import Final

from eventkeep.limits import BULK_EVENTS_MAX
from eventkeep.protocol.creates import documents
from eventkeep.protocol.openapi.schemas import ANY_OBJECT, Schema
from eventkeep.protocol.openapi.types import OfField, TypeSchemas
from eventkeep.protocol.revisions import Revision

DESCRIPTIONS: Final[OfField] = {
    (documents.EventContent, "properties"): (
        "Properties of the event; reads return them exactly as they were sent. A string is at most 100 KB long, "
        "an array has at most 4,000 elements, and there are at most 10 levels. The values in `$extra` are not checked."
    ),
    (documents.EventContent, "time"): (
        "The time of the event; by default, the time of the request. It is truncated to the second, and "
        "is in the year 2000 or later and at most one year in the future."
    ),
    (documents.EventContent, "value"): "A number that goes with the event, such as the amount of a purchase.",
    (documents.EventContent, "value_currency"): "The ISO 4217 code of the currency that the value is in.",
    (documents.EventContent, "unique_id"): (
        "Of events with the same profile, metric and unique_id only the first one is stored. The default is the "
        "event's second."
    ),
    (documents.EventContent, "backfill"): "Whether the event holds back flows; eventkeep has none.",
    (documents.MetricAttributes, "service"): "The integration that the metric belongs to; without it, the API.",
    (documents.Profile, "id"): "The profile's id, a ULID. One that is unknown is no identifier.",
    (documents.Profile, "attributes"): (
        "Identifiers and other attributes of the profile. At least the id or one identifier is required."
    ),
    (documents.ProfileAttributes, "phone_number"): "In E.164 form.",
    (documents.ProfileAttributes, "kx"): "The identifier that the hosted service's web tracking uses.",
    (documents.ProfileMeta, "patch_properties"): "Changes of the profile's properties, made after `properties`.",
}
"""Descriptions of members."""

_FORMATS: Final[OfField] = {(documents.EventContent, "time"): "date-time"}


class BodySchemas(TypeSchemas):
    """The bodies of a revision's create operations. Schemas of their parts go to ``components``, by their names."""

    descriptions, formats = DESCRIPTIONS, _FORMATS

    def __init__(self, revision: Revision, components: dict[str, Schema]) -> None:
        super().__init__(revision, components)
        self._meta_places: tuple[str, ...] = ()
        self._prefix = ""

    def create_event(self) -> Schema:
        """The body of POST /api/events/."""
        # Its profile differs: ``meta`` is in another place.
        self._meta_places, self._prefix = self._revision.create_event_meta, "Event"
        return self.named("EventCreate", documents.EventCreate)

    def bulk_create_events(self) -> Schema:
        """The body of POST /api/event-bulk-create-jobs/."""
        self._meta_places, self._prefix = ("profile",), ""
        return self.named("BulkCreate", documents.BulkCreate)

    def client_bulk_create(self) -> Schema:
        """The body of POST /client/event-bulk-create/: one item of a bulk create."""
        self._meta_places, self._prefix = ("profile",), ""
        return self.named("ClientBulkCreate", documents.ClientBulkCreate)

    def _name(self, kind: type) -> str | None:
        if kind is documents.Data:
            return None
        is_own = kind in (documents.Profile, documents.ProfileAttributes)
        return f"{self._prefix if is_own else ''}{kind.__name__}"

    def _raw(self) -> Schema:
        return {**ANY_OBJECT, "maxProperties": self._revision.properties_max}

    def _items(self, kind: type) -> Schema:
        # The lists of resources: profiles with their events, and those events.
        return {"minItems": 1, "maxItems": BULK_EVENTS_MAX}

    def _has(self, kind: type, name: str) -> bool:
        """True if the revision has the member."""
        revision = self._revision
        if issubclass(kind, documents.EventAttributes):
            return name == "profile" or name in revision.create_event_attributes
        if kind is documents.ProfileEventsAttributes:
            return name != "backfill" or name in revision.create_event_attributes
        if kind is documents.Profile:
            return name != "meta" or "profile" in self._meta_places
        if kind is documents.ProfileAttributes:
            return "attributes" in self._meta_places if name == "meta" else name in revision.create_profile_attributes
        if kind is documents.Location:
            return f"location.{name}" in revision.profile_fields
        return True
