"""The engine's merges: few and small ones under a load, all of them at rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from eventkeep.eventlog.engine import Engine
from eventkeep.eventlog.merges import (
    APPENDS_BETWEEN_LOOKS,
    AT_REST,
    LOAD_ROWS_MIN,
    MERGE_BYTES_MAX_AT_REST,
    MERGE_BYTES_MIN,
    PARTS_MERGED,
    REST_SECONDS,
    TABLE_SHARE,
    Merges,
    largest_merge_bytes,
    merge_bytes_max,
    table_bytes,
)
from eventkeep.eventlog.schema import TABLE
from eventkeep.eventlog.table import EventTable
from tests.unit.eventlog.test_log import columns_of, made

SECONDS = 30.0
"""What the engine gets for a merge."""


@pytest.fixture
def table(tmp_path: Path) -> Iterator[EventTable]:
    """A table with an event."""
    with closing(EventTable.open(tmp_path / "table")) as table:
        table.append(columns_of([made(1)]).table)
        yield table


@pytest.fixture
def engine(table: EventTable) -> Engine:
    return table._engine


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def settings(engine: Engine) -> str:
    return str(engine.select(f"SHOW CREATE TABLE {TABLE}")["statement"][0].as_py())


def parts(engine: Engine) -> int:
    return int(
        engine.select("SELECT count() AS count FROM system.parts WHERE active AND table = 'event'")["count"][0].as_py()
    )


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen within {SECONDS} seconds"
        time.sleep(0.005)


def is_set_for_a_load(engine: Engine, bytes_max: int = MERGE_BYTES_MIN) -> bool:
    wanted = f"merge_selector_base = {PARTS_MERGED}", f"max_bytes_to_merge_at_max_space_in_pool = {bytes_max}"
    return all(setting in settings(engine) for setting in wanted)


def is_set_for_rest(engine: Engine) -> bool:
    wanted = f"merge_selector_base = {AT_REST.parts}", f"max_space_in_pool = {MERGE_BYTES_MAX_AT_REST}"
    return all(setting in settings(engine) for setting in wanted)


def test_merges_are_wide_from_the_start(engine: Engine) -> None:
    assert is_set_for_a_load(engine)


def test_what_was_merged_is_looked_for_soon(engine: Engine) -> None:
    assert "old_parts_lifetime = 5" in settings(engine)
    assert "max_cleanup_delay_period = 4" in settings(engine)


def test_a_table_of_an_older_program_is_told_too(engine: Engine) -> None:
    engine.command(
        f"ALTER TABLE {TABLE} RESET SETTING min_compress_block_size, cleanup_delay_period, max_cleanup_delay_period"
    )
    later = " cleanup_delay_period = 3", "min_compress_block_size = 8192"
    assert not any(setting in settings(engine) for setting in later)
    Merges(engine).start()
    assert all(setting in settings(engine) for setting in later)


def test_a_merge_takes_up_a_share_of_the_table() -> None:
    assert merge_bytes_max(0) == merge_bytes_max(TABLE_SHARE * MERGE_BYTES_MIN) == MERGE_BYTES_MIN
    for table in (10**10, 3 * 10**10, 5 * 10**10):
        assert table / TABLE_SHARE / 2 < merge_bytes_max(table) <= table / TABLE_SHARE
    assert merge_bytes_max(10**13) == MERGE_BYTES_MAX_AT_REST


def test_size_of_the_table_is_looked_at_now_and_then(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    merges = Merges(engine)
    merges.start()
    monkeypatch.setattr("eventkeep.eventlog.merges.table_bytes", lambda _: 2 * TABLE_SHARE * MERGE_BYTES_MIN)
    for _ in range(APPENDS_BETWEEN_LOOKS - 1):
        merges.after_append(LOAD_ROWS_MIN)
    assert is_set_for_a_load(engine)
    merges.after_append(LOAD_ROWS_MIN)
    assert is_set_for_a_load(engine, 2 * MERGE_BYTES_MIN)
    assert table_bytes(engine) > 0


def test_rest_begins_some_seconds_after_the_last_large_append(engine: Engine) -> None:
    clock = Clock()
    merges = Merges(engine, clock)
    merges.start()
    merges.look()
    clock.now += REST_SECONDS - 1
    merges.after_append(LOAD_ROWS_MIN)
    clock.now += REST_SECONDS - 1
    merges.after_append(LOAD_ROWS_MIN - 1)
    merges.look()
    assert is_set_for_a_load(engine)
    clock.now += 1
    merges.look()
    assert is_set_for_rest(engine)


def test_a_large_append_ends_the_rest_and_a_small_one_does_not(engine: Engine) -> None:
    clock = Clock()
    merges = Merges(engine, clock)
    merges.start()
    clock.now += REST_SECONDS
    merges.look()
    for _ in range(APPENDS_BETWEEN_LOOKS):
        merges.after_append(LOAD_ROWS_MIN - 1)
    assert is_set_for_rest(engine)
    merges.after_append(LOAD_ROWS_MIN)
    assert is_set_for_a_load(engine)


def test_parts_become_few_at_rest(table: EventTable, engine: Engine) -> None:
    for start in range(2, 42, 10):
        table.append(columns_of([made(number) for number in range(start, start + 10)]).table)
    assert parts(engine) == 5
    clock = Clock()
    merges = Merges(engine, clock)
    merges.start()
    clock.now += REST_SECONDS
    merges.look()
    wait_until(lambda: parts(engine) <= 2, "a merge")
    assert table.count() == 41


def test_a_load_ends_a_merge_that_is_too_large_for_it(
    table: EventTable, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = columns_of([made(number) for number in range(2, 2_002)]).table
    for _ in range(4):
        table.append(pa.concat_tables([columns] * 100))
    clock = Clock()
    merges = Merges(engine, clock)
    merges.start()
    clock.now += REST_SECONDS
    merges.look()
    wait_until(lambda: largest_merge_bytes(engine) > 0, "a merge")
    monkeypatch.setattr("eventkeep.eventlog.merges.merge_bytes_max", lambda _: 1)
    merges.after_append(LOAD_ROWS_MIN)
    assert largest_merge_bytes(engine) == 0
    assert parts(engine) >= 4
    monkeypatch.undo()
    clock.now += REST_SECONDS
    merges.look()
    wait_until(lambda: parts(engine) <= 2, "the merge of the next rest")
    assert table.count() == 1 + 4 * 100 * 2_000
