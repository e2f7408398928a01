"""The feed: recently stored events, read by position, bounded, and explicit about gaps."""

from __future__ import annotations

import asyncio
import threading
from typing import Self

import pytest

from eventkeep.clock import SystemRandomness
from eventkeep.errors import InvalidRequest
from eventkeep.limits import FEED_ATTENTION_SECONDS
from eventkeep.model.event import StoredEvent
from eventkeep.model.event_columns import EventColumns
from eventkeep.protocol.admin.positions import Position
from eventkeep.server.feed import Feed
from tests.made_events import event_columns


class HeldClock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def of(self, account: int) -> Self:
        return self


def feed_of(events_max: int = 1_000, bytes_max: int = 1_000_000, clock: HeldClock | None = None) -> Feed:
    return Feed(clock or HeldClock(), SystemRandomness(), events_max, bytes_max)


def add(feed: Feed, events: EventColumns) -> None:
    feed.add(events)


def rows(*numbers: int, account: int = 1) -> EventColumns:
    return event_columns(*numbers, account=account)


def numbers_of(events: list[StoredEvent]) -> list[int]:
    return [int(event.unique_id.split("-")[1]) for event in events]


def start_of(feed: Feed) -> Position:
    return feed.read(1, None, 10).position


def test_reader_begins_now_and_gets_later_events_in_their_order() -> None:
    feed = feed_of()
    add(feed, rows(1))
    start = feed.read(1, None, 10)
    assert (start.events, start.has_skipped) == ([], False)
    add(feed, rows(9, 2))
    add(feed, rows(5))
    found = feed.read(1, start.position, 10)
    assert (numbers_of(found.events), found.has_skipped) == ([9, 2, 5], False)
    assert feed.read(1, found.position, 10).events == []


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_pages_of_any_size_leave_nothing_out_and_repeat_nothing(count: int) -> None:
    feed = feed_of()
    position = start_of(feed)
    add(feed, rows(1, 2, 3, 4, 5))
    add(feed, rows(6, account=2))
    add(feed, rows(7))
    add(feed, rows(8, 9))
    seen: list[int] = []
    while events := (found := feed.read(1, position, count)).events:
        assert len(events) <= count
        seen += numbers_of(events)
        position = found.position
    assert seen == [1, 2, 3, 4, 5, 7, 8, 9]


def test_accounts_share_commits_and_see_their_own_events() -> None:
    feed = feed_of()
    position = start_of(feed)
    add(feed, EventColumns.joined([rows(1), rows(2, account=2), rows(3)]))
    assert numbers_of(feed.read(1, position, 10).events) == [1, 3]
    assert numbers_of(feed.read(2, position, 10).events) == [2]
    assert feed.read(3, position, 10).events == []


def test_reader_that_falls_behind_is_informed_once_and_gets_the_rest() -> None:
    feed = feed_of(events_max=3)
    position = start_of(feed)
    for number in range(5):
        add(feed, rows(number))
    found = feed.read(1, position, 10)
    assert (numbers_of(found.events), found.has_skipped) == ([2, 3, 4], True)
    assert not feed.read(1, found.position, 10).has_skipped


def test_events_of_others_that_go_are_no_loss() -> None:
    feed = feed_of(events_max=3)
    position = start_of(feed)
    for number in range(5):
        add(feed, rows(number, account=2))
    add(feed, rows(9))
    found = feed.read(1, position, 10)
    assert (numbers_of(found.events), found.has_skipped) == ([9], False)


def test_commit_that_is_larger_than_the_feed_is_not_held() -> None:
    events = feed_of(events_max=3)
    sizes = feed_of(bytes_max=rows(1).nbytes * 2)
    for feed in (events, sizes):
        position = start_of(feed)
        add(feed, rows(1, 2, 3, 4))
        add(feed, rows(5))
        found = feed.read(1, position, 10)
        assert (numbers_of(found.events), found.has_skipped) == ([5], True)


def test_nothing_is_held_while_nobody_reads() -> None:
    clock = HeldClock()
    feed = feed_of(clock=clock)
    position = start_of(feed)
    add(feed, rows(1))
    clock.seconds += FEED_ATTENTION_SECONDS + 1
    add(feed, rows(2))
    found = feed.read(1, position, 10)
    assert (found.events, found.has_skipped) == ([], True)
    add(feed, rows(3))
    again = feed.read(1, found.position, 10)
    assert (numbers_of(again.events), again.has_skipped) == ([3], False)


def test_reader_of_another_run_gets_all_of_this_one_and_is_informed() -> None:
    before, feed = feed_of(), feed_of()
    add(before, rows(1))
    position = before.read(1, None, 10).position
    add(feed, rows(2))
    found = feed.read(1, position, 10)
    assert (numbers_of(found.events), found.has_skipped) == ([2], True)
    assert not feed.read(1, found.position, 10).has_skipped


def test_position_that_was_not_reached_yet_is_refused() -> None:
    feed = feed_of()
    position = start_of(feed)
    with pytest.raises(InvalidRequest, match="Expected the position of an earlier response"):
        feed.read(1, Position(position.run, position.sequence + 1), 10)


def test_wait_ends_with_a_commit_of_another_thread() -> None:
    feed = feed_of()

    async def follow() -> list[int]:
        position = start_of(feed)
        adding = threading.Timer(0.05, add, [feed, rows(4)])
        adding.start()
        await feed.wait(position, 30)
        adding.join()
        # Events that are there already are returned without waiting.
        await feed.wait(position, 30)
        return numbers_of(feed.read(1, position, 10).events)

    assert asyncio.run(follow()) == [4]


def test_wait_ends_by_itself_and_leaves_nothing_behind() -> None:
    feed = feed_of()

    async def follow() -> None:
        position = start_of(feed)
        await feed.wait(position, 0.01)
        waiting = asyncio.create_task(feed.wait(position, 30))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        add(feed, rows(1))

    asyncio.run(follow())
    add(feed, rows(2))


def test_closing_lets_all_readers_go() -> None:
    feed = feed_of()

    async def follow() -> None:
        position = start_of(feed)
        waits = [asyncio.create_task(feed.wait(position, 30)) for _ in range(3)]
        await asyncio.sleep(0)
        feed.close()
        await asyncio.gather(*waits)
        await feed.wait(position, 30)

    asyncio.run(follow())
    assert feed.is_closed
