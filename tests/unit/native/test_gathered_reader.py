"""Many single creates at once: what is read together is what is read of each alone."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from eventkeep.limits import BULK_EVENTS_MAX, COMPILED_METRICS_MAX, GATHERED_BYTES_MAX
from eventkeep.model.submission import Submission, separated
from eventkeep.native.library import is_built
from eventkeep.protocol.creates.native_parser import plain_create_event, plain_create_events
from eventkeep.protocol.creates.parser import quick_create_event, quick_create_events
from eventkeep.protocol.revisions import REVISIONS
from tests.create_rules import metric, profile, single, text

RECEIVED_AT: Final = 1_750_000_000
REVISION: Final = REVISIONS[-1]
pytestmark = pytest.mark.skipif(not is_built(), reason="there was no C compiler when eventkeep was installed")

PLAIN: Final = tuple(
    text(body)
    for body in (
        single(),
        single(time=None),
        single(value=2.5, value_currency="EUR", unique_id="order-1", properties={"a": "é🙂"}),
        single(value=0.1 + 0.2, unique_id="x" * 240),
        single(profile=profile({"email": "b@a.de", "first_name": "B"})),
        single(metric=metric("Viewed Product")),
    )
)
OTHERS: Final = (
    b"",
    b"{",
    text(single(value_currency="EUX")),
    text(single(time="yesterday")),
    text(single(other=1)),
    text(single(unique_id="x" * 300)),
    PLAIN[0][:-1],
    PLAIN[0] + b"{}",
    PLAIN[0] + b"\0" + PLAIN[0],
    b'{"data": 1, "data": 2}',
)


def comparable(submission: Submission | None) -> Submission | None:
    """Without the size of the body, of which those that are read together know the mean alone."""
    return None if submission is None else structs.replace(submission, body_bytes=0)


@given(st.lists(st.sampled_from(PLAIN + OTHERS), min_size=1, max_size=20))
def test_each_is_read_as_it_is_alone(bodies: list[bytes]) -> None:
    gathered = quick_create_events(bodies, REVISION, RECEIVED_AT)
    events = [] if gathered.together is None else separated(gathered.together)
    read = dict(gathered.alone) | dict(zip(gathered.places, events, strict=True))
    assert sorted(read) == list(range(len(bodies)))
    for place, body in enumerate(bodies):
        assert comparable(read[place]) == comparable(quick_create_event(body, REVISION, RECEIVED_AT))


def test_plain_ones_are_read_together_beside_others() -> None:
    bodies = [body for pair in zip(PLAIN, OTHERS, strict=False) for body in pair]
    gathered = quick_create_events(bodies, REVISION, RECEIVED_AT)
    assert gathered.together is not None
    assert gathered.places == list(range(0, len(bodies), 2))
    assert gathered.together.events == len(PLAIN)
    assert len(gathered.together.profiles) == len(PLAIN)
    assert gathered.together.metrics == [("Placed Order", "api"), ("Viewed Product", "api")]
    assert gathered.together.body_bytes == sum(map(len, bodies))


def test_named_profiles_stay_with_their_events() -> None:
    bodies = [text(single(profile=profile({"email": f"{number}@a.de"}), unique_id=str(number))) for number in range(50)]
    gathered = quick_create_events(bodies, REVISION, RECEIVED_AT)
    assert gathered.together is not None
    assert not isinstance(gathered.together.profiles, list)
    for number, event in enumerate(separated(gathered.together)):
        (write,) = event.writes()
        assert (write.email, event.unique_id) == (f"{number}@a.de", str(number).encode())


def test_profile_that_takes_a_closer_look_keeps_nobody_else_from_being_read() -> None:
    bodies = [PLAIN[0], text(single(profile={"data": {"type": "profile", "attributes": {}}})), PLAIN[1]]
    gathered = quick_create_events(bodies, REVISION, RECEIVED_AT)
    assert gathered.together is None
    assert [submission is None for _, submission in gathered.alone] == [False, True, False]


@pytest.mark.parametrize(
    "bodies",
    [
        [PLAIN[0]] * (BULK_EVENTS_MAX + 1),
        [b"x" * GATHERED_BYTES_MAX, PLAIN[0]],
        [PLAIN[0], text(single(properties={"a": "%"})).replace(b"%", b"\xe9")],
        OTHERS,
    ],
    ids=["too many", "too large", "no UTF-8", "none plain"],
)
def test_what_is_not_read_together(bodies: list[bytes]) -> None:
    assert plain_create_events(bodies, REVISION, RECEIVED_AT) is None


def test_more_metrics_than_there_is_room_for_are_read_alone() -> None:
    bodies = [text(single(metric=metric(f"Metric {number}"))) for number in range(COMPILED_METRICS_MAX + 2)]
    read = plain_create_events(bodies, REVISION, RECEIVED_AT)
    assert read is not None
    assert read[1] == [True] * COMPILED_METRICS_MAX + [False, False]
    gathered = quick_create_events(bodies, REVISION, RECEIVED_AT)
    assert [comparable(submission) for _, submission in gathered.alone] == [
        comparable(plain_create_event(body, REVISION, RECEIVED_AT)) for body in bodies[-2:]
    ]
