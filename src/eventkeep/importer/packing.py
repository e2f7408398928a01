"""Packing events into bulk requests: grouped by profile, as full as the limits allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from eventkeep.errors import RowRefused
from eventkeep.importer.mapping import MappedRow
from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX

_HEAD: Final = b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":['
_TAIL: Final = b"]}}}}"
_GROUP_HEAD: Final = b'{"type":"event-bulk-create","attributes":{"profile":{"data":'
_GROUP_MIDDLE: Final = b'},"events":{"data":['
_GROUP_TAIL: Final = b"]}}}"
_GROUP_BYTES: Final = len(_GROUP_HEAD) + len(_GROUP_MIDDLE) + len(_GROUP_TAIL) + 1
_EMPTY_BYTES: Final = len(_HEAD) + len(_TAIL)


class BulkRequest(msgspec.Struct, frozen=True):
    """The body of one bulk create. ``rows[group][event]`` is the number of the row that an event came from."""

    body: bytes
    rows: list[list[int]]

    @property
    def event_count(self) -> int:
        """Events in the request."""
        return sum(len(group) for group in self.rows)


class _Group(msgspec.Struct):
    profile: bytes
    events: list[bytes] = []
    rows: list[int] = []


class _Request:
    """A request while it is filled."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []
        self._latest: dict[bytes, _Group] = {}
        self._event_count = 0
        self._body_bytes = _EMPTY_BYTES

    def add(self, row: MappedRow) -> bool:
        """Whether there was room for the row; it is in the request then."""
        group = self._latest.get(row.profile_key)
        joins = group is not None and group.profile == row.profile
        needed = len(row.event) + 1 + (0 if joins else len(row.profile) + _GROUP_BYTES)
        if self._event_count == BULK_EVENTS_MAX or self._body_bytes + needed > BODY_BYTES_MAX:
            return False
        if group is None or not joins:
            # A profile whose attributes change from row to row is written again, in the order of the rows.
            group = _Group(row.profile)
            self._groups.append(group)
            self._latest[row.profile_key] = group
        group.events.append(row.event)
        group.rows.append(row.number)
        self._event_count += 1
        self._body_bytes += needed
        return True

    def finish(self) -> BulkRequest:
        groups = b",".join(
            b"".join((_GROUP_HEAD, group.profile, _GROUP_MIDDLE, b",".join(group.events), _GROUP_TAIL))
            for group in self._groups
        )
        return BulkRequest(b"".join((_HEAD, groups, _TAIL)), [group.rows for group in self._groups])

    def __bool__(self) -> bool:
        return self._event_count > 0


def pack(rows: Iterable[MappedRow]) -> Iterator[BulkRequest]:
    """Bulk requests of at most BULK_EVENTS_MAX events and BODY_BYTES_MAX bytes, holding every row once, in order.

    Raises RowRefused for a row that is too large for a request of its own.
    """
    request = _Request()
    for row in rows:
        if request.add(row):
            continue
        if request:
            yield request.finish()
            request = _Request()
        if not request.add(row):
            raise RowRefused(row.number, f"the event is larger than a request may be ({BODY_BYTES_MAX:,} bytes)")
    if request:
        yield request.finish()
