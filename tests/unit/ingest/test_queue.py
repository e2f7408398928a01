"""The queue between the requests and the commits."""

from __future__ import annotations

import pytest

from eventkeep.errors import Unavailable
from eventkeep.ingest.queue import Queued, SubmissionQueue, UnparsedBody, UnparsedSingles, Waiting
from eventkeep.limits import BULK_EVENTS_MAX
from eventkeep.model.submission import Gathered, Submission
from eventkeep.protocol.creates.parser import parse_bulk_create
from eventkeep.protocol.revisions import REVISIONS
from tests.faults.flood import bulk_template


def waiting(events: int, characters: int = 0) -> Waiting:
    return Waiting(1, submission(events, characters), None)


def submission(events: int, characters: int) -> Submission:
    return parse_bulk_create(bulk_template(events, characters), REVISIONS[-1], 1_750_000_000)


def test_what_is_taken_together_is_bounded_in_events_and_in_bytes() -> None:
    small, large = waiting(2), waiting(2, 20_000)
    bytes_max = large.submission.body_bytes + 3 * small.submission.body_bytes

    def taken(events_max: int) -> list[list[Queued]]:
        queue = SubmissionQueue()
        for item in (small, small, small, large, small, large, large):
            queue.put(item)
        pieces = []
        while queue.events:
            pieces.append(queue.take(events_max, bytes_max))
        assert queue.bytes == 0
        return pieces

    assert taken(100) == [[small, small, small, large], [small, large], [large]]
    assert taken(5) == [[small, small], [small, large], [small, large], [large]]


def test_one_submission_is_taken_however_large_it_is() -> None:
    queue = SubmissionQueue(events_max=1, bytes_max=1)
    queue.put(waiting(3))
    with pytest.raises(Unavailable, match="Too many events wait"):
        queue.put(waiting(1))
    assert queue.is_full
    (taken,) = queue.take(1, 1)
    assert taken.events == 3
    assert not queue.is_full


def test_what_waits_is_taken_after_the_queue_was_closed_and_nothing_is_added() -> None:
    queue = SubmissionQueue()
    queue.put(waiting(1))
    queue.close()
    with pytest.raises(Unavailable, match="stopping"):
        queue.put(waiting(1))
    assert len(queue.take(10, 10)) == 1
    assert queue.take(10, 10) == []


def test_an_unread_body_counts_for_the_most_events_that_it_may_hold() -> None:
    queue = SubmissionQueue()
    queue.put(UnparsedBody(1, lambda: None, 700, None))
    assert (queue.events, queue.bytes) == (BULK_EVENTS_MAX, 700)
    queue.take(1, 1)
    assert (queue.events, queue.bytes) == (0, 0)


def test_unread_singles_count_one_event_each() -> None:
    queue = SubmissionQueue(events_max=3)
    queue.put(UnparsedSingles(1, lambda: Gathered(None, [], []), 700, ["first", "second"]))
    assert (queue.events, queue.bytes) == (2, 700)
    with pytest.raises(Unavailable, match="Too many events wait"):
        queue.put(UnparsedSingles(1, lambda: Gathered(None, [], []), 700, ["third", "fourth"]))
    queue.take(10, 10_000)
    assert (queue.events, queue.bytes) == (0, 0)
