from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkeep.client.errors import ConnectionFailedError
from eventkeep.client.retries import (
    TRY_SECONDS_MIN,
    Finished,
    Outcome,
    RetryPolicy,
    Surroundings,
    Try,
    Wait,
    attempts,
    retry_after_seconds,
)

NOW = 1_718_452_800.0
"""2024-06-15T12:00:00Z."""
REQUEST = httpx.Request("POST", "http://127.0.0.1:8340/api/events/")


class Course:
    """One run of the generator on a clock that only its waits and ``try_seconds`` per try move."""

    def __init__(self, outcomes: Sequence[Outcome], try_seconds: float = 0.0, chance: float = 0.0) -> None:
        self.outcomes, self.try_seconds = list(outcomes), try_seconds
        self.clock = 1_000.0
        self.waits: list[float] = []
        self.tries: list[float] = []
        self.surroundings = Surroundings(monotonic=lambda: self.clock, now=lambda: NOW, chance=lambda: chance)

    def run(self, policy: RetryPolicy, is_repeatable: bool = True) -> Finished:
        flow = attempts(policy, is_repeatable=is_repeatable, surroundings=self.surroundings)
        response: Outcome | None = None
        try:
            while True:
                step = flow.send(response)
                if isinstance(step, Wait):
                    self.waits.append(step.seconds)
                    self.clock += step.seconds
                    response = None
                else:
                    self.tries.append(step.seconds_max)
                    self.clock += self.try_seconds
                    # The last outcome is repeated.
                    response = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        except StopIteration as stop:
            finished: Finished = stop.value
            return finished


def responded(status: int, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=names, request=REQUEST)


def broken(kind: Callable[..., httpx.RequestError] = httpx.ReadError) -> httpx.RequestError:
    return kind("cut", request=REQUEST)


def policy(retries_max: int | None = 5, seconds_max: float = 60.0) -> RetryPolicy:
    return RetryPolicy(retries_max=retries_max, seconds_max=seconds_max)


@pytest.mark.parametrize("status", [200, 202, 301, 400, 401, 403, 404, 409, 413, 500, 501])
def test_other_statuses_are_final(status: int) -> None:
    course = Course([responded(status)])
    finished = course.run(policy())
    assert (finished.response.status_code, finished.tries, course.waits) == (status, 1, [])


@pytest.mark.parametrize("outcome", [*(responded(status) for status in (429, 502, 503, 504)), broken()])
def test_trouble_that_passes_is_tried_again(outcome: Outcome) -> None:
    course = Course([outcome, outcome, responded(202)])
    assert course.run(policy()).tries == 3
    assert course.waits == [0.125, 0.25]


def test_waits_double_up_to_a_bound_and_have_jitter() -> None:
    course = Course([broken(), *[broken()] * 7, responded(202)], chance=0.999999)
    course.run(policy(retries_max=None))
    assert course.waits == pytest.approx([0.25, 0.5, 1, 2, 4, 8, 10, 10], rel=1e-3)


def test_server_is_obeyed_in_how_long_to_wait() -> None:
    course = Course([responded(429, retry_after="7"), responded(503, retry_after="3"), responded(202)], chance=0.5)
    course.run(policy())
    assert course.waits == [7.125, 3.25]


@settings(deadline=None)
@given(asked=st.integers(0, 50), chance=st.floats(0, 1), tries=st.integers(1, 6))
def test_no_try_comes_earlier_than_the_server_asked(asked: int, chance: float, tries: int) -> None:
    course = Course([responded(429, retry_after=str(asked))] * tries + [responded(202)], chance=chance)
    course.run(policy(retries_max=None, seconds_max=math.inf))
    assert all(wait >= asked for wait in course.waits)


def test_last_response_is_returned_when_the_retries_are_used_up() -> None:
    course = Course([responded(503)])
    finished = course.run(policy(retries_max=2))
    assert (finished.response.status_code, finished.tries) == (503, 3)


def test_no_retries_means_one_try() -> None:
    assert Course([responded(503)]).run(policy(retries_max=0)).tries == 1


def test_missing_response_is_an_error_with_advice() -> None:
    with pytest.raises(ConnectionFailedError, match=r"no response from http://127\.0\.0\.1:8340 in 3 tries") as raised:
        Course([broken()]).run(policy(retries_max=2))
    assert raised.value.tries == 3
    assert "Is the server running" in str(raised.value)
    assert isinstance(raised.value.__cause__, httpx.ReadError)


def test_all_tries_and_waits_keep_within_the_budget() -> None:
    course = Course([responded(503)], try_seconds=1.0)
    started = course.clock
    course.run(policy(retries_max=None, seconds_max=20.0))
    assert course.clock - started <= 20.0 + TRY_SECONDS_MIN
    assert course.tries == sorted(course.tries, reverse=True)


def test_wait_past_the_budget_is_not_begun() -> None:
    course = Course([responded(429, retry_after="3600")])
    assert course.run(policy(seconds_max=60.0)).response.status_code == 429
    assert course.waits == []


def test_last_try_still_has_time_to_succeed() -> None:
    course = Course([broken(), responded(202)], try_seconds=0.0)
    course.run(policy(seconds_max=0.2))
    assert course.tries[-1] == TRY_SECONDS_MIN


def test_deadline_may_come_nearer_while_tries_go_on() -> None:
    course = Course([responded(503)], try_seconds=1.0)
    ends = iter([math.inf, math.inf, math.inf])
    moving = RetryPolicy(retries_max=None, seconds_max=1_000.0, deadline=lambda: next(ends, 0.0))
    course.run(moving)
    assert len(course.tries) == 2


@pytest.mark.parametrize(
    ("outcome", "is_tried_again"),
    [
        (responded(429), True),
        (responded(503), True),
        (broken(httpx.ConnectError), True),
        (broken(httpx.ConnectTimeout), True),
        (responded(502), False),
        (responded(504), False),
        (broken(httpx.ReadError), False),
        (broken(httpx.ReadTimeout), False),
        (broken(httpx.RemoteProtocolError), False),
    ],
)
def test_unrepeatable_request_is_tried_again_only_if_it_was_not_done(outcome: Outcome, is_tried_again: bool) -> None:
    course = Course([outcome, responded(202)])
    try:
        tries = course.run(policy(), is_repeatable=False).tries
    except ConnectionFailedError as exc:
        tries = exc.tries
    assert tries == (2 if is_tried_again else 1)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "2"}, 2.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({"Retry-After": "Sat, 15 Jun 2024 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sat, 15 Jun 2024 12:00:30 GMT", "Date": "Sat, 15 Jun 2024 12:00:20 GMT"}, 10.0),
        ({"Retry-After": "Sat, 15 Jun 2024 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "1.5"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(httpx.Response(429, headers=headers), NOW) == seconds


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (httpx.ConnectError, "Is the server running, and is base_url"),
        (httpx.ConnectTimeout, "Is the server running, and is base_url"),
        (httpx.ReadTimeout, "The server is running but slow: raise timeout"),
    ],
)
def test_message_gives_advice_if_no_response_came(kind: type[httpx.RequestError], advice: str) -> None:
    with pytest.raises(ConnectionFailedError, match=advice):
        Course([broken(kind)]).run(policy(retries_max=0))


def test_try_without_an_outcome_is_a_mistake_of_the_driver() -> None:
    flow = attempts(policy(), is_repeatable=True)
    assert isinstance(next(flow), Try)
    with pytest.raises(TypeError, match="expected a response or an error"):
        flow.send(None)
