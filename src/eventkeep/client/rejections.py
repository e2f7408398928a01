"""Which events of a failed bulk request are refused, and which are sent again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Generic, Literal, TypeVar

import msgspec

from eventkeep.client.errors import (
    ClientError,
    ConnectionFailedError,
    InvalidRequestError,
    ServerError,
    ThrottledError,
)
from eventkeep.client.packing import Packable, Packing

ABOUT_EVENTS: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
"""The statuses that can be caused by an event."""

Packed = TypeVar("Packed", bound=Packable)


class Rejection(msgspec.Struct, Generic[Packed], frozen=True):
    """Events that are refused for good, and parts of the rest that are sent again, in their order."""

    refused: list[Packed]
    again: list[list[Packed]]


FailureKind = Literal["temporary", "permanent", "events"]


def failure_kind(error: ClientError) -> FailureKind:
    """Return the kind of a failure, which decides the batch's reaction.

    A ``temporary`` failure passes by itself: the server is down, or busy. A ``permanent``
    one lasts until somebody acts: the key is refused, or the URL is wrong. ``events``
    means that the request's events are the cause.
    """
    if isinstance(error, ConnectionFailedError | ThrottledError | ServerError):
        return "temporary"
    is_about_events = error.status in ABOUT_EVENTS and isinstance(error, InvalidRequestError) and not error.parameters
    return "events" if is_about_events else "permanent"


def rejection(error: InvalidRequestError, packing: Packing[Packed]) -> Rejection[Packed]:
    """Return the events to refuse and to send again after a request was refused whole.

    The events that the error's pointers name are refused. If they name none (the body is
    too large for a proxy, for example), the request is sent in halves until it is clear
    which event can't be sent.
    """
    events = packing.events()
    named = {event.number for pointer in error.pointers for event in packing.events_at(pointer)}
    if named:
        rest = [event for event in events if event.number not in named]
        return Rejection([event for event in events if event.number in named], [rest] if rest else [])
    if len(events) == 1:
        return Rejection(events, [])
    middle = len(events) // 2
    return Rejection([], [events[:middle], events[middle:]])
