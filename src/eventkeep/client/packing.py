"""Packing events into bulk requests: grouped by profile, as full as the limits allow."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from eventkeep.client.drafts import BatchedEvent
from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX

_HEAD: Final = b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
_TAIL: Final = b"]}}}}"
_GROUP_HEAD: Final = b'{"type":"event-bulk-create","attributes":{"profile":{"data":'
_GROUP_MIDDLE: Final = b'},"events":{"data":['
_GROUP_TAIL: Final = b"]}}}"
_GROUP_BYTES: Final = len(_GROUP_HEAD) + len(_GROUP_MIDDLE) + len(_GROUP_TAIL) + 1
_EMPTY_BYTES: Final = len(_HEAD) + len(_TAIL)
_EVENTS: Final = "/events/data/"


def single_event_bytes(event: BatchedEvent) -> int:
    """The bytes of a request that holds the event alone."""
    return _EMPTY_BYTES + _GROUP_BYTES + event.size


class Packable(Protocol):
    """An event as JSON, and its profile; ``identity`` tells which profile it is, ``number`` orders the events."""

    @property
    def number(self) -> int: ...

    @property
    def identity(self) -> Hashable: ...

    @property
    def profile(self) -> bytes: ...

    @property
    def event(self) -> bytes: ...


Packed = TypeVar("Packed", bound=Packable)


class Group(Generic[Packed]):
    """Events of one profile, as they stand in a request."""

    __slots__ = ("events", "profile")

    def __init__(self, profile: bytes) -> None:
        self.profile = profile
        self.events: list[Packed] = []


class Packing(Generic[Packed]):
    """A bulk request while it is filled.

    Events with the same profile share one item of the request. If the attributes of a
    profile change from event to event, it is written again, so that the changes are
    applied in the order of the events.
    """

    def __init__(self) -> None:
        self.groups: list[Group[Packed]] = []
        self._latest: dict[Hashable, Group[Packed]] = {}
        self._events = 0
        self._body_bytes = _EMPTY_BYTES

    def __len__(self) -> int:
        return self._events

    def add(self, event: Packed) -> bool:
        """Whether there was room for the event; it is in the request then."""
        group = self._latest.get(event.identity)
        joins = group is not None and group.profile == event.profile
        needed = len(event.event) + 1 + (0 if joins else len(event.profile) + _GROUP_BYTES)
        if self._events == BULK_EVENTS_MAX or self._body_bytes + needed > BODY_BYTES_MAX:
            return False
        if group is None or not joins:
            group = self._latest[event.identity] = Group(event.profile)
            self.groups.append(group)
        group.events.append(event)
        self._events += 1
        self._body_bytes += needed
        return True

    def events(self) -> list[Packed]:
        """The events, in the order of their numbers."""
        return sorted((event for group in self.groups for event in group.events), key=lambda event: event.number)

    def body(self) -> bytes:
        """The request's body."""
        return b"".join((_HEAD, b",".join([_group_body(group) for group in self.groups]), _TAIL))

    def events_at(self, pointer: str) -> Sequence[Packed]:
        """The events that a JSON pointer into the body is about; none if it points to no place in the list."""
        numbers = [int(part) for part in pointer.split("/") if part.isascii() and part.isdecimal()]
        if not numbers or numbers[0] >= len(self.groups):
            return ()
        events = self.groups[numbers[0]].events
        if _EVENTS not in pointer or len(numbers) == 1:
            return events
        return events[numbers[1] : numbers[1] + 1]


def _group_body(group: Group[Packed]) -> bytes:
    events = b",".join([event.event for event in group.events])
    return b"".join((_GROUP_HEAD, group.profile, _GROUP_MIDDLE, events, _GROUP_TAIL))


def packed(events: Sequence[Packed]) -> Packing[Packed]:
    """The events, which are those of one request or a part of them, as a request."""
    packing: Packing[Packed] = Packing()
    for event in events:
        packing.add(event)
    return packing
