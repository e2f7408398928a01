"""The contents of an account in pieces: its rows and events as they are, and then each change of them from the log.

The rows and events are read while they change, so that each is of some position at or after ``start``. Every change
since ``start`` follows from the log, in its order. Changes are states of rows, and events are stored once; so the copy
is exact once the changes are applied, whatever was read before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from eventkeep.directory.account_rows import COPIED, key_in
from eventkeep.directory.changes import Change, Operation, Row, decode_changes, encode_changes
from eventkeep.events.selection import EventSelection
from eventkeep.ingest.stores import Stores, read_record
from eventkeep.limits import MOVE_BYTES, MOVE_ROWS
from eventkeep.log.record import Record, encode
from eventkeep.model.event_columns import TEXTS, EventColumns

EVENTS: Final = len(COPIED)
"""The step behind the tables: the events."""
FOLLOWING: Final = EVENTS + 1
"""The step behind the events: the changes of the log."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """How far a copy is: the table by its place in COPIED, EVENTS or FOLLOWING.

    ``after`` is the key of the last row, or the time and id of the last event; ``position`` is that of the last record.
    """

    step: int = 0
    after: list[Any] = []
    position: int = 0

    @property
    def text(self) -> str:
        return "" if self == Cursor() else msgspec.json.encode(self).decode()


def parse_cursor(text: str) -> Cursor:
    """The cursor in a text that `Cursor.text` has made."""
    return msgspec.json.decode(text, type=Cursor) if text else Cursor()


class Piece(msgspec.Struct, frozen=True):
    """Changes and events of an account, and the cursor behind them."""

    after: Cursor
    changes: list[Change]
    events: EventColumns | None = None

    def record(self) -> bytes:
        """The piece as a record, with a checksum."""
        return encode(Record(1, 0, encode_changes(self.changes), self.events), 0, 0).content


def copied_pieces(stores: Stores, account: int, start: int, cursor: Cursor) -> Iterator[Piece]:
    """The rows and events of an account behind a cursor, up to FOLLOWING. Raises StoreError."""
    for step in range(cursor.step, EVENTS):
        table = COPIED[step]
        after = cursor.after if step == cursor.step else []
        has_more = True
        while has_more:
            rows = stores.directory.rows_of(table, account, after, MOVE_ROWS)
            # Rows that are added while these are sent come from the log.
            has_more = len(rows) == MOVE_ROWS
            for part in row_parts(rows):
                after = key_in(table, part[-1])
                yield Piece(Cursor(step, after), [Change(table, Operation.PUT, account, part)])
    if cursor.step <= EVENTS:
        last = (cursor.after[0], cursor.after[1]) if cursor.step == EVENTS and cursor.after else None
        selection = EventSelection(account=account, count=0, descending=False, after=last)
        for columns in stores.events.scan(selection):
            for events in event_parts(columns):
                behind = [int(events.numbers["time"][-1]), int(events.numbers["id"][-1])]
                yield Piece(Cursor(EVENTS, behind), [], events)
        yield Piece(Cursor(FOLLOWING, [], start), [])


def followed_pieces(stores: Stores, account: int, position: int) -> Iterator[Piece]:
    """The changes of an account in the records behind a position, as far as the log goes now. Raises LogError."""
    changes: list[Change] = []
    events: list[EventColumns] = []
    size = 0
    for content in stores.log.read(position + 1):
        record, _ = read_record(content)
        own = changes_of(account, decode_changes(record.changes, f"record {record.position} of the log"))
        own_events = events_of(account, record.events)
        more = (0 if own_events is None else own_events.nbytes) + (len(record.changes) if own else 0)
        if own or own_events is not None:
            if size and size + more > MOVE_BYTES:
                yield gathered(position, changes, events)
                changes, events, size = [], [], 0
            if more > MOVE_BYTES:
                yield from cut(position, own, own_events)
                own, own_events, more = [], None, 0
            changes += own
            events += [] if own_events is None else [own_events]
            size += more
        position = record.position
        if sum(map(len, events)) >= MOVE_ROWS or len(changes) >= MOVE_ROWS:
            yield gathered(position, changes, events)
            changes, events, size = [], [], 0
    yield gathered(position, changes, events)


def gathered(position: int, changes: list[Change], events: list[EventColumns]) -> Piece:
    """A piece that ends with the record at ``position``."""
    return Piece(Cursor(FOLLOWING, [], position), changes, EventColumns.joined(events) if events else None)


def cut(before: int, changes: Sequence[Change], events: EventColumns | None) -> Iterator[Piece]:
    """The pieces of a large record; the cursor stays at ``before`` it, for all of them may come again."""
    after = Cursor(FOLLOWING, [], before)
    for change in changes:
        for rows in row_parts(change.rows):
            yield Piece(after, [Change(change.table, change.operation, change.account, rows)])
    for part in [] if events is None else event_parts(events):
        yield Piece(after, [], part)


def changes_of(account: int, changes: Sequence[Change]) -> list[Change]:
    """The changes of the data of an account; its keys and settings are not among them."""
    return [change for change in changes if change.account == account and change.table in COPIED]


def events_of(account: int, events: EventColumns | None) -> EventColumns | None:
    """The events of an account, None if there are none."""
    if events is None:
        return None
    own = np.flatnonzero(events.numbers["account"] == account)
    return events.take(own) if len(own) else None


def row_parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The rows in parts of at most MOVE_ROWS rows and about MOVE_BYTES bytes."""
    start = 0
    while start < len(rows):
        end, size = start, 0
        while end < len(rows) and end - start < MOVE_ROWS and (end == start or size < MOVE_BYTES):
            size += sum(len(value) for value in rows[end] if isinstance(value, str | bytes))
            end += 1
        yield rows[start:end]
        start = end


def event_parts(events: EventColumns) -> Iterator[EventColumns]:
    """The events in parts of at most MOVE_ROWS events and about MOVE_BYTES bytes."""
    sizes = sum((events.texts[name].sizes.astype(np.int64) for name in TEXTS), np.zeros(len(events), dtype=np.int64))
    ends = np.cumsum(sizes)
    start = 0
    while start < len(events):
        before = int(ends[start - 1]) if start else 0
        fitting = int(np.searchsorted(ends, before + MOVE_BYTES, side="right"))
        end = max(min(fitting, start + MOVE_ROWS, len(events)), start + 1)
        yield events.take(np.arange(start, end))
        start = end
