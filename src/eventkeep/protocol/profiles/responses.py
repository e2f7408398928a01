"""Whole responses about profiles, in bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from eventkeep.model.profile import Profile
from eventkeep.protocol.fieldsets import Fieldset
from eventkeep.protocol.frames import Frame
from eventkeep.protocol.profiles.query import ProfilesPage
from eventkeep.protocol.reads.operations import ADDITIONAL_PROFILE_FIELDS
from eventkeep.protocol.resources import profile_resource

if TYPE_CHECKING:
    from eventkeep.model.predictions.analytics import PredictiveAnalytics


def wanted_fields(frame: Frame) -> Fieldset:
    """The attributes of profiles that are asked for, the additional ones among them."""
    additional = frame.query.lists.get(ADDITIONAL_PROFILE_FIELDS.name, ())
    return Fieldset((*frame.query.fieldset("profile", frame.revision.profile_fields).names, *additional))


def profiles_document(
    frame: Frame,
    page: ProfilesPage,
    last_event_times: Mapping[int, int],
    analytics: Mapping[int, PredictiveAnalytics] = MappingProxyType({}),
) -> bytes:
    """The response of get_profiles; ``last_event_times`` (Unix seconds) and ``analytics`` are by profile number."""
    wanted = wanted_fields(frame)
    resources = resources_of(frame, page.profiles, last_event_times, wanted, analytics)
    links = frame.collection_links(page.next_cursor, page.prev_cursor)
    return b'{"data":[%b]%b,"links":%b}' % (b",".join(resources), included(frame), links)


def profile_document(
    frame: Frame, profile: Profile, last_event_time: int | None, analytics: PredictiveAnalytics | None = None
) -> bytes:
    """The response of get_profile and of the operations that write one profile."""
    resource = profile_resource(
        profile,
        last_event_time,
        frame.base_url,
        wanted_fields(frame),
        frame.revision,
        is_whole=True,
        analytics=analytics,
    )
    return b'{"data":%b%b,"links":{"self":%b}}' % (resource, included(frame), frame.link())


def merged_document(frame: Frame, profile_id: str) -> bytes:
    """The response of merge_profiles: the destination, by its id."""
    own = frame.own_link("profiles", profile_id)
    return b'{"data":{"type":"profile","id":"%b","links":{"self":%b}},"links":{"self":%b}}' % (
        profile_id.encode(),
        own,
        frame.link(),
    )


def resources_of(
    frame: Frame,
    profiles: Sequence[Profile],
    last_event_times: Mapping[int, int],
    wanted: Fieldset,
    analytics: Mapping[int, PredictiveAnalytics] = MappingProxyType({}),
) -> list[bytes]:
    """The resource object of each profile."""
    return [
        profile_resource(
            each,
            last_event_times.get(each.number),
            frame.base_url,
            wanted,
            frame.revision,
            analytics=analytics.get(each.number),
        )
        for each in profiles
    ]


def included(frame: Frame) -> bytes:
    """``included`` if anything was asked for: there are no lists, segments, push tokens and conversations here."""
    return b',"included":[]' if frame.query.includes else b""
