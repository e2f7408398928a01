"""Crediting with as few touches read as possible ends where crediting with all of them known does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.limits import LOOK_BACK_RANGES_MAX
from eventkeep.model.attribution import Rule, Touch, credited, touch_of
from eventkeep.model.crediting import Candidates, credit_all, look_back_ranges

START: Final = 1_700_000_000
METRICS: Final = {1: "Opened Email", 2: "Clicked SMS", 3: "Opened Push"}


class Sent(msgspec.Struct, frozen=True):
    """An event of a message."""

    profile: int
    time: int
    id: int
    metric: int
    properties: dict[str, Any]


class Counted:
    """Reads properties, and counts how many."""

    def __init__(self, events: Sequence[Sent]) -> None:
        self._events = events
        self.reads = 0

    def __call__(self, places: Sequence[int]) -> list[bytes]:
        self.reads += len(places)
        return [msgspec.json.encode(self._events[place].properties) for place in places]


def candidates(events: Sequence[Sent]) -> Candidates:
    return Candidates(
        time=np.array([event.time for event in events], dtype=np.int64),
        id=np.array([event.id for event in events], dtype=np.uint64),
        profile=np.array([event.profile for event in events], dtype=np.uint32),
        metric=np.array([event.metric for event in events], dtype=np.uint32),
        metric_names=METRICS,
    )


sent_events = st.lists(
    st.builds(
        Sent,
        profile=st.integers(1, 3),
        time=st.integers(START, START + 60),
        id=st.integers(2**64 - 40, 2**64 - 1),
        metric=st.sampled_from(list(METRICS)),
        properties=st.fixed_dictionaries(
            {},
            optional={
                "$message": st.sampled_from(["A", "B", ""]),
                "machine_open": st.booleans(),
                "$_cohort$message_send_cohort": st.integers(START - 30, START + 60).map(lambda time: f"{time}:A"),
            },
        ),
    ),
    max_size=20,
    unique_by=lambda event: event.id,
)
rules = st.builds(
    Rule,
    windows=st.fixed_dictionaries({name: st.integers(0, 40) for name in METRICS.values()}),
    starts=st.sampled_from(["touch", "sent"]),
)
asked = st.lists(st.tuples(st.integers(1, 4), st.integers(START - 5, START + 120)), max_size=10)


@given(sent_events, asked, rules)
def test_it_credits_as_if_all_touches_were_known(events: list[Sent], wanted: list[tuple[int, int]], rule: Rule) -> None:
    def touches(profile: int) -> list[Touch]:
        found = (
            touch_of(event.time, event.id, METRICS[event.metric], event.properties, rule)
            for event in events
            if event.profile == profile
        )
        return [touch for touch in found if touch is not None]

    read = Counted(events)
    profiles, moments = [profile for profile, _ in wanted], [moment for _, moment in wanted]
    found = credit_all(profiles, moments, candidates(events), read, rule)
    assert found == [credited([moment], touches(profile), rule)[0] for profile, moment in wanted]
    assert read.reads <= len(events)


def test_only_the_newest_touch_is_read_if_it_is_one() -> None:
    events = [Sent(1, START + n, n, 1, {"$message": "A"}) for n in range(100)]
    read = Counted(events)
    (touch,) = credit_all([1], [START + 200], candidates(events), read, Rule())
    assert touch is not None and (touch.time, read.reads) == (START + 99, 1)


def test_touches_that_are_none_are_read_twice_as_many_at_a_time() -> None:
    bots = [Sent(1, START + n, n, 1, {"$message": "A", "machine_open": True}) for n in range(1, 100)]
    events = [Sent(1, START, 0, 1, {"$message": "B"}), *bots]
    read = Counted(events)
    (touch,) = credit_all([1], [START + 200], candidates(events), read, Rule())
    assert touch is not None and (touch.message, read.reads) == ("B", 100)


@given(st.lists(st.integers(0, 300), max_size=40), st.integers(0, 20))
def test_ranges_hold_every_look_back_and_do_not_overlap(moments: list[int], seconds: int) -> None:
    ranges = look_back_ranges(moments, seconds)
    assert len(ranges) <= LOOK_BACK_RANGES_MAX
    assert sorted(place for _, _, places in ranges for place in places) == list(range(len(moments)))
    for first, last, places in ranges:
        assert all(first <= moments[place] - seconds and moments[place] <= last for place in places)
    for (_, last, _), (first, _, _) in pairwise(ranges):
        assert last < first
