"""Reading all files of a store, so that damage is found before somebody needs the damaged events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eventkeep.errors import EventStoreError
from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.directory import ORDERS
from eventkeep.events.found import AnyPart
from eventkeep.events.scan import scan
from eventkeep.events.segment import Segment
from eventkeep.events.selection import EventSelection
from eventkeep.events.snapshot import Snapshot

PIECE_ROWS = 1 << 18


def accounts_of(snapshot: Snapshot) -> list[int]:
    """The accounts that have events."""
    found: set[int] = set()
    for segment in snapshot.segments:
        found.update(segment.directory.accounts.tolist())
    for part in snapshot.memory:
        for commit in part.commits:
            found.update(np.unique(commit.events.numbers["account"]).tolist())
    return sorted(found)


def scrub(snapshot: Snapshot, parts: Sequence[AnyPart], opened: OpenFiles) -> int:
    """Read every event with its documents, and every order; returns how many events there are.

    Raises EventStoreError, naming the file, if a part has changed since it was written.
    """
    for segment in snapshot.segments:
        check_orders(segment)
    count = 0
    for account in accounts_of(snapshot):
        selection = EventSelection(account=account, count=1, descending=False)
        for columns in scan(parts, selection, opened):
            count += len(columns)
    return count


def check_orders(segment: Segment) -> None:
    """Raises EventStoreError unless each order has each row once."""
    for order, name in enumerate(ORDERS):
        has_row = np.zeros(segment.rows, dtype=np.bool_)
        for start in range(0, segment.rows, PIECE_ROWS):
            has_row[segment.order_rows(order, start, min(start + PIECE_ROWS, segment.rows))] = True
        if not has_row.all():
            raise EventStoreError(f"{segment.path}: the order by {name} does not have each row once")
