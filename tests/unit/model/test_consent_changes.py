"""The changes that jobs and clients make to the consent of single profiles."""

from __future__ import annotations

from eventkeep.model.consent_changes import subscription, suppression, unsubscription
from eventkeep.model.profile_write import ProfileWrite

NOW = 1_750_000_000_000_000
ADA = ProfileWrite(email="ada@example.org", phone_number="+15005550006")


def test_a_subscription_states_and_records_each_channel() -> None:
    change = subscription(
        ADA, [("email.marketing", NOW), ("sms.marketing", NOW)], NOW, custom_source="Fair", list_id="L"
    )
    consent = change.write.consent
    assert consent is not None
    assert (change.write.email, ADA.consent) == ("ada@example.org", None)
    assert {channel: each.status for channel, each in consent.permissions.items()} == {
        "email.marketing": "SUBSCRIBED",
        "sms.marketing": "SUBSCRIBED",
    }
    assert consent.permissions["email.marketing"].custom_method_detail == "Fair"
    assert [event.metric for event in change.events] == ["Subscribed to Email Marketing", "Subscribed to SMS Marketing"]
    assert change.events[0].properties == {"Method": "API", "Method Detail": "Fair", "List": "L"}


def test_a_historical_subscription_has_the_time_of_its_consent() -> None:
    change = subscription(ADA, [("email.marketing", NOW - 5)], NOW)
    assert change.time == NOW - 5
    assert change.write.consent is not None
    assert change.write.consent.permissions["email.marketing"].time == NOW - 5


def test_a_subscription_without_a_channel_only_writes() -> None:
    change = subscription(ADA, [], NOW)
    assert (change.write.consent, change.events, change.time) == (None, (), NOW)


def test_an_unsubscription_is_from_all_messages_of_the_channel() -> None:
    change = unsubscription(ADA, ["email.marketing", "mobile_push.marketing"], NOW, "L")
    assert change.write.consent is not None
    assert change.write.consent.status("email.marketing") == "UNSUBSCRIBED"
    assert [event.metric for event in change.events] == ["Unsubscribed from Email Marketing"]


def test_a_suppression_and_its_end() -> None:
    begun, ended = suppression("a@example.org", True, NOW), suppression("a@example.org", False, NOW)
    assert begun.write.consent is not None
    assert ended.write.consent is not None
    assert begun.write.consent.held_suppressions() == [("USER_SUPPRESSED", NOW)]
    assert ended.write.consent.held_suppressions() == []
    assert [event.metric for event in (*begun.events, *ended.events)] == [
        "Manually Suppressed from Email Marketing",
        "Manually Unsuppressed from Email Marketing",
    ]
