"""What is told of keys while the filter of all keys is being made."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import eventkeep.eventlog.known_keys as known_keys_module
from eventkeep.eventlog.known_keys import KnownKeys
from eventkeep.eventlog.schema import TABLE
from eventkeep.eventlog.seen import Keys
from eventkeep.eventlog.table import KEY_LIST_MAX, EventTable, has_all_keys
from eventkeep.eventlog.tail import Tail
from tests.unit.eventlog.test_log import columns_of, made

STORED = columns_of([made(number) for number in range(50)])
NEW = columns_of([made(number) for number in range(50, 52 + KEY_LIST_MAX)])


@pytest.fixture
def table(tmp_path: Path) -> Iterator[EventTable]:
    opened = EventTable.open(tmp_path / "table")
    opened.append(STORED.table)
    yield opened
    opened.close()


@pytest.fixture
def may_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Keys are read from the table once this is set."""
    allowed = threading.Event()
    read = EventTable.key_pieces

    def when_allowed(table: EventTable) -> Iterator[Keys]:
        allowed.wait()
        yield from read(table)

    monkeypatch.setattr(EventTable, "key_pieces", when_allowed)
    yield allowed
    allowed.set()


def both() -> tuple[Keys, Keys]:
    """The two halves of the keys, first of the stored events and then of the new ones."""
    ids, lows = (np.concatenate([events.numbers[name] for events in (STORED, NEW)]) for name in ("id", "key_low"))
    return ids, lows


def test_many_keys_wait_for_the_filter(table: EventTable, may_read: threading.Event) -> None:
    known = KnownKeys(table, Tail())
    answers: list[tuple[bool, list[bool]]] = []

    def ask() -> None:
        told = known.is_new(*both()).tolist()
        answers.append((known.is_loading, told))

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(0.2)
    assert not answers
    may_read.set()
    asking.join()
    assert answers == [(False, [False] * len(STORED) + [True] * len(NEW))]
    known.close()


def test_what_waited_long_enough_is_looked_up(
    table: EventTable, may_read: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys_module, "SEEN_WAIT_SECONDS_MAX", 0.05)
    known = KnownKeys(table, Tail())
    assert known.is_new(*both()).tolist() == [False] * len(STORED) + [True] * len(NEW)
    assert known.is_loading
    may_read.set()
    known.close()


def test_a_few_keys_wait_for_nothing(table: EventTable, may_read: threading.Event) -> None:
    known = KnownKeys(table, Tail())
    ids, lows = (STORED.numbers[name] for name in ("id", "key_low"))
    assert not known.is_new(ids, lows).any()
    assert known.is_loading
    may_read.set()
    known.close()


def test_keys_are_looked_up_in_the_table_where_the_projection_lacks_some(tmp_path: Path) -> None:
    columns = columns_of([made(number) for number in range(1_000)])
    ids, key_lows = columns.numbers["id"], columns.numbers["key_low"]
    others = np.arange(5, dtype=np.uint64)
    with closing(EventTable.open(tmp_path / "table")) as table:
        table.append(columns.table)
    for is_whole in (True, False):
        with closing(EventTable.open(tmp_path / "table")) as table:
            assert has_all_keys(table._engine) is is_whole
            assert (table._keys == TABLE) is not is_whole
            assert table.stored(ids, key_lows).all()
            assert table.stored(ids[:3], key_lows[:3]).all()
            assert not table.stored(others, others).any()
            assert not table.stored(ids[:3], key_lows[:3] + np.uint64(1)).any()
            assert sorted(np.concatenate(list(table.key_pieces())).tolist()) == sorted(ids.tolist())
            table._engine.command(f"ALTER TABLE {TABLE} DROP PROJECTION IF EXISTS by_key SETTINGS mutations_sync = 2")
