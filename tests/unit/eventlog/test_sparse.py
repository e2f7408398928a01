"""Pages of events that lie far apart: as they are by any way of reading, and without reading what lies between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

import eventkeep.eventlog.table as table_module
from eventkeep.eventlog.engine import Engine, Parameter
from eventkeep.eventlog.rows import ROWS_SCHEMA
from eventkeep.eventlog.selection import EventSelection
from eventkeep.eventlog.table import EventTable
from tests.unit.eventlog.test_log import EVENTS, FIRST_SECOND, SELECTIONS, columns_of, expected_page

COUNT = 300_000
PROFILES = 3_000
RARE_METRIC, COMMON_METRIC = 1, 2


@pytest.fixture
def table(tmp_path: Path) -> Iterator[EventTable]:
    opened = EventTable.open(tmp_path / "table")
    yield opened
    opened.close()


@pytest.fixture
def rows_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows the engine read for each page, in their order."""
    counts: list[int] = []
    select = Engine.select_within

    def counting(engine: Engine, sql: str, parameters: Mapping[str, Parameter], bytes_max: int) -> Any:
        answer = select(engine, sql, parameters, bytes_max)
        counts.append(answer[1])
        return answer

    monkeypatch.setattr(Engine, "select_within", counting)
    return counts


def scattered() -> pa.Table:
    """Ten events a second; each profile, and the rare metric, has one in each 300 seconds."""
    number = np.arange(COUNT)
    columns = {
        "account": np.ones(COUNT),
        "time": FIRST_SECOND + number // 10,
        "id": number,
        "key_low": number,
        "profile": number % PROFILES,
        "metric": np.where(number % PROFILES == 0, RARE_METRIC, COMMON_METRIC),
        "unique_id": [b"one"] * COUNT,
        "value": number / 4,
        "currency": [b"USD"] * COUNT,
        "properties": [b'{"size": "large"}'] * COUNT,
    }
    arrays = [pa.array(columns[field.name], field.type, safe=False) for field in ROWS_SCHEMA]
    return pa.table(arrays, schema=ROWS_SCHEMA)


@pytest.mark.parametrize(
    "selection",
    [
        *SELECTIONS,
        EventSelection(account=1, count=7, profile=3),
        EventSelection(account=1, count=7, profile=3, metric=1, after=(EVENTS[200].time, EVENTS[200].id)),
        EventSelection(account=1, count=3, metric=1, time_max=FIRST_SECOND + 40, descending=False),
    ],
)
def test_a_page_is_the_same_however_it_is_read(
    table: EventTable, selection: EventSelection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each page makes the next one of its metric be read in the other way.
    monkeypatch.setattr(table_module, "SPARSE_ROWS_MIN", -1)
    for start in (0, 100, 200):
        table.append(columns_of(EVENTS[start : start + 100]).table)
    for _ in range(4):
        assert table.page(selection) == expected_page(EVENTS, selection)


def test_a_page_of_a_profile_does_not_read_what_lies_between_its_events(
    table: EventTable, rows_read: list[int]
) -> None:
    table.append(scattered())
    for after in (None, (FIRST_SECOND + COUNT // 20, 0)):
        events = table.page(EventSelection(account=1, count=40, profile=7, after=after))
        assert [event.profile for event in events] == [7] * 40
    # Forty granules of the events, and what the projection has of the profile.
    assert max(rows_read) < COUNT / 5


def test_a_metric_is_read_in_the_way_that_suits_it(
    table: EventTable, rows_read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "SPARSE_ROWS_MIN", 50_000)
    table.append(scattered())
    rare = EventSelection(account=1, count=40, metric=RARE_METRIC)
    common = msgspec.structs.replace(rare, metric=COMMON_METRIC)
    first, second = table.page(rare), table.page(rare)
    assert first == second
    assert [event.time for event in first] == [FIRST_SECOND + (99 - place) * 300 for place in range(40)]
    assert len(table.page(common)) == 40
    found_out, learnt, dense = rows_read
    assert found_out > 50_000 > learnt
    assert dense < 50_000
