from __future__ import annotations

from eventkeep.client.buffer import Buffer, is_too_large
from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX
from tests.unit.client.made_events import made_event


def filled(count: int, delay_seconds: float = 5.0, events_max: int = 100_000) -> Buffer:
    buffer = Buffer(events_max, 100_000_000, delay_seconds)
    for number in range(count):
        buffer.add(made_event(number), now=10.0)
    return buffer


def test_event_waits_for_others_until_its_delay_is_over() -> None:
    buffer = filled(2)
    assert (buffer.seconds_until_due(10.0), buffer.seconds_until_due(14.0), buffer.seconds_until_due(20.0)) == (5, 1, 0)
    assert Buffer(1, 1, 1.0).seconds_until_due(0.0) is None


def test_full_request_is_due_at_once() -> None:
    assert filled(BULK_EVENTS_MAX - 1).seconds_until_due(10.0) == 5.0
    assert filled(BULK_EVENTS_MAX).seconds_until_due(10.0) == 0.0


def test_hurry_makes_earlier_events_due() -> None:
    buffer = filled(3)
    assert buffer.flush() == 3
    assert buffer.seconds_until_due(10.0) == 0.0
    assert buffer.is_flushing
    buffer.take()
    buffer.add(made_event(4), now=10.0)
    assert (buffer.seconds_until_due(10.0), buffer.is_flushing) == (5.0, False)


def test_bounds_count_requests_that_are_open() -> None:
    buffer = filled(2, events_max=3)
    taken = buffer.take()
    assert buffer.has_room(made_event(3))
    buffer.add(made_event(3), now=10.0)
    assert not buffer.has_room(made_event(4))
    buffer.complete(taken.events())
    assert (len(buffer), buffer.has_room(made_event(4))) == (1, True)


def test_bounds_count_bytes() -> None:
    event = made_event(1, text="x" * 1_000)
    buffer = Buffer(10, 1_500, 1.0)
    assert buffer.has_room(made_event(0, text="x" * 5_000)), "an empty buffer takes any event"
    buffer.add(event, now=0.0)
    assert not buffer.has_room(made_event(2, text="x" * 1_000))
    buffer.complete(buffer.take().events())
    assert buffer.bytes == 0


def test_event_is_settled_when_all_before_it_are() -> None:
    buffer = filled(BULK_EVENTS_MAX + 1)
    first, second = buffer.take(), buffer.take()
    buffer.complete(second.events())
    assert not buffer.is_complete(BULK_EVENTS_MAX + 1)
    buffer.complete(first.events())
    assert buffer.is_complete(BULK_EVENTS_MAX + 1)


def test_unsettled_events_are_those_under_way_and_those_that_wait() -> None:
    buffer = filled(BULK_EVENTS_MAX + 2)
    buffer.take()
    assert [event.number for event in buffer.pending()] == list(range(1, BULK_EVENTS_MAX + 3))
    assert len(buffer.take_all()) == 2


def test_event_larger_than_a_request_is_known() -> None:
    assert is_too_large(made_event(1, text="x" * BODY_BYTES_MAX))
    assert not is_too_large(made_event(1, text="x" * (BODY_BYTES_MAX - 1_000)))


def test_first_event_and_the_one_that_fills_a_request_are_reported() -> None:
    buffer = Buffer(100_000, 100_000_000, 5.0)
    told = [number for number in range(BULK_EVENTS_MAX * 2) if buffer.add(made_event(number), now=10.0)]
    assert told == [0, BULK_EVENTS_MAX - 1]
    buffer.take()
    buffer.take()
    assert buffer.add(made_event(0), now=10.0)
