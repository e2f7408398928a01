"""The bulk requests of an import: rows packed as the SDK packs events, with the row that each came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from eventkeep.client.packing import Packing
from eventkeep.errors import RowRefused
from eventkeep.importer.mapping import MappedRow
from eventkeep.limits import BODY_BYTES_MAX


class BulkRequest(msgspec.Struct, frozen=True):
    """The body of one bulk create. ``rows[group][event]`` is the number of the row that an event came from."""

    body: bytes
    rows: list[list[int]]

    @property
    def event_count(self) -> int:
        """Events in the request."""
        return sum(len(group) for group in self.rows)


def pack(rows: Iterable[MappedRow]) -> Iterator[BulkRequest]:
    """Bulk requests of at most BULK_EVENTS_MAX events and BODY_BYTES_MAX bytes, holding every row once, in order.

    Raises RowRefused for a row that is too large for a request of its own.
    """
    request: Packing[MappedRow] = Packing()
    for row in rows:
        if request.add(row):
            continue
        if request:
            yield finished(request)
            request = Packing()
        if not request.add(row):
            raise RowRefused(row.number, f"the event is larger than a request may be ({BODY_BYTES_MAX:,} bytes)")
    if request:
        yield finished(request)


def finished(request: Packing[MappedRow]) -> BulkRequest:
    return BulkRequest(request.body(), [[row.number for row in group.events] for group in request.groups])
