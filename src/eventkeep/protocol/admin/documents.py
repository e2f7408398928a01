"""The responses of our own operations, in bytes: JSON:API documents of the API's resources, with counts in ``meta``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from eventkeep.model.event import StoredEvent
from eventkeep.model.event_count import EventCount
from eventkeep.model.metric import Metric
from eventkeep.model.profile import Profile
from eventkeep.model.stored_events import StoredEvents
from eventkeep.protocol.admin.positions import Position
from eventkeep.protocol.admin.queries import PageQuery, TailQuery
from eventkeep.protocol.datetimes import datetime_of
from eventkeep.protocol.fieldsets import Fieldset
from eventkeep.protocol.frames import link_text
from eventkeep.protocol.reads.event_writer import event_writer
from eventkeep.protocol.reads.responses import Related
from eventkeep.protocol.resources import metric_resource, profile_resource
from eventkeep.protocol.revisions import Revision

_encode = msgspec.json.Encoder().encode


class AdminFrame(msgspec.Struct, frozen=True, kw_only=True):
    """The request's part in every member of a response; links begin with ``base_url``."""

    base_url: str
    path: str
    revision: Revision


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """The totals of an account.

    ``event_bytes`` is its share of the event table on disk, by its number of events.
    ``by_metric`` has the metrics with the most events, in descending order.
    """

    total: EventCount
    profiles: int
    metrics: int
    event_bytes: int
    by_metric: Sequence[tuple[Metric, EventCount]]


def metrics_document(
    frame: AdminFrame,
    query: PageQuery,
    metrics: Sequence[Metric],
    counts: Mapping[int, EventCount] | None,
    *,
    has_next: bool,
) -> bytes:
    """The response of list_metrics. ``counts`` (by number; absent means none) None leaves the counts out."""
    resources = [_metric(frame, metric, counts) for metric in metrics]
    return _page(frame, query, resources, metrics[-1].id if has_next else None)


def metric_document(frame: AdminFrame, metric: Metric, counts: Mapping[int, EventCount] | None) -> bytes:
    """The response of get_metric."""
    return b'{"data":%b,"links":{"self":%b}}' % (_metric(frame, metric, counts), _link(frame))


def profiles_document(
    frame: AdminFrame,
    query: PageQuery,
    profiles: Sequence[Profile],
    last_event_times: Mapping[int, int],
    *,
    has_next: bool,
) -> bytes:
    """The response of list_profiles. ``last_event_times`` (Unix seconds) is keyed by number."""
    resources = [_profile(frame, profile, last_event_times) for profile in profiles]
    return _page(frame, query, resources, profiles[-1].id if has_next else None)


def profile_document(frame: AdminFrame, profile: Profile, last_event_times: Mapping[int, int]) -> bytes:
    """The response of get_profile."""
    return b'{"data":%b,"links":{"self":%b}}' % (_profile(frame, profile, last_event_times), _link(frame))


def stats_document(frame: AdminFrame, stats: Stats) -> bytes:
    """The response of get_stats."""
    attributes = {
        **counted(stats.total),
        "profiles": stats.profiles,
        "metrics": stats.metrics,
        "event_bytes": stats.event_bytes,
        "by_metric": [{"id": metric.id, "name": metric.name, **counted(count)} for metric, count in stats.by_metric],
    }
    return b'{"data":{"type":"stats","attributes":%b},"links":{"self":%b}}' % (_encode(attributes), _link(frame))


def tail_document(
    frame: AdminFrame,
    events: Sequence[StoredEvent],
    related: Related,
    query: TailQuery,
    position: Position,
    has_skipped: bool,
) -> bytes:
    """The response of tail: events in the order in which they were stored, and the position of the next read.

    ``has_skipped`` says that events before these may be missing.
    """
    writer = event_writer(frame.base_url, Fieldset(frame.revision.event_fields))
    included: list[bytes] = []
    if "metric" in query.includes:
        included += [_metric(frame, metric, None) for metric in related.metrics.values()]
    if "profile" in query.includes:
        included += [_profile(frame, profile, related.last_event_times) for profile in related.profiles.values()]
    meta = {"position": str(position), "skipped": has_skipped}
    return b"".join(
        (
            b'{"data":[',
            writer.write_all(StoredEvents.of(events), related.metrics, related.profile_ids),
            b'],"included":[',
            b",".join(included),
            b'],"links":{"self":%b},"meta":%b}' % (_link(frame, query.parameters), _encode(meta)),
        )
    )


def counted(count: EventCount) -> dict[str, Any]:
    """A count in the form of documents."""
    return {
        "events": count.events,
        "oldest_event": None if count.oldest is None else datetime_of(count.oldest),
        "newest_event": None if count.newest is None else datetime_of(count.newest),
    }


def _metric(frame: AdminFrame, metric: Metric, counts: Mapping[int, EventCount] | None) -> bytes:
    resource = metric_resource(metric, frame.base_url, Fieldset(frame.revision.metric_fields), frame.revision)
    if counts is None:
        return resource
    return b'%b,"meta":%b}' % (resource[:-1], _encode(counted(counts.get(metric.number, EventCount()))))


def _profile(frame: AdminFrame, profile: Profile, last_event_times: Mapping[int, int]) -> bytes:
    newest = last_event_times.get(profile.number)
    wanted = Fieldset(frame.revision.profile_fields)
    return profile_resource(profile, newest, frame.base_url, wanted, frame.revision)


def _page(frame: AdminFrame, query: PageQuery, resources: Sequence[bytes], last_id: str | None) -> bytes:
    """A page of resources; ``last_id`` is the id of the last one if another page follows."""
    following = b"null" if last_id is None else _link(frame, query.next_page(last_id))
    return b'{"data":[%b],"links":{"self":%b,"next":%b}}' % (
        b",".join(resources),
        _link(frame, query.parameters),
        following,
    )


def _link(frame: AdminFrame, parameters: Sequence[tuple[str, str]] = ()) -> bytes:
    return link_text(frame.base_url, frame.path, parameters)
