"""The events of a page are the sequence that a list of them is, and their columns are those of the events."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventkeep.model.event import StoredEvent
from eventkeep.model.stored_events import StoredEvents

ACCOUNT: Final = 7
EVENTS_MAX: Final = 6
EVENT: Final = st.builds(
    StoredEvent,
    account=st.just(ACCOUNT),
    time=st.sampled_from([0, 1_718_452_800, 2**32 - 1]),
    id=st.sampled_from([0, 1, 2**63, 2**64 - 1]),
    profile=st.integers(1, 3),
    metric=st.integers(1, 3),
    unique_id=st.sampled_from(["u", "order-1", "é", '"\\\n', "😀\x00"]),
    value=st.sampled_from([None, 0.0, -1.5]),
    currency=st.sampled_from(["", "EUR"]),
    properties=st.sampled_from([b"{}", b' {"a": 1}', '{"é":"ö"}'.encode()]),
)
EVENTS: Final = st.lists(EVENT, max_size=EVENTS_MAX)
BOUNDS: Final = st.none() | st.integers(-EVENTS_MAX - 2, EVENTS_MAX + 2)
SLICES: Final = st.builds(slice, BOUNDS, BOUNDS, st.sampled_from([None, 1, 2, -1, -2, 9]))

FEW: Final = [StoredEvent(ACCOUNT, 1, id, id, 1, f"é{id}", None, "", b"{}") for id in (1, 2, 3)]


def assert_is(found: StoredEvents, expected: Sequence[StoredEvent]) -> None:
    """Column by column first: events that are made once are remembered."""
    assert found.times.dtype == np.int64
    assert found.ids.dtype == np.uint64
    assert found.times.tolist() == [event.time for event in expected]
    assert found.ids.tolist() == [event.id for event in expected]
    assert found.profiles == [event.profile for event in expected]
    assert found.metrics == [event.metric for event in expected]
    assert found.values == [event.value for event in expected]
    assert found.currencies == [event.currency for event in expected]
    assert found.unique_ids.strings() == [event.unique_id for event in expected]
    assert found.unique_ids.joined == b"".join([event.unique_id.encode() for event in expected])
    assert found.properties.texts() == [event.properties for event in expected]
    assert found.properties.joined == b"".join([event.properties for event in expected])
    assert (len(found), bool(found)) == (len(expected), bool(expected))
    assert list(found) == list(expected)


@given(EVENTS)
def test_columns_and_events_are_those_given(events: list[StoredEvent]) -> None:
    found = StoredEvents.of(events)
    assert_is(found, events)
    assert_is(StoredEvents.of(found), events)
    assert found.account == (ACCOUNT if events else 0)


@given(EVENTS, SLICES, SLICES)
@example(FEW, slice(2, 1), slice(None))
@example(FEW, slice(-2, None), slice(-1, None))
@example(FEW, slice(None, None, -1), slice(1, None))
@example([], slice(None, None, -1), slice(-1, 1))
def test_slices_are_those_of_a_list(events: list[StoredEvent], first: slice, second: slice) -> None:
    found = StoredEvents.of(events)
    assert_is(found[first], events[first])
    assert_is(found[first][second], events[first][second])
    # Those that were made before have the same slices.
    assert list(found) == events
    assert_is(found[second], events[second])


def test_a_step_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="step"):
        StoredEvents.of(FEW)[::0]


@given(EVENTS)
def test_the_reverse_is_that_of_a_list(events: list[StoredEvent]) -> None:
    found = StoredEvents.of(events)
    assert_is(found.reversed(), events[::-1])
    assert_is(found.reversed().reversed(), events)
    assert list(reversed(found)) == events[::-1]


def test_an_index_is_that_of_a_list() -> None:
    found = StoredEvents.of(FEW)
    for place in range(-3, 3):
        assert found[place] == FEW[place]
    for events, place in ((found, 3), (found, -4), (StoredEvents.of([]), 0), (StoredEvents.of([]), -1)):
        with pytest.raises(IndexError):
            events[place]
    assert FEW[1] in found
    assert found.index(FEW[1]) == 1


def test_equal_to_a_list_and_a_tuple_of_the_same_events() -> None:
    found, empty = StoredEvents.of(FEW), StoredEvents.of([])
    for same in (FEW, tuple(FEW), StoredEvents.of(FEW), copy.deepcopy(FEW)):
        assert found == same
        assert same == found
    for other in (FEW[:2], FEW[::-1], StoredEvents.of(FEW[:2]), None, 3):
        assert found != other
    assert empty == []
    assert empty == StoredEvents.of(())
    # A text is a sequence, too.
    assert empty != ""
    with pytest.raises(TypeError, match="unhashable"):
        hash(found)


def test_other_profiles_take_the_place_of_some() -> None:
    found = StoredEvents.of(FEW)
    others = found.with_profiles({1: 9, 3: 1, 50: 2})
    expected = [
        StoredEvent(ACCOUNT, 1, id, profile, 1, f"é{id}", None, "", b"{}") for id, profile in ((1, 9), (2, 2), (3, 1))
    ]
    assert_is(others, expected)
    assert_is(others[1:], expected[1:])
    # The events that they were made from stay as they are, with events made and without.
    assert_is(found, FEW)
    assert_is(found.with_profiles({2: 5}).with_profiles({5: 2}), FEW)
    assert StoredEvents.of([]).with_profiles({1: 9}) == []
