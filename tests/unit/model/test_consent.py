"""Consent: the effect of statements, in any order of arrival."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.limits import CONSENT_LISTS_MAX
from eventkeep.model.consent import (
    EARLIEST,
    NOTHING,
    Channel,
    Consent,
    Reason,
    joined,
    list_suppressed,
    list_unsuppressed,
    subscribed,
    suppressed,
    unsubscribed,
    unsuppressed,
)
from eventkeep.model.consent_metrics import (
    recorded_subscription,
    recorded_suppression,
    stated_by,
)

SECOND: Final = 1_000_000
T: Final = 1_700_000_000 * SECOND
EMAIL: Final[Channel] = "email.marketing"
SMS: Final[Channel] = "sms.marketing"
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)


def after(*statements: Consent) -> Consent:
    return functools.reduce(joined, statements, NOTHING)


# One statement after the other.


def test_nothing_was_stated_of_a_new_profile() -> None:
    assert NOTHING.status(EMAIL) == NOTHING.status(SMS) == "NEVER_SUBSCRIBED"
    assert NOTHING.can_receive(EMAIL)
    assert not NOTHING.can_receive(SMS)
    assert NOTHING.last_updated(EMAIL) is None
    assert msgspec.json.encode(NOTHING) == b"{}"


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_opens_and_closes(channel: Channel) -> None:
    yes = subscribed(channel, T, method="API", double_optin=False)
    assert yes.status(channel) == "SUBSCRIBED"
    assert yes.can_receive(channel)
    no = after(yes, unsubscribed(channel, T + 1))
    assert no.status(channel) == "UNSUBSCRIBED"
    assert not no.can_receive(channel)
    assert no.permissions[channel].created == T
    others = {*CHANNELS} - {channel, EMAIL}
    assert {no.status(other) for other in others} == {"NEVER_SUBSCRIBED"}


def test_an_older_statement_changes_nothing() -> None:
    consent = after(unsubscribed(EMAIL, T))
    assert joined(consent, subscribed(EMAIL, T - 1)).status(EMAIL) == "UNSUBSCRIBED"
    assert joined(consent, subscribed(EMAIL, T + 1)).status(EMAIL) == "SUBSCRIBED"


def test_of_one_moment_the_statement_that_sends_less_wins() -> None:
    assert after(subscribed(SMS, T), unsubscribed(SMS, T)) == after(unsubscribed(SMS, T), subscribed(SMS, T))
    assert after(subscribed(SMS, T), unsubscribed(SMS, T)).status(SMS) == "UNSUBSCRIBED"
    assert not after(suppressed("SPAM_COMPLAINT", T), subscribed(EMAIL, T)).can_receive(EMAIL)


def test_consent_and_suppression_are_separate() -> None:
    consent = after(subscribed(EMAIL, T), suppressed("USER_SUPPRESSED", T + 1))
    assert consent.status(EMAIL) == "SUBSCRIBED"
    assert not consent.can_receive(EMAIL)
    assert consent.held_suppressions() == [("USER_SUPPRESSED", T + 1)]
    assert joined(consent, unsuppressed(T + 2)).can_receive(EMAIL)


def test_who_never_subscribed_can_be_suppressed() -> None:
    consent = suppressed("HARD_BOUNCE", T)
    assert consent.status(EMAIL) == "NEVER_SUBSCRIBED"
    assert not consent.can_receive(EMAIL)
    assert consent.last_updated(EMAIL) == T


@pytest.mark.parametrize(
    ("reason", "subscribing", "unsuppressing"),
    [
        ("USER_SUPPRESSED", True, True),
        ("SPAM_COMPLAINT", True, False),
        ("HARD_BOUNCE", False, False),
        ("INVALID_EMAIL", False, False),
    ],
)
def test_ends_of_a_suppression(reason: Reason, subscribing: bool, unsuppressing: bool) -> None:
    consent = suppressed(reason, T)
    assert joined(consent, subscribed(EMAIL, T + 1)).can_receive(EMAIL) is subscribing
    assert joined(consent, unsuppressed(T + 1)).can_receive(EMAIL) is unsuppressing
    assert not joined(consent, subscribed(SMS, T + 1)).can_receive(EMAIL)


def test_who_unsubscribes_is_suppressed_for_that_until_subscribing_again() -> None:
    consent = after(subscribed(EMAIL, T), unsubscribed(EMAIL, T + 1))
    assert consent.held_suppressions() == [("UNSUBSCRIBE", T + 1)]
    assert joined(consent, unsuppressed(T + 2)).held_suppressions() == [("UNSUBSCRIBE", T + 1)]
    assert joined(consent, subscribed(EMAIL, T + 2)).held_suppressions() == []


def test_one_list_is_not_all_lists() -> None:
    consent = after(subscribed(EMAIL, T), list_suppressed("LIST1", T + 1), list_suppressed("LIST2", T + 2))
    assert consent.can_receive(EMAIL)
    held = joined(consent, subscribed(EMAIL, T + 3, list_id="LIST1")).list_suppressions
    assert {id: each.holds for id, each in held.items()} == {"LIST1": False, "LIST2": True}
    assert not joined(consent, list_unsuppressed("LIST2", T + 3)).list_suppressions["LIST2"].holds


def test_consent_before_1990_is_moved_up() -> None:
    assert subscribed(EMAIL, 0).permissions[EMAIL].time == EARLIEST
    assert unsubscribed(EMAIL, -1).last_updated(EMAIL) == EARLIEST


def test_the_lists_remembered_are_those_of_the_newest_statements() -> None:
    statements = [list_suppressed(f"L{number}", T + number) for number in range(CONSENT_LISTS_MAX + 5)]
    remembered = after(*statements).list_suppressions
    assert remembered.keys() == {f"L{number}" for number in range(5, CONSENT_LISTS_MAX + 5)}
    assert after(*reversed(statements)).list_suppressions == remembered


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (subscribed(EMAIL, T), subscribed(EMAIL, T, double_optin=False)),
        (subscribed(EMAIL, T), subscribed(EMAIL, T, method="")),
        (unsubscribed(SMS, T, method_detail=""), unsubscribed(SMS, T)),
    ],
)
def test_statements_of_one_moment_join_to_the_same_in_either_order(one: Consent, other: Consent) -> None:
    assert joined(one, other) == joined(other, one)


# Any order.

times = st.integers(T, T + 6)
methods = st.sampled_from([None, "API", "PREFERENCE_PAGE"])
channels = st.sampled_from([EMAIL, SMS, "email.open_tracking"])
statements = st.one_of(
    st.builds(
        subscribed,
        channels,
        times,
        list_id=st.sampled_from([None, "A", "B"]),
        method=methods,
        custom_method_detail=methods,
        double_optin=st.sampled_from([None, False, True]),
    ),
    st.builds(unsubscribed, channels, times, method=methods),
    st.builds(suppressed, st.sampled_from(["HARD_BOUNCE", "SPAM_COMPLAINT", "USER_SUPPRESSED"]), times),
    st.builds(unsuppressed, times),
    st.builds(list_suppressed, st.sampled_from("AB"), times),
    st.builds(list_unsuppressed, st.sampled_from("AB"), times),
)


@given(st.lists(statements, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(given_statements: list[Consent], chance: Any) -> None:
    in_order = after(*given_statements)
    chance.shuffle(given_statements)
    # Some arrive twice.
    assert after(*given_statements, *given_statements[::2]) == in_order


@given(st.lists(statements, max_size=8), st.lists(statements, max_size=8))
def test_two_profiles_join_to_the_state_of_one(one: list[Consent], other: list[Consent]) -> None:
    assert joined(after(*one), after(*other)) == joined(after(*other), after(*one)) == after(*one, *other)


@given(st.lists(statements, max_size=12))
def test_a_consent_survives_as_json(given_statements: list[Consent]) -> None:
    consent = after(*given_statements)
    assert msgspec.json.decode(msgspec.json.encode(consent), type=Consent) == consent


@given(st.lists(statements, max_size=12), statements)
def test_statement_without_effect_leaves_the_same_object(given_statements: list[Consent], one: Consent) -> None:
    consent = after(*given_statements, one)
    assert joined(consent, one) is consent


class Model:
    """The same for distinct times in a few lines: sort by time, then apply one after the other."""

    def __init__(self, sequence: Iterable[tuple[int, str]]) -> None:
        self.status, self.suppressed = "NEVER_SUBSCRIBED", set[str]()
        for _, did in sorted(sequence):
            if did == "subscribe":
                self.status = "SUBSCRIBED"
                self.suppressed -= {"SPAM_COMPLAINT", "USER_SUPPRESSED", "UNSUBSCRIBE"}
            elif did == "unsubscribe":
                self.status = "UNSUBSCRIBED"
                self.suppressed.add("UNSUBSCRIBE")
            elif did == "unsuppress":
                self.suppressed.discard("USER_SUPPRESSED")
            else:
                self.suppressed.add(did)


def stated(time: int, did: str) -> Consent:
    if did == "subscribe":
        return subscribed(EMAIL, time)
    if did == "unsubscribe":
        return unsubscribed(EMAIL, time)
    if did == "unsuppress":
        return unsuppressed(time)
    return suppressed(msgspec.convert(did, Reason), time)


actions = st.sampled_from(
    ["subscribe", "unsubscribe", "unsuppress", "HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "USER_SUPPRESSED"]
)


@given(st.lists(st.tuples(st.integers(T, T + 1_000), actions), max_size=15, unique_by=lambda each: each[0]))
def test_a_sequence_ends_as_a_plain_model_predicts(sequence: list[tuple[int, str]]) -> None:
    consent = after(*(stated(time, did) for time, did in sequence))
    model = Model(sequence)
    assert consent.status(EMAIL) == model.status
    assert {reason for reason, _ in consent.held_suppressions()} == model.suppressed
    assert consent.can_receive(EMAIL) is (not model.suppressed)


# Metrics.


@pytest.mark.parametrize(
    ("metric", "properties", "statement"),
    [
        ("Subscribed to Email Marketing", {}, subscribed(EMAIL, T)),
        (
            "Subscribed to Email Marketing",
            {"Method": "FORM", "Method Detail": "footer", "List": "L"},
            subscribed(EMAIL, T, list_id="L", method="FORM", method_detail="footer"),
        ),
        ("Unsubscribed from Email Marketing", {"Method": 7}, unsubscribed(EMAIL, T)),
        ("Subscribed to SMS Marketing", {}, subscribed(SMS, T)),
        ("Unsubscribed from SMS Marketing", {"Method": "TEXT"}, unsubscribed(SMS, T, method="TEXT")),
        ("Manually Suppressed from Email Marketing", {}, suppressed("USER_SUPPRESSED", T)),
        ("Manually Unsuppressed from Email Marketing", {}, unsuppressed(T)),
        ("Unsubscribed from List", {"List": "News"}, list_suppressed("News", T)),
        ("Subscribed to List", {"List": "News"}, list_unsuppressed("News", T)),
        ("Subscribed to List", {}, None),
        ("Marked Email as Spam", {}, suppressed("SPAM_COMPLAINT", T)),
        ("Bounced Email", {"Bounce Type": "Hard"}, suppressed("HARD_BOUNCE", T)),
        ("Bounced Email", {"Bounce Type": "Soft"}, None),
        ("Bounced Email", {}, None),
        ("Dropped Email", {}, suppressed("HARD_BOUNCE", T)),
        ("Updated Email Preferences", {}, None),
        ("Placed Order", {}, None),
    ],
)
def test_statements_of_an_imported_event(metric: str, properties: dict[str, Any], statement: Consent | None) -> None:
    assert stated_by(metric, T, properties) == statement


@pytest.mark.parametrize("channel", [EMAIL, SMS])
@pytest.mark.parametrize("method", ["API", None])
def test_event_of_a_job_states_the_same_again(channel: Channel, method: str | None) -> None:
    for is_subscribed, make in ((True, subscribed), (False, unsubscribed)):
        event = recorded_subscription(channel, is_subscribed, method=method, method_detail="shop.example")
        assert event is not None
        again = stated_by(event.metric, T, event.properties)
        assert again == make(channel, T, method=method, method_detail="shop.example")


def test_event_of_a_suppression_job_states_the_same_again() -> None:
    for is_suppressed, expected in ((True, suppressed("USER_SUPPRESSED", T)), (False, unsuppressed(T))):
        event = recorded_suppression(is_suppressed)
        assert stated_by(event.metric, T, event.properties) == expected


def test_a_channel_without_a_metric_records_nothing() -> None:
    assert recorded_subscription("whatsapp.marketing", True) is None


def test_the_event_of_a_job_does_not_overrule_the_next_job() -> None:
    """A job states with microseconds, its event with seconds."""
    off, on = T + 700_000, T + 900_000
    consent = after(unsubscribed(EMAIL, off), subscribed(EMAIL, on))
    for event_time in (off // SECOND * SECOND, on // SECOND * SECOND):
        recorded = stated_by("Unsubscribed from Email Marketing", event_time, {})
        assert recorded is not None
        consent = joined(consent, recorded)
    assert consent.status(EMAIL) == "SUBSCRIBED"
