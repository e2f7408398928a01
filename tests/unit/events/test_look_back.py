"""Look-backs find the events that a loop over all of them finds, in segments of several groups and in the tail."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from eventkeep.events.look_back import PastRange
from eventkeep.events.store import EventStore
from tests.event_samples import Row, columns

START: Final = 1_700_000_000
SECONDS: Final = 1_000
"""The time that the events of each part are spread over; the parts overlap."""
PARTS: Final = 3
ROWS: Final = 700


def some_rows(place: int) -> list[Row]:
    choose = random.Random(place)
    return [
        Row(
            account=choose.choice([1, 1, 2]),
            time=START + place * SECONDS // 2 + choose.randrange(SECONDS),
            id=choose.getrandbits(64),
            key_low=choose.getrandbits(64),
            profile=choose.randrange(1, 20),
            metric=choose.randrange(1, 6),
            value=None,
            currency="",
            unique_id=f"{choose.random()}",
            properties=b'{"n":%d}' % choose.getrandbits(60),
        )
        for _ in range(ROWS)
    ]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EventStore, list[Row]]]:
    """A store with two segments and a tail, and its rows."""
    folder: Path = tmp_path_factory.mktemp("look back")
    store, all_rows = EventStore.open(folder, background=False), list[Row]()
    for place in range(PARTS):
        rows = some_rows(place)
        all_rows += rows
        store.append(place + 1, columns(rows))
        if place < PARTS - 1:
            store.flush()
    yield store, all_rows
    store.close()


def ranges() -> list[list[tuple[int, int]]]:
    choose = random.Random(24)
    firsts = [choose.randrange(-50, 2 * SECONDS) for _ in range(60)]
    single = [[(first, first + choose.choice([0, 1, 20, 300]))] for first in firsts]
    return [*single, [(-9, -1)], [(0, 3 * SECONDS)], [(-5, 10), (400, 401), (1_300, 1_900)], [(5 * SECONDS, 2**31)]]


def test_exactly_the_events_of_the_ranges_are_found(stored: tuple[EventStore, list[Row]]) -> None:
    store, rows = stored
    profiles, metrics = frozenset({1, 3, 4, 99}), frozenset({2, 5})
    for each in ranges():
        asked = [PastRange(START + first, START + last, profiles) for first, last in each]
        expected = {
            row.id: row
            for row in rows
            if row.account == 1
            and row.profile in profiles
            and row.metric in metrics
            and any(first <= row.time - START <= last for first, last in each)
        }
        with store.looking_back(1, asked, metrics) as past:
            found = dict(zip(past.columns["id"].tolist(), range(len(past)), strict=True))
            assert found.keys() == expected.keys()
            assert past.columns["time"].tolist() == [expected[id].time for id in found]
            assert past.columns["profile"].tolist() == [expected[id].profile for id in found]
            assert past.properties(list(found.values())) == [expected[id].properties for id in found]


def test_no_range_and_no_profile_find_nothing(stored: tuple[EventStore, list[Row]]) -> None:
    store, _ = stored
    everywhere = PastRange(START, START + PARTS * SECONDS, frozenset())
    for asked in ([], [everywhere]):
        with store.looking_back(1, asked, frozenset({1})) as past:
            assert len(past) == 0
