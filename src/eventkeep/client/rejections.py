"""Which events of a bulk request that failed are to blame, and which are sent again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal

import msgspec

from eventkeep.client.drafts import BatchedEvent
from eventkeep.client.errors import (
    ClientError,
    ConnectionFailedError,
    InvalidRequestError,
    ServerError,
    ThrottledError,
)
from eventkeep.client.packing import Packing

ABOUT_EVENTS: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""The statuses that can be an event's fault."""


class Verdict(msgspec.Struct, frozen=True):
    """Events that are refused for good, and parts of the rest that are sent again, in their order."""

    refused: list[BatchedEvent]
    again: list[list[BatchedEvent]]


Trouble = Literal["passing", "lasting", "none"]


def trouble(error: ClientError) -> Trouble:
    """Whether an error is about the way to the server, and not about the events.

    Such trouble passes by itself (the server is down, or busy), or lasts until somebody
    does something (the key is refused, there is no such server).
    """
    if isinstance(error, ConnectionFailedError | ThrottledError | ServerError):
        return "passing"
    is_about_events = error.status in ABOUT_EVENTS and isinstance(error, InvalidRequestError) and not error.parameters
    return "none" if is_about_events else "lasting"


def verdict(error: InvalidRequestError, packing: Packing[BatchedEvent]) -> Verdict:
    """What an answer says of the events of a request that was refused whole.

    The events that its pointers name are to blame. Where they name none (the whole is too
    large for what stands before the server, for example) the request is sent in halves,
    until it is clear which event can't be sent.
    """
    events = packing.events()
    blamed = {event.number for pointer in error.pointers for event in packing.events_at(pointer)}
    if blamed:
        rest = [event for event in events if event.number not in blamed]
        return Verdict([event for event in events if event.number in blamed], [rest] if rest else [])
    if len(events) == 1:
        return Verdict(events, [])
    middle = len(events) // 2
    return Verdict([], [events[:middle], events[middle:]])
