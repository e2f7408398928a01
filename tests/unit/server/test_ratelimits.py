"""The windows of the rate limits, on a clock that the test sets."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.config import RateLimit, ServeSettings
from eventkeep.errors import Throttled
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.server.app import limits_table
from eventkeep.server.ratelimits import RateLimits

MINUTE: Final = 1_718_452_800.0
"""The first moment of a minute, and so of a second, in Unix seconds."""
OPERATION: Final = "get_event"


def limits(burst: int, steady: int) -> RateLimits:
    return RateLimits({OPERATION: RateLimit(burst, steady)})


def wait_of(limited: RateLimits, now: float, account: int = 1) -> int:
    """The seconds that a call at ``now`` must wait; 0 if it is let through."""
    try:
        limited.take(account, OPERATION, now)
    except Throttled as exc:
        return exc.retry_after_seconds
    return 0


def test_a_second_lets_through_as_many_calls_as_its_burst() -> None:
    limited = limits(burst=3, steady=100)
    assert [wait_of(limited, MINUTE + tenth / 10) for tenth in range(5)] == [0, 0, 0, 1, 1]
    assert [wait_of(limited, MINUTE + 1) for _ in range(4)] == [0, 0, 0, 1]


def test_windows_are_fixed_and_do_not_slide() -> None:
    limited = limits(burst=3, steady=100)
    assert [wait_of(limited, MINUTE + 0.999) for _ in range(3)] == [0, 0, 0]
    assert [wait_of(limited, MINUTE + 1.0) for _ in range(3)] == [0, 0, 0]


def test_a_minute_lets_through_as_many_calls_as_its_steady_limit() -> None:
    limited = limits(burst=3, steady=5)
    waits = [wait_of(limited, MINUTE + second) for second in (0, 0, 0, 7, 7, 7, 8, 58.5, 59, 59.999)]
    assert waits == [0, 0, 0, 0, 0, 53, 52, 2, 1, 1]
    assert [wait_of(limited, MINUTE + 60) for _ in range(4)] == [0, 0, 0, 1]


def test_longer_wait_is_returned_if_both_windows_are_full() -> None:
    limited = limits(burst=2, steady=2)
    assert [wait_of(limited, MINUTE) for _ in range(3)] == [0, 0, 60]


def test_refused_calls_are_not_counted() -> None:
    limited = limits(burst=2, steady=5)
    assert [wait_of(limited, MINUTE) for _ in range(50)].count(0) == 2
    assert [wait_of(limited, MINUTE + 1) for _ in range(50)].count(0) == 2
    assert [wait_of(limited, MINUTE + 2) for _ in range(50)].count(0) == 1


def test_accounts_and_operations_have_windows_of_their_own() -> None:
    limited = RateLimits({"get_event": RateLimit(1, 10), "get_events": RateLimit(1, 10)})
    for account in (1, 2):
        for operation in ("get_event", "get_events"):
            limited.take(account, operation, MINUTE)
    for account in (1, 2):
        for operation in ("get_event", "get_events"):
            with pytest.raises(Throttled):
                limited.take(account, operation, MINUTE)


def test_clock_that_jumps_back_begins_new_windows() -> None:
    limited = limits(burst=1, steady=1)
    assert [wait_of(limited, MINUTE + 120), wait_of(limited, MINUTE + 120)] == [0, 60]
    assert wait_of(limited, MINUTE) == 0


@pytest.mark.parametrize(
    ("taken", "now", "remaining"),
    [(0, MINUTE + 0.001, "349"), (1, MINUTE + 0.5, "348"), (349, MINUTE + 0.9, "0")],
)
def test_headers_of_a_success_are_those_that_were_captured(taken: int, now: float, remaining: str) -> None:
    limited = limits(burst=350, steady=3500)
    for _ in range(taken):
        limited.take(1, OPERATION, now)
    assert limited.take(1, OPERATION, now).splitlines() == [
        "ratelimit-limit: 350, 350;w=1, 3500;w=60",
        f"ratelimit-remaining: {remaining}",
        "ratelimit-reset: 0",
    ]


def test_refusal_has_the_words_of_the_service() -> None:
    limited = limits(burst=1, steady=1)
    limited.take(1, OPERATION, MINUTE)
    with pytest.raises(Throttled, match=r"^Request was throttled\. Expected available in 1 second\.$"):
        limited.take(1, OPERATION, MINUTE + 59.2)
    with pytest.raises(Throttled, match=r"^Request was throttled\. Expected available in 2 seconds\.$"):
        limited.take(1, OPERATION, MINUTE + 58.2)


def test_without_a_table_nothing_is_limited_and_no_headers_come() -> None:
    assert [RateLimits(None).take(1, OPERATION, MINUTE) for _ in range(1_000)] == [""] * 1_000


def test_operation_without_a_line_is_not_limited() -> None:
    limited = limits(burst=1, steady=1)
    assert limited.take(1, "get_events", MINUTE) == "" == limited.take(1, "get_events", MINUTE)


@given(
    burst=st.integers(1, 4),
    steady=st.integers(1, 9),
    steps=st.lists(st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0, 7.0, 61.0]), max_size=60),
)
def test_no_window_ever_holds_more_than_its_limit_and_a_wait_is_long_enough(
    burst: int, steady: int, steps: list[float]
) -> None:
    limited = limits(burst, steady)
    seconds: Counter[int] = Counter()
    minutes: Counter[int] = Counter()
    now = MINUTE
    for step in steps:
        now += step
        second, minute = int(now), int(now) // 60
        wait = wait_of(limited, now)
        if wait == 0:
            seconds[second] += 1
            minutes[minute] += 1
        else:
            assert seconds[second] == burst or minutes[minute] == steady
            # A caller that waits as long as required is let through.
            assert int(now + wait) > second
            assert minutes[minute] < steady or int(now + wait) // 60 > minute
    assert max(seconds.values(), default=0) <= burst
    assert max(minutes.values(), default=0) <= steady


# The table of limits


def test_hosted_figures_are_the_default() -> None:
    table = limits_table(ServeSettings())
    assert table is not None
    for name, operation in OPERATIONS.items():
        first = operation.limit.first
        assert table[name] == RateLimit(first.burst, first.steady)
        for since, later in operation.limit.later:
            assert table[f"{name} {since}"] == RateLimit(later.burst, later.steady)
    assert table["get_event"] == RateLimit(10, 150)
    assert table["create_event"] == RateLimit(350, 3500)


def test_settings_change_single_operations() -> None:
    table = limits_table(ServeSettings(rate_limits={"get_event": RateLimit(1, 2), "get_events": None}))
    assert table is not None
    assert table["get_event"] == RateLimit(1, 2)
    assert "get_events" not in table
    assert table["create_event"] == RateLimit(350, 3500)


def test_off_means_no_limits() -> None:
    assert limits_table(ServeSettings(rate_limits="off")) is None


def test_headers_of_a_success_tell_what_is_left() -> None:
    limited = limits(burst=3, steady=4)
    taken = [limited.take(1, OPERATION, MINUTE + place / 10) for place in range(3)]
    assert taken == [
        f"ratelimit-limit: 3, 3;w=1, 4;w=60\r\nratelimit-remaining: {left}\r\nratelimit-reset: {reset}\r\n"
        for left, reset in ((2, 1), (1, 0), (0, 0))
    ]
    with pytest.raises(Throttled):
        limited.take(1, OPERATION, MINUTE + 0.5)
    assert RateLimits(None).take(1, OPERATION, MINUTE) == ""
