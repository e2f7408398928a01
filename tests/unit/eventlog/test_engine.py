"""The engine's driver: what the settings of its connections are for."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from eventkeep.eventlog.selection import EventSelection
from eventkeep.eventlog.table import EventTable
from tests.unit.eventlog.test_log import EVENTS, columns_of

COMPILED = "SELECT value FROM system.events WHERE event = 'CompileFunction'"
TIMES = 10
"""More often than the engine sees a condition before it compiles it."""


@pytest.mark.parametrize(
    "selection",
    [
        EventSelection(account=1, count=7, time_max=EVENTS[90].time),
        EventSelection(account=1, count=7, profile=3, time_max=EVENTS[90].time),
    ],
)
def test_a_page_that_comes_again_and_again_is_not_compiled(tmp_path: Path, selection: EventSelection) -> None:
    with closing(EventTable.open(tmp_path / "table")) as table:
        table.append(columns_of(EVENTS).table)
        before = table._engine.select(COMPILED).to_pylist()
        for _ in range(TIMES):
            assert table.page(selection)
        assert table._engine.select(COMPILED).to_pylist() == before
