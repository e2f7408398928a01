"""Counts of events by metric: over the table and the tail together, each event once."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventkeep.eventlog.log import EventLog
from eventkeep.model.event import StoredEvent
from eventkeep.model.event_count import EventCount, total
from tests.unit.eventlog.test_log import columns_of, made


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    opened = EventLog.open(tmp_path / "events")
    yield opened
    opened.close()


def counted(events: list[StoredEvent], account: int) -> dict[int, EventCount]:
    times: dict[int, list[int]] = defaultdict(list)
    for event in events:
        if event.account == account:
            times[event.metric].append(event.time)
    return {metric: EventCount(len(each), min(each), max(each)) for metric, each in times.items()}


def test_events_count_wherever_they_are(log: EventLog) -> None:
    events = [made(number, account=1 + number % 2) for number in range(100)]
    log.append(columns_of(events[:40]))
    log.flush()
    log.append(columns_of(events[40:90]))
    log.append(columns_of(events[90:]))
    for account in (1, 2):
        assert log.counts(account) == counted(events, account)
        assert log.counts(account, 2) == {2: counted(events, account)[2]}
    assert log.counts(3) == {}
    assert log.counts(1, 7) == {}


def test_events_that_move_from_the_tail_to_the_table_count_once(log: EventLog) -> None:
    stopping = threading.Event()

    def flush() -> None:
        while not stopping.is_set():
            log.flush()

    flushing = threading.Thread(target=flush)
    flushing.start()
    try:
        for appended in range(1, 41):
            log.append(columns_of([made(appended)]))
            assert total(log.counts(1).values()).events == appended
    finally:
        stopping.set()
        flushing.join()


def test_a_total_of_nothing_has_no_times() -> None:
    assert total([]) == EventCount(0, None, None)
    assert total([EventCount(2, 5, 9), EventCount(), EventCount(1, 3, 3)]) == EventCount(3, 3, 9)
