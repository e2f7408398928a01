"""Whole responses to reads, in bytes: data, included resources and links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from eventkeep.model.event import StoredEvent
from eventkeep.model.metric import Metric
from eventkeep.model.profile import Profile
from eventkeep.protocol.frames import link_text
from eventkeep.protocol.reads.event_writer import event_writer
from eventkeep.protocol.reads.pages import Page
from eventkeep.protocol.reads.query import ReadQuery
from eventkeep.protocol.resources import metric_resource, profile_resource
from eventkeep.protocol.revisions import Revision


class ReadFrame(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a request that every part of its response needs.

    ``base_url`` is the beginning of links (scheme and host, no slash at its end);
    ``path`` the request's path, decoded, as it was sent.
    """

    base_url: str
    path: str
    revision: Revision
    query: ReadQuery

    def link(self, cursor: str | None = None) -> bytes:
        """The request's own URL as a JSON string, or that of another page of it; percent-encoded."""
        return link_text(self.base_url, self.path, self.query.query.parameters, cursor)


class Related(msgspec.Struct, frozen=True, kw_only=True):
    """The resources that the events of a response point to.

    ``metrics`` and ``profile_ids`` (public ids) are keyed by number and hold those of
    every event. ``profiles`` is needed if profiles are included, ``last_event_times``
    (Unix seconds, by profile number) if their ``last_event_date`` is wanted too.
    """

    metrics: Mapping[int, Metric]
    profile_ids: Mapping[int, str]
    profiles: Mapping[int, Profile] = {}
    last_event_times: Mapping[int, int] = {}


def events_document(frame: ReadFrame, page: Page, related: Related) -> bytes:
    """The response of get_events."""
    links = b'"links":{"self":%b,"next":%b,"prev":%b}}' % (
        frame.link(),
        b"null" if page.next_cursor is None else frame.link(page.next_cursor),
        b"null" if page.prev_cursor is None else frame.link(page.prev_cursor),
    )
    resources, included = _event_resources(frame, page.events, related), _included(frame, page.events, related)
    # A join copies them once; a format would make room for them bit by bit.
    return b"".join((b'{"data":[', resources, b"]", included, b",", links))


def event_document(frame: ReadFrame, event: StoredEvent, related: Related) -> bytes:
    """The response of get_event."""
    resource, included = _event_resources(frame, (event,), related), _included(frame, (event,), related)
    return b"".join((b'{"data":', resource, included, b',"links":{"self":', frame.link(), b"}}"))


def metric_document(frame: ReadFrame, metric: Metric) -> bytes:
    """The response of get_event_metric."""
    return _related_document(frame, metric_resource(metric, frame.base_url, frame.query.metric_fields, frame.revision))


def profile_document(frame: ReadFrame, profile: Profile, last_event_time: int | None) -> bytes:
    """The response of get_event_profile; ``last_event_time`` is the profile's newest event's, in Unix seconds."""
    return _related_document(frame, _profile_resource(frame, profile, last_event_time))


def relationship_document(frame: ReadFrame, kind: Literal["metric", "profile"], related_id: str) -> bytes:
    """The response of get_event_relationships_metric and _profile: the related resource, by its public id."""
    identifier = b'{"type":"%b","id":"%b"}' % (kind.encode(), related_id.encode())
    return b'{"data":%b,"links":{"self":%b}}' % (identifier, frame.link())


def _related_document(frame: ReadFrame, resource: bytes) -> bytes:
    if frame.revision.related_is_collection:
        return b'{"data":[%b],"links":{"self":%b,"next":null,"prev":null}}' % (resource, frame.link())
    return b'{"data":%b,"links":{"self":%b}}' % (resource, frame.link())


def _event_resources(frame: ReadFrame, events: Sequence[StoredEvent], related: Related) -> bytes | memoryview:
    writer = event_writer(frame.base_url, frame.query.event_fields)
    return writer.write_all(events, related.metrics, related.profile_ids)


def _included(frame: ReadFrame, events: Sequence[StoredEvent], related: Related) -> bytes:
    """The member ``included`` with the comma before it, each resource once; empty if no include was requested."""
    includes = frame.query.includes
    if not includes:
        return b""
    resources: list[bytes] = []
    if "metric" in includes:
        numbers = _once(event.metric for event in events)
        wanted = frame.query.metric_fields
        resources += [
            metric_resource(related.metrics[number], frame.base_url, wanted, frame.revision) for number in numbers
        ]
    if "profile" in includes:
        times = related.last_event_times
        numbers = _once(event.profile for event in events)
        resources += [_profile_resource(frame, related.profiles[number], times.get(number)) for number in numbers]
    return b',"included":[%b]' % b",".join(resources)


def _profile_resource(frame: ReadFrame, profile: Profile, last_event_time: int | None) -> bytes:
    return profile_resource(profile, last_event_time, frame.base_url, frame.query.profile_fields, frame.revision)


def _once(numbers: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(numbers))
