"""The event id in a path."""

from __future__ import annotations

from eventkeep.errors import Fault, InvalidRequest, NotFound
from eventkeep.limits import ECHO_CHARACTERS_MAX
from eventkeep.model.event import parse_public_id


def parse_event_id(text: str) -> tuple[int, int]:
    """The (time, id) of an event's public id. Raises InvalidRequest, in the service's words, for an invalid one."""
    found = parse_public_id(text)
    if found is None:
        raise InvalidRequest([Fault(f"Invalid Event ID: {text[:ECHO_CHARACTERS_MAX]!r}", pointer="/data/id")])
    return found


def event_not_found(text: str) -> NotFound:
    """The error for a well-formed id that no event has."""
    return NotFound(f"Event with id {text} does not exist.")
