"""The queue before the commit is bounded, and keeps its order."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from eventkeep.errors import Unavailable
from eventkeep.ingest.committer import BATCH_SECONDS, PACE_BYTES_MIN, SHORT_SECONDS, Pace
from eventkeep.ingest.queue import SHORT_BYTES_MAX, CreateQueue, Queued, QueuedChange, QueuedCreates
from eventkeep.limits import BATCH_BYTES_MAX, BULK_EVENTS_MAX
from eventkeep.protocol.creates.parser import parse_bulk_create
from eventkeep.protocol.revisions import REVISIONS
from tests.create_rules import bulk, event, item, text

NOW = 1_750_000_000


def parsed(events: int, characters: int = 0) -> QueuedCreates:
    """A bulk create that is parsed already."""
    body = text(bulk(item(*[event(properties={"a": "x" * characters})] * events)))
    creates = queued(True, body)
    creates.submission = parse_bulk_create(body, REVISIONS[-1], NOW)
    return creates


def queued(is_bulk: bool, *bodies: bytes) -> QueuedCreates:
    tickets = list(bodies)
    return QueuedCreates(
        account=1, revision=REVISIONS[-1], is_bulk=is_bulk, bodies=bodies, received_at=NOW, tickets=tickets
    )


def test_what_is_taken_together_is_bounded_in_events_and_in_bytes() -> None:
    small, large = parsed(2, 20_000), parsed(2, 100_000)
    assert small.bytes > SHORT_BYTES_MAX
    bytes_max = large.bytes + 3 * small.bytes

    def taken(events_max: int) -> list[list[Queued]]:
        queue = CreateQueue()
        for creates in (small, small, small, large, small, large, large):
            queue.put(creates)
        pieces = []
        while queue.events:
            pieces.append(queue.take(events_max, bytes_max))
        assert queue.bytes == 0
        return pieces

    assert taken(100) == [[small, small, small, large], [small, large], [large]]
    assert taken(5) == [[small, small], [small, large], [small, large], [large]]


def test_short_creates_and_bulk_creates_take_turns() -> None:
    queue, bulk, short = CreateQueue(), parsed(2, 40_000), queued(False, b"first", b"second")
    change: QueuedChange = QueuedChange(lambda _: ([], None), Future())
    for creates in (bulk, bulk, bulk):
        queue.put(creates)
    assert queue.take(2, 1) == [bulk]
    for waiting in (short, parsed(1), change):
        queue.put(waiting)
    assert queue.has_bulk
    assert [type(taken) for taken in queue.take(100, 1_000_000)] == [QueuedCreates, QueuedCreates, QueuedChange]
    queue.put(short)
    assert queue.take(2, 1) == [bulk]
    assert queue.take(2, 1) == [short]
    assert queue.take(2, 1) == [bulk]
    assert not queue.has_items


def test_batches_are_bounded_in_time_while_short_creates_come() -> None:
    pace = Pace()
    for _ in range(30):
        pace.note(10_000_000, 5.0, 6.0)
    assert pace.bytes_max(6.0) == BATCH_BYTES_MAX
    pace.note(PACE_BYTES_MIN - 1, 6.0, 7.0)
    assert abs(pace.bytes_max(7.0) - 10_000_000 * BATCH_SECONDS) < 20_000
    assert pace.bytes_max(7.0 + SHORT_SECONDS) == BATCH_BYTES_MAX
    for _ in range(100):
        pace.note(10_000_000, 7.0, 7.000001)
    assert pace.bytes_max(7.5) == BATCH_BYTES_MAX


def test_one_item_is_taken_however_large_it_is() -> None:
    queue = CreateQueue(events_max=1, bytes_max=1)
    queue.put(parsed(3))
    with pytest.raises(Unavailable, match="Too many events wait"):
        queue.put(parsed(1))
    assert queue.is_full
    (taken,) = queue.take(1, 1)
    assert taken.events == 3
    assert not queue.is_full


def test_what_waits_is_taken_after_the_queue_was_closed_and_nothing_is_added() -> None:
    queue = CreateQueue()
    queue.put(parsed(1))
    queue.close()
    with pytest.raises(Unavailable, match="stopping"):
        queue.put(parsed(1))
    assert len(queue.take(10, 10)) == 1
    assert queue.take(10, 10) == []


def test_a_bulk_create_that_is_not_parsed_counts_the_most_events_that_it_may_hold() -> None:
    queue = CreateQueue()
    queue.put(queued(True, b"x" * 700))
    assert (queue.events, queue.bytes) == (BULK_EVENTS_MAX, 700)
    queue.take(1, 1)
    assert (queue.events, queue.bytes) == (0, 0)


def test_single_creates_count_one_event_each() -> None:
    queue = CreateQueue(events_max=3)
    queue.put(queued(False, b"first", b"second"))
    assert (queue.events, queue.bytes) == (2, 11)
    with pytest.raises(Unavailable, match="Too many events wait"):
        queue.put(queued(False, b"third", b"fourth"))
    queue.take(10, 10_000)
    assert (queue.events, queue.bytes) == (0, 0)
