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
from eventkeep.model.submission import ProfileWrite, Submission
from eventkeep.protocol.documents import EventAttributes
from eventkeep.protocol.event_times import is_in_window, parse_times
from eventkeep.protocol.received import ReceivedBulk, ReceivedItemAttributes, ReceivedSingle
from eventkeep.protocol.revisions import Revision

DEFAULT_SERVICE: Final = "api"
"""The integration of a metric that names none."""
EVENT_ATTRIBUTES: Final = frozenset(EventAttributes.__struct_encode_fields__) - {"metric", "properties"}
"""The optional attributes of an event that any revision knows."""

SINGLE_POINTER: Final = "/data/attributes/profile/data"
BULK_POINTERS: Final = tuple(
    f"/data/attributes/events-bulk-create/data/{place}/attributes/profile/data" for place in range(BULK_EVENTS_MAX)
)
"""Where each profile of a bulk request stands; made once, because it costs as much as reading the profile."""


class Parts(msgspec.Struct, gc=False):
    """A create document, taken apart.

    ``profiles`` holds raw JSON; ``pointers`` has at least one entry per profile,
    ``profile_index`` one per event; ``items`` are those of a bulk create.
    """

    profiles: list[bytes]
    pointers: Sequence[str]
    events: list[EventAttributes]
    profile_index: list[int]
    items: Sequence[ReceivedItemAttributes] = ()


def single_parts(document: ReceivedSingle) -> Parts:
    """The one profile and the one event of a create."""
    attributes = document.data.attributes
    return Parts([bytes(attributes.profile.data)], (SINGLE_POINTER,), [attributes], [0])


def bulk_parts(document: ReceivedBulk) -> Parts | None:
    """The profiles and events of a bulk create; None where there are none, or too many."""
    items = [item.attributes for item in document.data.attributes.items.data]
    lists = [item.events.data for item in items]
    sizes = [len(events) for events in lists]
    if not all(sizes) or not 0 < sum(sizes) <= BULK_EVENTS_MAX:
        return None
    events = [event.attributes for event in chain.from_iterable(lists)]
    return Parts(
        [bytes(item.profile.data) for item in items],
        BULK_POINTERS,
        events,
        list(chain.from_iterable(map(repeat, range(len(sizes)), sizes))),
        items,
    )


def submission_of(
    parts: Parts,
    writes: list[ProfileWrite],
    properties: list[bytes],
    revision: Revision,
    received_at: int,
    body_bytes: int,
) -> Submission | None:
    """What the parts ask to keep.

    ``writes`` is what is said of each profile, ``properties`` the raw properties of each
    event; ``received_at`` is in Unix seconds.
    """
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
        pointers=parts.pointers,
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
