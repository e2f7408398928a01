"""Pages of events, read by the thousand: only the members that records need, decoded once."""

from __future__ import annotations

import functools
from typing import Final

import httpx
import msgspec
from msgspec import Raw

from eventkeep.client.call import Call
from eventkeep.client.calls import get_events_call
from eventkeep.client.json_api import cursor_in
from eventkeep.client.settings import ClientSettings
from eventkeep.exporter.records import Metric, Profile, Record
from eventkeep.limits import EXPORT_LOCATIONS_REMEMBERED_MAX
from eventkeep.protocol.rows.columns import API_SERVICE
from eventkeep.protocol.rows.profile_columns import profile_fields
from eventkeep.protocol.rows.sent_attributes import json_object, sent_attributes

_NULL: Final = b"null"
_NOTHING: Final = Raw(_NULL)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: ``filter`` in the filter language, or None for all; ``sort`` as the API has it."""

    filter: str | None = None
    sort: str = "datetime"
    page_size: int | None = None
    has_ids: bool = False

    def call(self, settings: ClientSettings, cursor: str | None) -> Call[Page]:
        """The call for the page at a cursor, the first one for None."""
        revision = settings.revision
        call = get_events_call(
            fields_event=["timestamp", "event_properties", *(["uuid"] if self.has_ids else [])],
            fields_metric=["name", "integration"],
            fields_profile=profile_fields(revision),
            filter=self.filter,
            include=["metric", "profile"],
            page_cursor=cursor,
            page_size=self.page_size if revision.has_page_size else None,
            sort=self.sort,
        )
        return Call(method=call.method, target=call.target, read=read_page)


class Page(msgspec.Struct, frozen=True):
    """One page; ``next_cursor`` is None on the last one."""

    records: list[Record]
    next_cursor: str | None


class _Reference(msgspec.Struct):
    id: str


class _Relation(msgspec.Struct):
    data: _Reference


class _Relations(msgspec.Struct):
    metric: _Relation
    profile: _Relation


class _EventAttributes(msgspec.Struct):
    timestamp: int
    event_properties: Raw
    uuid: str = ""


class _Event(msgspec.Struct):
    id: str
    attributes: _EventAttributes
    relationships: _Relations


class _Integration(msgspec.Struct):
    key: str | None = None


class _MetricAttributes(msgspec.Struct):
    name: str
    integration: _Integration | None = None


class _Metric(msgspec.Struct, tag="metric"):
    id: str
    attributes: _MetricAttributes


class _ProfileAttributes(msgspec.Struct):
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
    location: Raw = _NOTHING
    properties: Raw = _NOTHING


class _Profile(msgspec.Struct, tag="profile"):
    id: str
    attributes: _ProfileAttributes


class _Links(msgspec.Struct):
    next: str | None = None


class _Page(msgspec.Struct):
    data: list[_Event]
    links: _Links
    included: list[_Metric | _Profile] = []


_decode = msgspec.json.Decoder(_Page).decode
_members = msgspec.json.Decoder(dict[str, Raw] | None).decode


def read_page(response: httpx.Response) -> Page:
    """Return the page in a response. Raises msgspec.DecodeError, also if an included resource is missing."""
    document = _decode(response.content)
    metrics: dict[str, Metric] = {}
    profiles: dict[str, Profile] = {}
    for resource in document.included:
        if isinstance(resource, _Metric):
            metrics[resource.id] = _metric(resource)
        else:
            profiles[resource.id] = _profile(resource)
    try:
        records = [_record(event, metrics, profiles) for event in document.data]
    except KeyError as exc:
        raise msgspec.ValidationError(f"expected {exc.args[0]!r} among the included resources") from exc
    return Page(records, cursor_in(document.links.next))


def _record(event: _Event, metrics: dict[str, Metric], profiles: dict[str, Profile]) -> Record:
    attributes, relations = event.attributes, event.relationships
    sent = sent_attributes(attributes.event_properties, attributes.timestamp)
    return Record(
        id=event.id,
        uuid=attributes.uuid,
        time=attributes.timestamp,
        metric=metrics[relations.metric.data.id],
        profile=profiles[relations.profile.data.id],
        unique_id=sent.unique_id,
        value=sent.value,
        value_currency=sent.value_currency,
        properties=sent.properties,
    )


def _metric(resource: _Metric) -> Metric:
    attributes = resource.attributes
    service = attributes.integration.key if attributes.integration else None
    return Metric(resource.id, attributes.name, service or API_SERVICE)


def _profile(resource: _Profile) -> Profile:
    given = resource.attributes
    anonymous_id = given.anonymous_id
    if not (given.external_id or given.email or given.phone_number or anonymous_id):
        # Known by an identifier that no response shows (_kx; before 2026-07-15 an anonymous_id too): give it some name.
        anonymous_id = resource.id
    properties = bytes(given.properties)
    return Profile(
        resource.id,
        given.external_id,
        given.email,
        given.phone_number,
        anonymous_id,
        given.first_name,
        given.last_name,
        given.organization,
        given.locale,
        given.title,
        given.image,
        _location(bytes(given.location)),
        None if properties in (_NULL, b"{}") else properties,
    )


@functools.lru_cache(maxsize=EXPORT_LOCATIONS_REMEMBERED_MAX)
def _location(shown: bytes) -> bytes | None:
    """The members that are set, of a location that shows every member it could have; most show none that is."""
    members = _members(shown) or {}
    given = {name: value for name, value in members.items() if bytes(value) != _NULL}
    return json_object(given) if given else None
