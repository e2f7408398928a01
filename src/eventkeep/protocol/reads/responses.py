"""Whole responses to reads, in bytes: data, included resources and links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from eventkeep.model.attribution import Touch
from eventkeep.model.metric import Metric
from eventkeep.model.profile import Profile
from eventkeep.model.stored_events import StoredEvents
from eventkeep.protocol.frames import link_text
from eventkeep.protocol.reads.attributions import attribution_ids, attribution_property, attribution_resource
from eventkeep.protocol.reads.event_writer import Attributed, event_writer
from eventkeep.protocol.reads.pages import Page
from eventkeep.protocol.reads.query import ReadQuery
from eventkeep.protocol.resources import metric_resource, profile_resource
from eventkeep.protocol.revisions import Revision

if TYPE_CHECKING:
    from eventkeep.model.predictions.analytics import PredictiveAnalytics


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
    (Unix seconds, by profile number) if their ``last_event_date`` is wanted too. ``touches`` are those that events
    are credited to, by the (time, id) of the event, if the query shows them.
    """

    metrics: Mapping[int, Metric]
    profile_ids: Mapping[int, str]
    profiles: Mapping[int, Profile] = {}
    last_event_times: Mapping[int, int] = {}
    touches: Mapping[tuple[int, int], Touch] = {}


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


def event_document(frame: ReadFrame, events: StoredEvents, related: Related) -> bytes:
    """The response of get_event; ``events`` is the one event."""
    resource, included = _event_resources(frame, events, related), _included(frame, events, related)
    return b"".join((b'{"data":', resource, included, b',"links":{"self":', frame.link(), b"}}"))


def metric_document(frame: ReadFrame, metric: Metric) -> bytes:
    """The response of get_event_metric."""
    return _related_document(frame, metric_resource(metric, frame.base_url, frame.query.metric_fields, frame.revision))


def profile_document(
    frame: ReadFrame, profile: Profile, last_event_time: int | None, analytics: PredictiveAnalytics | None = None
) -> bytes:
    """The response of get_event_profile; ``last_event_time`` is the profile's newest event's, in Unix seconds."""
    return _related_document(frame, _profile_resource(frame, profile, last_event_time, analytics))


def relationship_document(frame: ReadFrame, kind: Literal["metric", "profile"], related_id: str) -> bytes:
    """The response of get_event_relationships_metric and _profile: the related resource, by its public id."""
    identifier = b'{"type":"%b","id":"%b"}' % (kind.encode(), related_id.encode())
    return b'{"data":%b,"links":{"self":%b}}' % (identifier, frame.link())


def _related_document(frame: ReadFrame, resource: bytes) -> bytes:
    if frame.revision.related_is_collection:
        return b'{"data":[%b],"links":{"self":%b,"next":null,"prev":null}}' % (resource, frame.link())
    return b'{"data":%b,"links":{"self":%b}}' % (resource, frame.link())


def _event_resources(frame: ReadFrame, events: StoredEvents, related: Related) -> bytes | memoryview:
    writer = event_writer(frame.base_url, frame.query.event_fields)
    return writer.write_all(events, related.metrics, related.profile_ids, _attributed(frame, events, related))


def _attributed(frame: ReadFrame, events: StoredEvents, related: Related) -> Attributed:
    """How the events show their attributions: as related resources, or as properties in the older revisions."""
    if not (related.touches and frame.query.shows_attributions):
        return Attributed()
    touches = [related.touches.get((event.time, event.id)) for event in events]
    if "attributions" in frame.query.includes:
        return Attributed(ids=attribution_ids(events, touches))
    return Attributed(properties=[b"" if touch is None else attribution_property(touch) for touch in touches])


def _included(frame: ReadFrame, events: StoredEvents, related: Related) -> bytes:
    """The member ``included`` with the comma before it, each resource once; empty if no include was requested."""
    includes = frame.query.includes
    if not includes:
        return b""
    resources: list[bytes] = []
    if "metric" in includes:
        numbers = _once(events.metrics)
        wanted = frame.query.metric_fields
        resources += [
            metric_resource(related.metrics[number], frame.base_url, wanted, frame.revision) for number in numbers
        ]
    if "profile" in includes:
        times = related.last_event_times
        numbers = _once(events.profiles)
        resources += [_profile_resource(frame, related.profiles[number], times.get(number)) for number in numbers]
    if "attributions" in includes:
        resources += [
            attribution_resource(event, touch, frame.base_url)
            for event in events
            if (touch := related.touches.get((event.time, event.id))) is not None
        ]
    return b',"included":[%b]' % b",".join(resources)


def _profile_resource(
    frame: ReadFrame, profile: Profile, last_event_time: int | None, analytics: PredictiveAnalytics | None = None
) -> bytes:
    return profile_resource(
        profile, last_event_time, frame.base_url, frame.query.profile_fields, frame.revision, analytics=analytics
    )


def _once(numbers: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(numbers))
