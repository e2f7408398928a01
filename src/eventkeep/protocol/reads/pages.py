"""Pages: the events that were found for a query, in the page's order, with the cursors of its neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from eventkeep.limits import PAGE_BYTES_MAX
from eventkeep.model.stored_events import StoredEvents
from eventkeep.protocol.cursors import Cursor
from eventkeep.protocol.reads.query import ReadQuery


class Page(msgspec.Struct, frozen=True):
    """Events in the requested order; the cursors are None if there is no such page."""

    events: StoredEvents
    next_cursor: str | None = None
    prev_cursor: str | None = None


def page_of(
    query: ReadQuery, found: StoredEvents, secret: bytes, profile_bytes: Mapping[int, int] | None = None
) -> Page:
    """Make a page of the events that were found.

    ``found`` holds up to ``query.find_count`` events behind ``query.find_after`` in the
    order of finding (``query.finds_descending``); if more follow, it holds fewer only if their
    properties have more than PAGE_BYTES_MAX bytes. ``profile_bytes`` has the sizes of the
    profiles that are included, by number. A page that was walked to has a neighbour on the
    side that it was walked from: the event of its cursor lies there.
    """
    fitting = count_fitting(found, profile_bytes or {})
    events = found[: min(fitting, query.page_size)]
    if not events:
        return Page(events)
    has_next, has_prev = len(found) > len(events), query.cursor is not None
    if query.is_backward:
        events = events.reversed()
        has_next, has_prev = has_prev, has_next
    (first_time, last_time), (first_id, last_id) = events.times[[0, -1]].tolist(), events.ids[[0, -1]].tolist()
    return Page(
        events,
        next_cursor=query.cursor_text(Cursor(last_time, last_id), secret) if has_next else None,
        prev_cursor=query.cursor_text(Cursor(first_time, first_id, backward=True), secret) if has_prev else None,
    )


def count_fitting(events: StoredEvents, profile_bytes: Mapping[int, int]) -> int:
    """How many of the events have, with the profiles that they include, at most PAGE_BYTES_MAX bytes; one at least."""
    if not profile_bytes and len(events.properties.joined) <= PAGE_BYTES_MAX:
        return len(events)
    room = PAGE_BYTES_MAX
    included: set[int] = set()
    for place, (profile, size) in enumerate(zip(events.profiles, events.properties.sizes.tolist(), strict=True)):
        room -= size
        if profile not in included:
            included.add(profile)
            room -= profile_bytes.get(profile, 0)
        if room < 0 and place:
            return place
    return len(events)
