"""The event log on a real engine: what was appended is found, once, in order, also after a crash."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from msgspec import structs

import eventkeep.eventlog.table as table_module
from eventkeep.eventlog.columns import Columns
from eventkeep.eventlog.known_keys import KnownKeys
from eventkeep.eventlog.log import EventLog, rows_of_records
from eventkeep.eventlog.rows import ROWS_SCHEMA
from eventkeep.eventlog.seen import Keys
from eventkeep.eventlog.selection import EventSelection
from eventkeep.eventlog.table import EventTable
from eventkeep.model.event import StoredEvent

FIRST_SECOND = 1_700_000_000


def columns_of(events: list[StoredEvent]) -> Columns:
    columns = {
        name: [getattr(event, name) if name != "key_low" else event.id * 3 + 1 for event in events]
        for name in ROWS_SCHEMA.names
    }
    return Columns.of_table(pa.table(columns, schema=ROWS_SCHEMA))


def made(number: int, *, account: int = 1, second: int | None = None) -> StoredEvent:
    return StoredEvent(
        account=account,
        time=FIRST_SECOND + (number // 3 if second is None else second),
        id=(number * 2_654_435_761) % 2**63,
        profile=number % 5,
        metric=number % 3,
        unique_id=f"unique-{number}-é",
        value=number / 4 if number % 2 else None,
        currency="USD" if number % 2 else "",
        properties=f'{{"number": {number}, "text": "🦊"}}'.encode(),
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    opened = EventLog.open(tmp_path / "events")
    yield opened
    opened.close()


def expected_page(events: list[StoredEvent], selection: EventSelection) -> list[StoredEvent]:
    def belongs(event: StoredEvent) -> bool:
        if event.account != selection.account:
            return False
        if selection.metric is not None and event.metric != selection.metric:
            return False
        if selection.profile is not None and event.profile != selection.profile:
            return False
        if selection.time_min is not None and event.time < selection.time_min:
            return False
        if selection.time_max is not None and event.time > selection.time_max:
            return False
        place = (event.time, event.id)
        if selection.after is None:
            return True
        return place < selection.after if selection.descending else place > selection.after

    chosen = sorted(filter(belongs, events), key=lambda event: (event.time, event.id), reverse=selection.descending)
    return chosen[: selection.count]


EVENTS = [made(number) for number in range(300)]
SELECTIONS = [
    EventSelection(account=1, count=20),
    EventSelection(account=1, count=1000),
    EventSelection(account=1, count=20, descending=False),
    EventSelection(account=1, count=20, metric=2),
    EventSelection(account=1, count=20, profile=4, descending=False),
    EventSelection(account=1, count=50, time_min=FIRST_SECOND + 20, time_max=FIRST_SECOND + 30),
    EventSelection(account=1, count=20, after=(EVENTS[100].time, EVENTS[100].id)),
    EventSelection(account=1, count=20, after=(EVENTS[100].time, EVENTS[100].id), descending=False, metric=1),
    EventSelection(account=2, count=20),
]


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_page_is_the_same_from_the_tail_the_table_and_both(log: EventLog, selection: EventSelection) -> None:
    log.append(columns_of(EVENTS[:150]))
    log.flush()
    assert log.page(selection) == expected_page(EVENTS[:150], selection)
    for start in range(150, 300, 10):
        log.append(columns_of(EVENTS[start : start + 10]))
    assert log.page(selection) == expected_page(EVENTS, selection)
    log.flush()
    assert log.tail_events == 0
    assert log.page(selection) == expected_page(EVENTS, selection)


def test_one_event_is_found_in_the_tail_and_in_the_table(log: EventLog) -> None:
    log.append(columns_of(EVENTS))
    for _ in range(2):
        assert log.event(1, EVENTS[7].time, EVENTS[7].id) == EVENTS[7]
        assert log.event(1, EVENTS[7].time, EVENTS[8].id + 1) is None
        assert log.event(2, EVENTS[7].time, EVENTS[7].id) is None
        log.flush()


def test_keys_are_new_until_they_are_appended(log: EventLog) -> None:
    ids = np.array([event.id for event in EVENTS], dtype=np.uint64)
    key_lows = ids * np.uint64(3) + np.uint64(1)
    assert log.is_new(ids, key_lows).all()
    log.append(columns_of(EVENTS[:100]))
    assert log.is_new(ids, key_lows).tolist() == [False] * 100 + [True] * 200
    log.flush()
    assert log.is_new(ids, key_lows).tolist() == [False] * 100 + [True] * 200
    assert log.is_new(ids, key_lows + np.uint64(1)).all()


def test_a_long_list_of_keys_is_looked_up_too(log: EventLog) -> None:
    events = [made(number) for number in range(2_000)]
    log.append(columns_of(events))
    log.flush()
    ids = np.array([event.id for event in events], dtype=np.uint64)
    assert not log.is_new(ids, ids * np.uint64(3) + np.uint64(1)).any()


def test_the_newest_time_of_profiles_comes_from_tail_and_table(log: EventLog) -> None:
    log.append(columns_of([made(0, second=5), made(1, second=50)]))
    log.flush()
    log.append(columns_of([made(5, second=9), made(6, second=2)]))
    assert log.last_event_times(1, [0, 1, 2]) == {0: FIRST_SECOND + 9, 1: FIRST_SECOND + 50}
    assert log.last_event_times(2, [0, 1, 2]) == {}
    assert log.last_event_times(1, []) == {}


def test_everything_is_there_after_a_clean_close(tmp_path: Path) -> None:
    log = EventLog.open(tmp_path)
    log.append(columns_of(EVENTS))
    log.close()
    assert list((tmp_path / "journal").iterdir()) == []
    log = EventLog.open(tmp_path)
    try:
        assert log.count() == 300
        ids = np.array([event.id for event in EVENTS], dtype=np.uint64)
        assert not log.is_new(ids, ids * np.uint64(3) + np.uint64(1)).any()
    finally:
        log.close()


def test_a_copy_of_the_folder_taken_at_any_moment_holds_what_was_appended_once(tmp_path: Path) -> None:
    log = EventLog.open(tmp_path / "original")
    log.append(columns_of(EVENTS[:100]))
    log.flush()
    log.append(columns_of(EVENTS[100:]))
    # Some of what the journal holds is in the table already, as after a crash in the middle of a flush.
    log._table.append(columns_of(EVENTS[100:150]).table)
    shutil.copytree(tmp_path / "original", tmp_path / "copy", symlinks=True)
    log.flush = lambda: None  # type: ignore[method-assign]
    log.close()
    copy = EventLog.open(tmp_path / "copy")
    try:
        assert copy.count() == 300
        everything = EventSelection(account=1, count=1000)
        assert copy.page(everything) == expected_page(EVENTS, everything)
    finally:
        copy.close()


def test_the_keys_of_all_accounts_are_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [*(number * 0x9E3779B97F4A7C15 % 2**64 for number in range(1, 301)), 0, 2**64 - 1]
    events = [structs.replace(made(number, account=number % 3), id=id) for number, id in enumerate(ids)]
    columns = {name: [getattr(event, name, 7) for event in events] for name in ROWS_SCHEMA.names}
    monkeypatch.setattr(table_module, "KEY_PIECE", 50)
    table = EventTable.open(tmp_path / "table")
    try:
        table.append(pa.table(columns, schema=ROWS_SCHEMA))
        pieces = [piece.tolist() for piece in table.key_pieces()]
    finally:
        table.close()
    assert sorted(key for piece in pieces for key in piece) == sorted(ids)
    assert len(pieces) == 7
    assert max(map(len, pieces)) < 100


def test_repeats_are_told_before_the_filter_knows_all_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, later = (columns_of([made(n) for n in numbers]) for numbers in (range(50), range(50, 80), range(80, 90)))
    first = EventLog.open(tmp_path / "events")
    first.append(old)
    first.close()
    may_read = threading.Event()
    read = EventTable.key_pieces

    def when_allowed(table: EventTable) -> Iterator[Keys]:
        may_read.wait()
        yield from read(table)

    monkeypatch.setattr(EventTable, "key_pieces", when_allowed)

    def is_new(log: EventLog, events: Columns) -> set[bool]:
        return set(log.is_new(events.numbers["id"], events.numbers["key_low"]).tolist())

    log = EventLog.open(tmp_path / "events")
    try:
        assert (log.is_loading, is_new(log, old), is_new(log, new)) == (True, {False}, {True})
        log.append(new)
        assert (is_new(log, new), is_new(log, later)) == ({False}, {True})
    finally:
        may_read.set()
    while log.is_loading:
        time.sleep(0.01)
    assert (log.is_loading, is_new(log, old), is_new(log, new), is_new(log, later)) == (False, {False}, {False}, {True})
    log.close()


def test_records_of_the_journal_are_joined_up_to_a_size() -> None:
    records = [columns_of([made(2 * number), made(2 * number + 1)]).encode() for number in range(5)]
    size = len(records[0])

    def rows(events_min: int, bytes_min: int) -> list[int]:
        return [table.num_rows for table in rows_of_records(records, events_min, bytes_min)]

    assert rows(4, 100 * size) == [4, 4, 2]
    assert rows(100, 3 * size) == [6, 4]
    assert rows(1, 1) == [2] * 5
    assert rows(100, 100 * size) == [10]


def test_table_is_tended_once_all_keys_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tended, is_loading = threading.Event(), True
    monkeypatch.setattr(KnownKeys, "is_loading", property(lambda _: is_loading))
    monkeypatch.setattr(EventTable, "tend", lambda _: tended.set())
    monkeypatch.setattr("eventkeep.eventlog.log.FLUSH_SECONDS", 0.01)
    opened = EventLog.open(tmp_path / "events")
    assert not tended.wait(0.2)
    is_loading = False
    assert tended.wait(10)
    opened.close()
