"""The eight operations as calls: the request, whether it may be repeated, and how its response is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from eventkeep.client.call import ACCEPTED, Call, Names, body_call, joined, read_call, required, text
from eventkeep.client.drafts import DraftProfile, completed_bulk, completed_event, profile_json
from eventkeep.client.errors import ArgumentError
from eventkeep.client.json_api import cursor_in
from eventkeep.client.results import (
    Created,
    EventPage,
    PartialEvent,
    PartialMetric,
    Profile,
    Reference,
    read_created,
    read_event,
    read_events,
    read_metric,
    read_profile,
    read_reference,
)
from eventkeep.limits import BODY_BYTES_MAX
from eventkeep.protocol.creates.documents import BulkCreate, EventCreate
from eventkeep.protocol.filters import Filter
from eventkeep.protocol.operations import OPERATIONS


def create_event_call(body: EventCreate | Mapping[str, Any]) -> Call[Created]:
    content, is_repeatable = completed_event(body)
    return create_call("create_event", content, is_repeatable)


def bulk_create_events_call(body: BulkCreate | Mapping[str, Any]) -> Call[Created]:
    content, is_repeatable = completed_bulk(body)
    return create_call("bulk_create_events", content, is_repeatable)


def create_call(name: str, content: bytes, is_repeatable: bool = True) -> Call[Created]:
    """Return a create with a complete body. Raises ArgumentError if the body is too large."""
    if len(content) > BODY_BYTES_MAX:
        raise ArgumentError(f"{name}: expected a body of at most {BODY_BYTES_MAX:,} bytes, got {len(content):,}")
    operation = OPERATIONS[name]
    return Call(
        method=operation.method,
        target=operation.path,
        read=read_created,
        body=content,
        statuses=ACCEPTED,
        is_repeatable=is_repeatable,
    )


def identify_call(profile: DraftProfile) -> Call[Profile]:
    """Return the call that creates a profile, or changes the one that an identifier finds."""
    body = {"data": msgspec.Raw(profile_json(profile))}
    return body_call("create_or_update_profile", body, {}, read_profile, argument="profile")


def get_events_call(
    *,
    fields_event: Names = None,
    fields_metric: Names = None,
    fields_profile: Names = None,
    filter: Filter | str | None = None,
    include: Names = None,
    page_cursor: str | None = None,
    page_size: int | None = None,
    sort: str | None = None,
) -> Call[EventPage[PartialEvent]]:
    required("filter", "a Filter or text", filter, (Filter, str))
    required("page_size", "a number", page_size, (int,))
    parameters = {
        "fields[event]": joined("fields_event", fields_event),
        "fields[metric]": joined("fields_metric", fields_metric),
        "fields[profile]": joined("fields_profile", fields_profile),
        "filter": None if filter is None else str(filter),
        "include": joined("include", include),
        "page[cursor]": cursor_in(text("page_cursor", page_cursor)),
        "page[size]": None if page_size is None else str(page_size),
        "sort": text("sort", sort),
    }
    return read_call("get_events", "", parameters, read_events)


def get_event_call(
    id: str,
    *,
    fields_event: Names = None,
    fields_metric: Names = None,
    fields_profile: Names = None,
    include: Names = None,
) -> Call[PartialEvent]:
    parameters = {
        "fields[event]": joined("fields_event", fields_event),
        "fields[metric]": joined("fields_metric", fields_metric),
        "fields[profile]": joined("fields_profile", fields_profile),
        "include": joined("include", include),
    }
    return read_call("get_event", id, parameters, read_event)


def get_event_metric_call(id: str, *, fields_metric: Names) -> Call[PartialMetric]:
    parameters = {"fields[metric]": joined("fields_metric", fields_metric)}
    return read_call("get_event_metric", id, parameters, read_metric)


def get_event_profile_call(id: str, *, additional_fields_profile: Names, fields_profile: Names) -> Call[Profile]:
    parameters = {
        "additional-fields[profile]": joined("additional_fields_profile", additional_fields_profile),
        "fields[profile]": joined("fields_profile", fields_profile),
    }
    return read_call("get_event_profile", id, parameters, read_profile)


def get_event_relationships_metric_call(id: str) -> Call[Reference]:
    return read_call("get_event_relationships_metric", id, {}, read_reference)


def get_event_relationships_profile_call(id: str) -> Call[Reference]:
    return read_call("get_event_relationships_profile", id, {}, read_reference)
