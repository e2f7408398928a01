"""Last touch, compared with a plain model and with an independent rule in SQL."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.model.attribution import (
    DEFAULT_WINDOWS,
    Rule,
    Touch,
    attribution_id,
    channel_of,
    credited,
    first_form,
    is_creditable_metric,
    names_message,
    touch_of,
)
from tests.attribution_sessions import SessionEvent, credits_by_sessions

HOUR: Final = 3_600
START: Final = 1_700_000_000
DEFAULT: Final = Rule()


def touch(time: int, id: int = 1, metric: str = "Opened Email", **more: Any) -> Touch:
    return Touch(time=time, id=id, metric=metric, message="MSG", **more)


# Touches.

RECORDED: Final = {
    "$ESP": 0,
    "$_cohort$message_send_cohort": "1642928713:UupFUS",
    "$event_id": "UupFUS:128291358961623399757976539970236599108",
    "$message": "UupFUS",
    "Campaign Name": "News",
    "Email Domain": "shop.example",
    "Subject": "News",
}


def test_a_recorded_campaign_event_is_a_touch() -> None:
    assert touch_of(1_642_929_000, 7, "Opened Email", RECORDED, DEFAULT) == Touch(
        time=1_642_929_000, id=7, metric="Opened Email", message="UupFUS", channel="email", sent=1_642_928_713
    )


def test_a_flow_event_names_flow_and_variation() -> None:
    found = touch_of(9, 7, "Clicked SMS", {"$message": "M", "$flow": "F", "$variation": 42}, DEFAULT)
    assert found == Touch(time=9, id=7, metric="Clicked SMS", message="M", flow="F", variation="42", channel="sms")


@pytest.mark.parametrize(
    ("metric", "properties"),
    [
        ("Received Email", RECORDED),
        ("Placed Order", RECORDED),
        ("Opened Email", {}),
        ("Opened Email", {"$message": ""}),
        ("Opened Email", {"$message": None}),
        ("Opened Email", {**RECORDED, "machine_open": True}),
        ("Opened Email", {**RECORDED, "machine_open": "True"}),
        ("Opened Email", {**RECORDED, "machine_open": 1}),
        ("Clicked Email", {**RECORDED, "Bot Click": True}),
        ("Clicked Email", {**RECORDED, "Bot Click": "true"}),
    ],
)
def test_other_events_are_no_touches(metric: str, properties: dict[str, Any]) -> None:
    assert touch_of(START, 1, metric, properties, DEFAULT) is None


@pytest.mark.parametrize("value", [False, "False", 0, None, ""])
def test_a_flag_that_is_not_set_does_not_matter(value: Any) -> None:
    assert touch_of(START, 1, "Opened Email", {**RECORDED, "machine_open": value}, DEFAULT) is not None


@pytest.mark.parametrize("cohort", ["", "UupFUS", "x:UupFUS", None, 12])
def test_a_send_time_that_can_not_be_read_is_unknown(cohort: Any) -> None:
    found = touch_of(START, 1, "Opened Email", {**RECORDED, "$_cohort$message_send_cohort": cohort}, DEFAULT)
    assert found is not None and found.sent is None


@pytest.mark.parametrize(
    ("metric", "properties", "can_be"),
    [
        ("Placed Order", {}, True),
        ("Placed Order", {"$value": 3, "$message": ""}, True),
        ("Placed Order", {"$message": "M"}, False),
        ("Placed Order", {"$flow": "F"}, False),
        ("Received Email", {}, False),
        ("Opened Email", {}, False),
        ("Unsubscribed from Email Marketing", {}, False),
        ("Read Letter", {}, True),
    ],
)
def test_creditable_events(metric: str, properties: dict[str, Any], can_be: bool) -> None:
    assert (is_creditable_metric(metric, DEFAULT) and not names_message(properties)) is can_be


def test_an_account_may_count_metrics_of_its_own() -> None:
    rule = Rule(windows={"Read Letter": HOUR})
    assert not is_creditable_metric("Read Letter", rule)
    found = touch_of(START, 1, "Read Letter", {"$message": "M"}, rule)
    assert found is not None and found.channel is None
    assert credited([START + HOUR], [found], rule) == [found]
    assert touch_of(START, 1, "Opened Email", {"$message": "M"}, rule) is None


@pytest.mark.parametrize(
    ("metric", "channel"),
    [
        ("Marked Email as Spam", "email"),
        ("Received SMS", "sms"),
        ("Opened Push", "push"),
        ("Clicked WhatsApp", "whatsapp"),
        ("Pushed Button", None),
    ],
)
def test_the_channel_stands_in_the_name(metric: str, channel: str | None) -> None:
    assert channel_of(metric) == channel


# Credits.


@pytest.mark.parametrize("metric", DEFAULT_WINDOWS)
def test_each_window_closes_after_its_last_second(metric: str) -> None:
    window, one = DEFAULT_WINDOWS[metric], touch(START, metric=metric)
    moments = [START - 1, START, START + window, START + window + 1]
    assert credited(moments, [one], DEFAULT) == [None, one, one, None]


def test_the_latest_open_window_wins_over_a_later_touch_that_has_closed() -> None:
    email = touch(START)
    sms = touch(START + HOUR, id=2, metric="Received SMS")
    moments = [START + 2 * HOUR, START + 13 * HOUR, START + 14 * HOUR, START + 200 * HOUR]
    assert credited(moments, [sms, email], DEFAULT) == [sms, sms, email, None]


def test_of_two_touches_in_one_second_the_greater_id_wins() -> None:
    one, other = touch(START, id=5), touch(START, id=2**64 - 1, metric="Clicked Email")
    assert credited([START], [one, other], DEFAULT) == credited([START], [other, one], DEFAULT) == [other]


def test_a_window_may_start_when_the_message_was_sent() -> None:
    rule = Rule(starts="sent")
    window = DEFAULT_WINDOWS["Opened Email"]
    late = touch(START + 2 * HOUR, sent=START)
    unknown = touch(START, id=2)
    odd = touch(START, id=3, sent=START + 9 * HOUR)
    assert credited([START + window, START + window + 1], [late], rule) == [late, None]
    assert credited([START + window + 1], [late], DEFAULT) == [late]
    assert credited([START + window], [unknown], rule) == [unknown]
    assert credited([START + window + 1], [odd], rule) == [None]


def test_how_far_back_a_touch_may_lie() -> None:
    assert DEFAULT.look_back == 5 * 24 * HOUR
    assert Rule(windows={}).look_back == 0


# Two other implementations of the same rule.

touches = st.lists(
    st.builds(
        Touch,
        time=st.integers(START, START + 60),
        id=st.integers(1, 1_000),
        metric=st.sampled_from(["Opened Email", "Received SMS", "Opened Push"]),
        message=st.sampled_from("ABC"),
        sent=st.none() | st.integers(START - 20, START + 60),
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)
moments = st.lists(st.integers(START - 5, START + 120), max_size=8)
rules = st.builds(
    Rule,
    windows=st.fixed_dictionaries(
        {name: st.integers(0, 40) for name in ("Opened Email", "Received SMS", "Opened Push")}
    ),
    starts=st.sampled_from(["touch", "sent"]),
)


def plain_credit(moment: int, all_touches: list[Touch], rule: Rule) -> Touch | None:
    """The rule, word by word."""
    candidates = []
    for one in all_touches:
        start = one.time
        if rule.starts == "sent" and one.sent is not None and one.sent < one.time:
            start = one.sent
        if one.time <= moment and moment - start <= rule.windows[one.metric]:
            candidates.append((one.time, one.id, one))
    return max(candidates)[2] if candidates else None


@given(moments, touches, rules, st.randoms(use_true_random=False))
def test_credits_are_those_of_a_plain_model_in_any_order_of_events(
    at: list[int], all_touches: list[Touch], rule: Rule, chance: Any
) -> None:
    expected = [plain_credit(moment, all_touches, rule) for moment in at]
    assert credited(at, all_touches, rule) == expected
    chance.shuffle(all_touches)
    assert credited(at, all_touches, rule) == expected


def by_sessions(at: list[int], all_touches: list[Touch], rule: Rule) -> list[int | None]:
    """The ids of the touches by the independent rule; ids of touches are greater than 0, and those of events less."""
    events = [SessionEvent(0, moment, -number) for number, moment in enumerate(at)]
    starts = [SessionEvent(0, one.time, one.id, rule.windows[one.metric]) for one in all_touches]
    found = credits_by_sessions(events + starts)
    return [found[event.id] for event in events]


@given(moments, touches, st.integers(0, 40))
def test_with_one_window_for_all_credits_are_those_of_sessions(
    at: list[int], all_touches: list[Touch], window: int
) -> None:
    rule = Rule(windows=dict.fromkeys(("Opened Email", "Received SMS", "Opened Push"), window))
    found = [one and one.id for one in credited(at, all_touches, rule)]
    assert found == by_sessions(at, all_touches, rule)


@given(moments, touches, rules.map(lambda rule: Rule(windows=rule.windows)))
def test_with_several_windows_sessions_credit_the_same_or_nobody(
    at: list[int], all_touches: list[Touch], rule: Rule
) -> None:
    found = [one and one.id for one in credited(at, all_touches, rule)]
    for own, by_session in zip(found, by_sessions(at, all_touches, rule), strict=True):
        assert by_session in (own, None)


# Its names outside.


def test_the_id_follows_from_the_event_alone() -> None:
    assert attribution_id("0GnLjl0AvkPcKJCUR") == attribution_id("0GnLjl0AvkPcKJCUR")
    assert len(attribution_id("0GnLjl0AvkPcKJCUR")) == len(bytes.fromhex(attribution_id("x"))) * 2 == 32
    assert attribution_id("a") != attribution_id("b")


def test_the_first_form() -> None:
    assert first_form(touch(START, sent=START - 60), "EVENT") == {
        "$attributed_event_id": "EVENT",
        "$send_ts": START - 60,
        "$message": "MSG",
    }
    assert first_form(touch(START, flow="F", variation="V"), "EVENT") == {
        "$attributed_event_id": "EVENT",
        "$send_ts": 0,
        "$message": "MSG",
        "$flow": "F",
        "$variation": "V",
    }
