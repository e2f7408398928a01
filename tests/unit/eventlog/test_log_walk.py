"""Walks over the log while events are appended and moved from the tail to the table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventkeep.eventlog.log import EventLog
from eventkeep.eventlog.selection import EventSelection
from eventkeep.model.event import StoredEvent
from tests.unit.eventlog.test_log import FIRST_SECOND, columns_of

accounts: Final = itertools.count(1)

Place = tuple[int, int]
places: Final = st.tuples(st.integers(FIRST_SECOND, FIRST_SECOND + 3), st.integers(0, 40))
appended: Final = st.lists(places, max_size=6)
steps: Final = st.lists(st.tuples(appended, st.booleans()), max_size=10)
"""What happens between two pages: events are appended, and perhaps the tail is moved."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventLog]:
    opened = EventLog.open(tmp_path_factory.mktemp("walk") / "events")
    yield opened
    opened.close()


class Walked:
    """An account of its own in the log, each place in it taken once."""

    def __init__(self, log: EventLog) -> None:
        self.log, self.account = log, next(accounts)
        self.places: set[Place] = set()

    def step(self, wanted: list[Place], moves: bool) -> None:
        fresh = [place for place in dict.fromkeys(wanted) if place not in self.places]
        if fresh:
            self.log.append(columns_of([self.event(*place) for place in fresh]))
            self.places.update(fresh)
        if moves:
            self.log.flush()

    def event(self, time: int, number: int) -> StoredEvent:
        return StoredEvent(self.account, time, number, number % 3, number % 2, str(number), None, "", b"{}")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=steps,
    during=steps,
    count=st.integers(1, 4),
    descending=st.booleans(),
    metric=st.sampled_from([None, 0, 1]),
    profile=st.sampled_from([None, 2]),
)
def test_a_walk_finds_what_was_there_once_wherever_it_lies(
    log: EventLog,
    before: list[tuple[list[Place], bool]],
    during: list[tuple[list[Place], bool]],
    count: int,
    descending: bool,
    metric: int | None,
    profile: int | None,
) -> None:
    walked = Walked(log)
    for step in before:
        walked.step(*step)
    at_start = sorted(
        [
            (time, number)
            for time, number in walked.places
            if metric in (None, number % 2) and profile in (None, number % 3)
        ],
        reverse=descending,
    )
    found: list[Place] = []
    steps_left = iter(during)
    while True:
        selection = EventSelection(
            account=walked.account,
            count=count,
            descending=descending,
            metric=metric,
            profile=profile,
            after=found[-1] if found else None,
        )
        page = [(event.time, event.id) for event in log.page(selection)]
        found += page
        if len(page) < count:
            break
        walked.step(*next(steps_left, ([], False)))
    assert found == sorted(set(found), reverse=descending)
    assert [place for place in found if place in at_start] == at_start
