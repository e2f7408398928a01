"""From the documents of a create request to its submission.

None stands for "not so simple": some rule is broken, or might be, and
``eventkeep.protocol.diagnosis`` has to say which. The rules themselves are the same
functions there and here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Final

import msgspec
from msgspec import UNSET

from eventkeep.limits import BULK_EVENTS_MAX
from eventkeep.model.currency import normal_currency
from eventkeep.model.identifiers import normal_email, normal_phone_number
from eventkeep.model.submission import ProfileWrite, Submission
from eventkeep.model.ulid import is_ulid
from eventkeep.protocol.documents import (
    BulkCreate,
    EventAttributes,
    EventCreate,
    Location,
    PatchProperties,
    Profile,
    ProfileAttributes,
    ProfileEventsAttributes,
)
from eventkeep.protocol.event_times import is_in_window, parse_times
from eventkeep.protocol.revisions import Revision

DEFAULT_SERVICE: Final = "api"
"""The integration of a metric that names none."""
PLAIN_ATTRIBUTES: Final = ("first_name", "last_name", "organization", "locale", "title", "image")
"""The attributes of a profile that overwrite, stay or clear."""
PROFILE_ATTRIBUTES: Final = frozenset(ProfileAttributes.__struct_encode_fields__)
"""All attributes that any revision knows, by their names on the wire."""
FIELDS_BY_WIRE_NAME: Final = dict(
    zip(ProfileAttributes.__struct_encode_fields__, ProfileAttributes.__struct_fields__, strict=True)
)
EVENT_ATTRIBUTES: Final = frozenset(EventAttributes.__struct_encode_fields__) - {"metric", "properties"}
"""The optional attributes of an event that any revision knows."""

SINGLE_POINTER: Final = "/data/attributes/profile/data"
BULK_POINTERS: Final = tuple(
    f"/data/attributes/events-bulk-create/data/{place}/attributes/profile/data" for place in range(BULK_EVENTS_MAX)
)
"""Where each profile of a bulk request stands; made once, because it costs as much as reading the profile."""


class Parts(msgspec.Struct, gc=False):
    """A create document, taken apart.

    ``pointers`` has at least one entry per profile, ``profile_index`` one per event;
    ``items`` are those of a bulk create.
    """

    profiles: list[Profile]
    pointers: Sequence[str]
    events: list[EventAttributes]
    profile_index: list[int]
    items: Sequence[ProfileEventsAttributes] = ()


def single_parts(document: EventCreate) -> Parts:
    """The one profile and the one event of a create."""
    attributes = document.data.attributes
    return Parts([attributes.profile.data], (SINGLE_POINTER,), [attributes], [0])


def bulk_parts(document: BulkCreate) -> Parts | None:
    """The profiles and events of a bulk create; None where there are none, or too many."""
    items = [item.attributes for item in document.data.attributes.items.data]
    lists = [item.events.data for item in items]
    sizes = [len(events) for events in lists]
    if not all(sizes) or not 0 < sum(sizes) <= BULK_EVENTS_MAX:
        return None
    events = [event.attributes for event in chain.from_iterable(lists)]
    return Parts(
        [item.profile.data for item in items],
        BULK_POINTERS,
        events,
        list(chain.from_iterable(map(repeat, range(len(sizes)), sizes))),
        items,
    )


def submission_of(
    parts: Parts, properties: list[bytes], revision: Revision, received_at: int, body_bytes: int
) -> Submission | None:
    """What the parts ask to keep; ``properties`` holds the raw properties of each event.

    ``received_at`` is in Unix seconds.
    """
    forbidden = [
        FIELDS_BY_WIRE_NAME[name] for name in PROFILE_ATTRIBUTES - revision.create_profile_attributes - {"meta"}
    ]
    writes: list[ProfileWrite] = []
    for profile, pointer in zip(parts.profiles, parts.pointers, strict=False):
        write = profile_write(profile, pointer, forbidden)
        if write is None:
            return None
        writes.append(write)
    events = parts.events
    if has_unknown_members(parts, revision):
        return None
    times = event_times([event.time for event in events], received_at)
    currencies = normal_currencies([event.value_currency for event in events])
    if times is None or currencies is None:
        return None
    metrics = [event.metric.data.attributes for event in events]
    return Submission(
        profiles=writes,
        profile_index=parts.profile_index,
        metric=[(metric.name, metric.service or DEFAULT_SERVICE) for metric in metrics],
        time=times,
        unique_id=[event.unique_id or str(time) for event, time in zip(events, times, strict=True)],
        value=[event.value if event.value is not UNSET else None for event in events],
        currency=currencies,
        properties=properties,
        body_bytes=body_bytes,
    )


def has_unknown_members(parts: Parts, revision: Revision) -> bool:
    """Whether an event has an attribute that its revision lacks; a profile's are looked at one by one."""
    return any(
        list(map(attrgetter(name), holders)).count(UNSET) < len(holders)
        for name in EVENT_ATTRIBUTES - revision.create_event_attributes
        for holders in ((parts.events, parts.items) if name == "backfill" else (parts.events,))
    )


def event_times(texts: Sequence[str | msgspec.UnsetType | None], received_at: int) -> list[int] | None:
    """Unix seconds of each event, ``received_at`` where none is sent; None where one is not allowed."""
    given = [text for text in texts if isinstance(text, str)]
    times = parse_times(given)
    if times is None:
        return None
    if times and not (is_in_window(min(times), received_at) and is_in_window(max(times), received_at)):
        return None
    if len(times) == len(texts):
        return times
    following = iter(times)
    return [next(following) if isinstance(text, str) else received_at for text in texts]


def normal_currencies(codes: Sequence[str | msgspec.UnsetType | None]) -> list[str] | None:
    """The currency of each event, "" where none is sent; None where one is no currency."""
    normal = {code: normal_currency(code) if isinstance(code, str) else "" for code in set(codes)}
    if None in normal.values():
        return None
    return [normal[code] for code in codes]  # type: ignore[misc]  # None is not among them, as was looked


def profile_write(profile: Profile, pointer: str, forbidden: Sequence[str]) -> ProfileWrite | None:
    """What is said of one profile. ``forbidden`` names the fields that the revision lacks."""
    given = profile.attributes
    for name in forbidden:
        if getattr(given, name) is not UNSET:
            return None
    write = ProfileWrite(
        pointer=pointer,
        external_id=given.external_id or None,
        anonymous_id=given.anonymous_id or None,
        kx=given.kx or None,
    )
    if given.email is not UNSET and given.email is not None:
        write.email = normal_email(given.email)
        if write.email is None:
            return None
    if profile.id is not UNSET and profile.id is not None:
        if not is_ulid(profile.id):
            return None
        write.id = profile.id
    if given.phone_number is not UNSET and given.phone_number is not None:
        write.phone_number = normal_phone_number(given.phone_number)
        if write.phone_number is None:
            write.ignored = ("phone_number",)
    if not (write.email or write.external_id or write.id or write.phone_number or write.anonymous_id or write.kx):
        return None
    if (profile.meta or not only_identifies(given)) and not set_changes(write, profile):
        return None
    return write


def only_identifies(given: ProfileAttributes) -> bool:
    """Whether nothing is given but identifiers, as of most profiles. In full, because it is asked of each."""
    return (
        given.first_name is UNSET
        and given.last_name is UNSET
        and given.properties is UNSET
        and given.location is UNSET
        and given.organization is UNSET
        and given.locale is UNSET
        and given.title is UNSET
        and given.image is UNSET
        and given.meta is UNSET
    )


def set_changes(write: ProfileWrite, profile: Profile) -> bool:
    """Put what is to change besides identifiers into the write; False where it can't be told."""
    given = profile.attributes
    write.attributes = {name: value for name in PLAIN_ATTRIBUTES if (value := getattr(given, name)) is not UNSET}
    write.properties = given.properties or None
    if given.location is None:
        write.clears_location = True
    elif given.location is not UNSET:
        write.location = location_members(given.location)
    if profile.meta and given.meta:
        return False
    meta = profile.meta or given.meta
    if meta and meta.patch_properties:
        set_operations(write, meta.patch_properties)
    return True


def location_members(location: Location) -> dict[str, object]:
    """The members that were given, also those that are null."""
    return {name: value for name in location.__struct_fields__ if (value := getattr(location, name)) is not UNSET}


def set_operations(write: ProfileWrite, patch: PatchProperties) -> None:
    write.append = patch.append or None
    write.unappend = patch.unappend or None
    if isinstance(patch.unset, str):
        write.unset = (patch.unset,)
    elif patch.unset:
        write.unset = tuple(patch.unset)
