"""What is remembered of the table's pages: never more than the table holds, never less, and within bounds."""

from __future__ import annotations

import threading

import pytest

from eventkeep.eventlog.pages import EVENT_BYTES, RecentPages
from eventkeep.eventlog.selection import EventSelection
from eventkeep.model.event import StoredEvent
from tests.unit.eventlog.test_log import made


class Table:
    """A table of events that counts how often it was read."""

    def __init__(self) -> None:
        self.events: list[StoredEvent] = [made(0)]
        self.reads = 0

    def page(self, selection: EventSelection) -> list[StoredEvent]:
        self.reads += 1
        return self.events[-selection.count :]


NEWEST = EventSelection(account=1, count=3)


def test_a_page_is_read_once_until_the_table_changes() -> None:
    pages, table = RecentPages(), Table()
    assert pages.page(NEWEST, table.page) == pages.page(NEWEST, table.page) == [made(0)]
    assert table.reads == 1
    with pages.change():
        table.events.append(made(1))
    assert pages.page(NEWEST, table.page) == [made(0), made(1)]
    assert table.reads == 2


def test_other_questions_have_other_answers() -> None:
    pages, table = RecentPages(), Table()
    table.events.append(made(1))
    assert len(pages.page(EventSelection(account=1, count=1), table.page)) == 1
    assert len(pages.page(EventSelection(account=1, count=2), table.page)) == 2
    pages.page(EventSelection(account=2, count=2), table.page)
    assert table.reads == 3


@pytest.mark.parametrize("is_over", [False, True])
def test_what_was_read_while_the_table_changed_is_not_remembered(is_over: bool) -> None:
    pages, table = RecentPages(), Table()

    def read_across(selection: EventSelection) -> list[StoredEvent]:
        events = table.page(selection)
        change = pages.change()
        change.__enter__()
        table.events.append(made(1))
        if is_over:
            change.__exit__(None, None, None)
        return events

    assert pages.page(NEWEST, read_across) == [made(0)]
    assert pages.page(NEWEST, table.page) == [made(0), made(1)]


def test_a_change_that_fails_is_a_change() -> None:
    pages, table = RecentPages(), Table()
    pages.page(NEWEST, table.page)
    with pytest.raises(OSError), pages.change():
        table.events.append(made(1))
        raise OSError
    assert len(pages.page(NEWEST, table.page)) == 2
    pages.page(NEWEST, table.page)
    assert table.reads == 2


def test_the_pages_longest_not_asked_for_go_first() -> None:
    room = 3 * (2 * EVENT_BYTES + len(made(0).properties))
    pages, table = RecentPages(bytes_max=room), Table()
    one, two, three, four = (EventSelection(account=account, count=1) for account in range(4))
    for selection in (one, two, three, one, four):
        pages.page(selection, table.page)
        assert pages.bytes <= room
    assert table.reads == 4
    pages.page(one, table.page)
    assert table.reads == 4
    pages.page(two, table.page)
    assert table.reads == 5


def test_a_page_that_has_no_room_at_all_is_not_kept() -> None:
    pages, table = RecentPages(bytes_max=1), Table()
    assert pages.page(NEWEST, table.page) == [made(0)]
    assert pages.bytes == 0


def test_readers_beside_a_writer_never_see_less_than_there_was_when_they_began() -> None:
    pages = RecentPages()
    events: list[StoredEvent] = []
    kept = 0
    selection = EventSelection(account=1, count=10_000)
    over = threading.Event()
    wrong: list[tuple[int, int]] = []

    def read() -> None:
        while not over.is_set():
            before = kept
            seen = len(pages.page(selection, lambda _: list(events)))
            if seen < before:
                wrong.append((before, seen))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(2_000):
        with pages.change():
            events.append(made(number))
        kept = number + 1
    over.set()
    for reader in readers:
        reader.join()
    assert not wrong
