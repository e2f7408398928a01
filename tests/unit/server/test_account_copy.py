"""The pieces of an account: bounded, in order, and together all of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.errors import LogError
from eventkeep.limits import MOVE_BYTES, MOVE_ROWS
from eventkeep.log.record import decode
from eventkeep.model.event_columns import EventColumns, stored_events
from eventkeep.server.account_copy import (
    EVENTS,
    FOLLOWING,
    Cursor,
    Piece,
    changes_of,
    cut,
    event_parts,
    events_of,
    parse_cursor,
    row_parts,
)
from tests.made_events import event_columns

keys = st.lists(st.one_of(st.integers(0, 2**64 - 1), st.text()), max_size=2)
cursors = st.builds(Cursor, st.integers(0, FOLLOWING), keys, st.integers(0, 10**12))


@given(cursors)
def test_a_cursor_comes_back_from_its_text(cursor: Cursor) -> None:
    assert parse_cursor(cursor.text) == cursor


def test_the_first_cursor_is_an_empty_text() -> None:
    assert Cursor().text == ""


@given(st.lists(st.integers(0, MOVE_BYTES), max_size=20))
def test_parts_of_rows_are_bounded_and_together_all_rows(sizes: list[int]) -> None:
    rows = [(number, "x" * size) for number, size in enumerate(sizes)]
    parts = list(row_parts(rows))
    assert [row for part in parts for row in part] == rows
    for part in parts:
        # The last row of a part may reach past the bound.
        assert sum(len(row[1]) for row in part[:-1]) < MOVE_BYTES


def test_parts_have_few_rows_and_few_events() -> None:
    count = 2 * MOVE_ROWS + 1
    assert [len(part) for part in row_parts([(number,) for number in range(count)])] == [MOVE_ROWS, MOVE_ROWS, 1]
    events = event_columns(*range(count))
    parts = list(event_parts(events))
    assert [len(part) for part in parts] == [MOVE_ROWS, MOVE_ROWS, 1]
    assert stored_events(EventColumns.joined(parts)) == stored_events(events)


def test_only_the_data_of_the_account_is_followed() -> None:
    own = Change(Table.PROFILE, Operation.PUT, 7, [])
    others = [
        Change(Table.PROFILE, Operation.PUT, 8, []),
        # Keys, settings and the account itself come when the other shard takes it.
        Change(Table.API_KEY, Operation.PUT, 7, []),
        Change(Table.ACCOUNT_SETTING, Operation.PUT, 7, []),
        Change(Table.ACCOUNT, Operation.PUT, 0, [(7, "shop", 1)]),
        Change(Table.SETTING, Operation.PUT, 0, [("move/7", "{}")]),
    ]
    assert changes_of(7, [own, *others]) == [own]
    mixed = EventColumns.joined([event_columns(1, 2, account=7), event_columns(3, account=8)])
    found = events_of(7, mixed)
    assert found is not None
    assert [event.account for event in stored_events(found)] == [7, 7]
    assert events_of(9, mixed) is None


def test_a_large_record_comes_in_pieces_that_may_come_again() -> None:
    changes = [Change(Table.MERGED_PROFILE, Operation.PUT, 7, [(number, 1) for number in range(MOVE_ROWS + 1)])]
    pieces = list(cut(41, changes, event_columns(*range(MOVE_ROWS + 1), account=7)))
    assert [piece.after for piece in pieces] == [Cursor(FOLLOWING, [], 41)] * 4


def test_a_piece_is_a_record_that_shows_damage() -> None:
    events = event_columns(1, 2, account=7)
    record = Piece(Cursor(EVENTS, [1, 2]), [], events).record()
    read = decode(record, "a piece")
    assert read.events is not None
    assert stored_events(read.events) == stored_events(events)
    damaged = bytearray(record)
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(LogError, match="damaged"):
        decode(bytes(damaged), "a piece")


@given(st.integers(1, 5), st.integers(0, 3 * MOVE_BYTES))
def test_large_events_come_alone(count: int, size: int) -> None:
    events = event_columns(*range(count))
    properties = events.texts["properties"]
    properties.sizes = np.full(count, size, dtype=properties.sizes.dtype)
    properties.joined = b" " * (count * size)
    parts = list(event_parts(events))
    assert sum(map(len, parts)) == count
    for part in parts:
        assert len(part) == 1 or part.texts["properties"].sizes.sum() <= MOVE_BYTES
    times = [int(part.numbers["time"][0]) for part in parts]
    assert all(before < after for before, after in pairwise(times))
