"""The engine's merges: wide ones, none of them most of the table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventkeep.eventlog.engine import Engine
from eventkeep.eventlog.merges import (
    APPENDS_BETWEEN_LOOKS,
    MERGE_BYTES_MIN,
    MERGED_PARTS_SECONDS,
    PARTS_MERGED,
    TABLE_SHARE,
    Merges,
    merge_bytes_max,
    table_bytes,
)
from eventkeep.eventlog.schema import TABLE
from eventkeep.eventlog.table import EventTable
from tests.unit.eventlog.test_log import columns_of, made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The engine of a table with an event."""
    with closing(EventTable.open(tmp_path / "table")) as table:
        table.append(columns_of([made(1)]).table)
        yield table._engine


def settings(engine: Engine) -> str:
    return str(engine.select(f"SHOW CREATE TABLE {TABLE}")["statement"][0].as_py())


def test_merges_are_wide_from_the_start(engine: Engine) -> None:
    assert f"merge_selector_base = {PARTS_MERGED}" in settings(engine)
    assert f"max_bytes_to_merge_at_max_space_in_pool = {MERGE_BYTES_MIN}" in settings(engine)
    assert f"old_parts_lifetime = {MERGED_PARTS_SECONDS}" in settings(engine)


def test_a_merge_takes_up_a_share_of_the_table() -> None:
    assert merge_bytes_max(0) == merge_bytes_max(TABLE_SHARE * MERGE_BYTES_MIN) == MERGE_BYTES_MIN
    for table in (10**10, 10**11, 10**12):
        assert table / TABLE_SHARE / 2 < merge_bytes_max(table) <= table / TABLE_SHARE


def test_size_of_the_table_is_looked_at_now_and_then(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    merges = Merges(engine)
    merges.adapt()
    monkeypatch.setattr("eventkeep.eventlog.merges.table_bytes", lambda _: 2 * TABLE_SHARE * MERGE_BYTES_MIN)
    for _ in range(APPENDS_BETWEEN_LOOKS - 1):
        merges.after_append()
    assert f"max_space_in_pool = {MERGE_BYTES_MIN}" in settings(engine)
    merges.after_append()
    assert f"max_space_in_pool = {2 * MERGE_BYTES_MIN}" in settings(engine)
    assert table_bytes(engine) > 0
