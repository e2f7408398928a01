"""What is remembered of events that were on a page: the events themselves, within bounds."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from eventkeep.eventlog.log import EventLog
from eventkeep.eventlog.recent_events import EVENT_BYTES, RecentEvents
from eventkeep.eventlog.selection import EventSelection
from eventkeep.model.event import StoredEvent
from tests.unit.eventlog.test_log import columns_of, made


def found(recent: RecentEvents, event: StoredEvent) -> StoredEvent | None:
    return recent.get(event.account, event.time, event.id)


def test_an_event_is_found_by_its_place_and_account() -> None:
    recent, event = RecentEvents(), made(1)
    recent.add([event, made(2)])
    assert found(recent, event) is event
    assert recent.get(event.account + 1, event.time, event.id) is None
    assert recent.get(event.account, event.time + 1, event.id) is None
    assert found(recent, made(3)) is None


def test_events_of_the_oldest_pages_go_first() -> None:
    size = EVENT_BYTES + max(len(made(number).properties) for number in range(100))
    recent = RecentEvents(bytes_max=20 * size)
    for number in range(100):
        recent.add([made(number)])
        assert len(recent) <= 21
    assert found(recent, made(0)) is None
    assert all(found(recent, made(number)) for number in range(90, 100))


def test_one_page_may_be_larger_than_the_room() -> None:
    recent = RecentEvents(bytes_max=1)
    recent.add([made(number) for number in range(5)])
    recent.add([made(number) for number in range(5, 10)])
    assert len(recent) == 10
    recent.add([made(11)])
    assert found(recent, made(0)) is None


def test_event_of_a_page_is_not_looked_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(EventLog.open(tmp_path / "events")) as log:
        log.append(columns_of([made(number) for number in range(10)]))
        log.flush()
        page = log.page(EventSelection(account=1, count=4, descending=True))
        monkeypatch.setattr(log._table, "event", lambda *_: None)
        assert [log.event(event.account, event.time, event.id) for event in page] == page
        other = made(0)
        assert log.event(other.account, other.time, other.id) is None
        monkeypatch.undo()
        assert log.event(other.account, other.time, other.id) == other
