"""Consent ends in the same state by a job, by the route for clients and by an imported event, in whatever order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from eventkeep.directory.reader import DirectoryReader
from eventkeep.testing import ServerProcess
from tests.contract.api import iso, single_body
from tests.contract.shop import Shop

START: Final = 1_718_452_800
HOUR: Final = 3_600
TIMES: Final = ("consent_timestamp", "last_updated", "created_timestamp", "timestamp")
BY_API: Final = {"Method": "API"}
PHONE_NUMBERS: Final = {f"{way}@shop.example": f"+1500555000{n}" for n, way in enumerate(("job", "client", "event"))}
METRIC_NAMES: Final = {"email": "Email", "sms": "SMS"}
"""The channels as they stand in the names of metrics."""


@pytest.fixture
def shop(server: ServerProcess) -> Iterator[Shop]:
    with Shop(server, "consent") as opened:
        yield opened


def subscriptions(shop: Shop, email: str) -> dict[str, Any]:
    params = {"additional-fields[profile]": "subscriptions", "filter": f'equals(email,"{email}")'}
    (profile,) = shop.http.get("/api/profiles/", params=params).json()["data"]
    found: dict[str, Any] = profile["attributes"]["subscriptions"]
    return found


def marketing(shop: Shop, email: str = "ada@shop.example") -> dict[str, Any]:
    found: dict[str, Any] = subscriptions(shop, email)["email"]["marketing"]
    return found


def without_times(state: Any) -> Any:
    """A state, without the times of statements: a job that is not historical states what is true now."""
    if isinstance(state, dict):
        return {name: without_times(value) for name, value in state.items() if name not in TIMES}
    return [without_times(each) for each in state] if isinstance(state, list) else state


def channels(*names: str, **consent: str) -> dict[str, Any]:
    """``subscriptions`` of a request."""
    return {name: {"marketing": consent} for name in names}


def identified(email: str) -> dict[str, str]:
    """The identifiers of a profile; one of PHONE_NUMBERS has a phone number too."""
    return {"email": email} | ({"phone_number": PHONE_NUMBERS[email]} if email in PHONE_NUMBERS else {})


def job(shop: Shop, kind: str, person: dict[str, Any], **attributes: Any) -> None:
    """A job about one profile."""
    attributes["profiles"] = {"data": [{"type": "profile", "attributes": person}]}
    body = {"data": {"type": f"profile-{kind}-job", "attributes": attributes}}
    response = shop.http.post(f"/api/profile-{kind}-jobs/", json=body)
    assert response.status_code == 202, response.text


def subscribe_by_job(shop: Shop, email: str, time: int, *names: str) -> None:
    consent = channels(*names or ["email"], consent="SUBSCRIBED", consented_at=iso(time))
    person = {**identified(email), "subscriptions": consent}
    job(shop, "subscription-bulk-create", person, historical_import=True)


def send_as_client(shop: Shop, path: str, body: dict[str, Any]) -> None:
    """A request by the public id of the account, which has to be accepted."""
    with DirectoryReader(shop.server.data) as directory:
        account = directory.accounts.find(shop.account)
        assert account is not None
        company = directory.accounts.public_id(account.number)
    headers = {"revision": shop.http.headers["revision"]}
    response = httpx.post(
        f"{shop.server.url}/client/{path}", params={"company_id": company}, json=body, headers=headers, timeout=60
    )
    assert response.status_code == 202, response.text


def subscribe_by_client(shop: Shop, email: str, *names: str) -> None:
    consent = channels(*names, consent="SUBSCRIBED")
    person = {"data": {"type": "profile", "attributes": {**identified(email), "subscriptions": consent}}}
    relationships = {"list": {"data": {"type": "list", "id": "L"}}}
    body = {"data": {"type": "subscription", "attributes": {"profile": person}, "relationships": relationships}}
    send_as_client(shop, "subscriptions", body)


def import_events(shop: Shop, email: str, *metrics: str, time: int = START) -> None:
    event = {"time": iso(time), "properties": BY_API}
    shop.create_many([(metric, identified(email), event) for metric in metrics])


@pytest.mark.parametrize("names", [["email"], ["sms"], ["email", "sms"]], ids="+".join)
def test_a_subscription_is_the_same_in_all_three_ways(shop: Shop, names: list[str]) -> None:
    subscribe_by_job(shop, "job@shop.example", START, *names)
    subscribe_by_client(shop, "client@shop.example", *names)
    import_events(shop, "event@shop.example", *(f"Subscribed to {METRIC_NAMES[name]} Marketing" for name in names))
    by_job = subscriptions(shop, "job@shop.example")
    for name in names:
        state = by_job[name]["marketing"]
        assert (state["consent"], state["consent_timestamp"]) == ("SUBSCRIBED", "2024-06-15T12:00:00+00:00")
    assert subscriptions(shop, "event@shop.example") == by_job
    assert without_times(subscriptions(shop, "client@shop.example")) == without_times(by_job)


@pytest.mark.parametrize("was_subscribed", [False, True], ids=["new", "subscribed"])
@pytest.mark.parametrize("names", [["email"], ["sms"], ["email", "sms"]], ids="+".join)
def test_an_unsubscription_is_the_same_by_a_job_and_by_an_event(
    shop: Shop, names: list[str], was_subscribed: bool
) -> None:
    if was_subscribed:
        for email in ("job@shop.example", "event@shop.example"):
            subscribe_by_job(shop, email, START - HOUR, "email", "sms")
    person = {**identified("job@shop.example"), "subscriptions": channels(*names, consent="UNSUBSCRIBED")}
    job(shop, "subscription-bulk-delete", person)
    import_events(shop, "event@shop.example", *(f"Unsubscribed from {METRIC_NAMES[name]} Marketing" for name in names))
    by_job, by_event = subscriptions(shop, "job@shop.example"), subscriptions(shop, "event@shop.example")
    assert {by_job[name]["marketing"]["consent"] for name in names} == {"UNSUBSCRIBED"}
    assert without_times(by_event) == without_times(by_job)


@pytest.mark.parametrize("was_subscribed", [False, True], ids=["new", "subscribed"])
def test_a_suppression_and_its_end_are_the_same_by_a_job_and_by_an_event(shop: Shop, was_subscribed: bool) -> None:
    emails = ("job@shop.example", "event@shop.example")
    if was_subscribed:
        for email in emails:
            subscribe_by_job(shop, email, START - HOUR, "email", "sms")
    for kind, metric, time, reasons in (
        ("create", "Manually Suppressed from Email Marketing", START, ["USER_SUPPRESSED"]),
        ("delete", "Manually Unsuppressed from Email Marketing", START + HOUR, []),
    ):
        job(shop, f"suppression-bulk-{kind}", {"email": emails[0]})
        import_events(shop, emails[1], metric, time=time)
        by_job, by_event = (subscriptions(shop, email) for email in emails)
        assert [each["reason"] for each in by_job["email"]["marketing"]["suppression"]] == reasons
        assert by_job["email"]["marketing"]["can_receive_email_marketing"] is (not reasons)
        assert without_times(by_event) == without_times(by_job)


def test_an_event_that_anybody_can_send_changes_no_consent(shop: Shop) -> None:
    subscribe_by_job(shop, "ada@shop.example", START)
    before = marketing(shop)
    for metric in ("Unsubscribed from Email Marketing", "Marked Email as Spam"):
        send_as_client(shop, "events", single_body(metric, {"email": "ada@shop.example"}, time=iso(START + HOUR)))
    assert marketing(shop) == before
    shop.create("Unsubscribed from Email Marketing", {"email": "ada@shop.example"}, time=iso(START + HOUR))
    assert marketing(shop)["consent"] == "UNSUBSCRIBED"


EVENTS: Final[list[tuple[str, int, dict[str, Any]]]] = [
    ("Subscribed to Email Marketing", 0, {"Method": "Form"}),
    ("Marked Email as Spam", 1, {}),
    ("Unsubscribed from Email Marketing", 2, {}),
    ("Subscribed to Email Marketing", 3, {"Method": "API"}),
]


def test_the_order_of_arrival_does_not_matter(shop: Shop) -> None:
    states = []
    for place, order in enumerate(itertools.islice(itertools.permutations(EVENTS), 0, None, 3)):
        email = f"{place}@shop.example"
        for metric, hour, properties in order:
            shop.create(metric, {"email": email}, time=iso(START + hour * HOUR), properties=properties)
        states.append(marketing(shop, email))
    assert states == [states[0]] * len(states)
    assert (states[0]["consent"], states[0]["method"], states[0]["suppression"]) == ("SUBSCRIBED", "API", [])


def test_an_older_event_never_overrules_a_newer_job(shop: Shop) -> None:
    subscribe_by_job(shop, "ada@shop.example", START)
    before = marketing(shop)
    shop.create("Unsubscribed from Email Marketing", time=iso(START - HOUR))
    assert marketing(shop) == before
    shop.create("Unsubscribed from Email Marketing", time=iso(START + HOUR))
    assert (marketing(shop)["consent"], marketing(shop)["can_receive_email_marketing"]) == ("UNSUBSCRIBED", False)


@pytest.mark.parametrize("profile", [{"email": "ada@shop.example"}, {"email": "ada@shop.example", "title": "Dr."}])
def test_a_profile_that_was_sent_like_that_before_changes_its_consent(shop: Shop, profile: dict[str, Any]) -> None:
    for metric in ("Viewed Product", "Viewed Product", "Unsubscribed from Email Marketing"):
        shop.create(metric, profile)
    assert marketing(shop)["consent"] == "UNSUBSCRIBED"


@pytest.mark.parametrize(
    ("metric", "properties", "reasons"),
    [
        ("Bounced Email", {"Bounce Type": "Hard"}, ["HARD_BOUNCE"]),
        ("Bounced Email", {"Bounce Type": "Soft"}, []),
        ("Marked Email as Spam", {}, ["SPAM_COMPLAINT"]),
        ("Manually Suppressed from Email Marketing", {}, ["USER_SUPPRESSED"]),
        ("Opened Email", {}, []),
    ],
)
def test_events_suppress(shop: Shop, metric: str, properties: dict[str, Any], reasons: list[str]) -> None:
    shop.create_many([(metric, {"email": "ada@shop.example"}, {"time": iso(START), "properties": properties})])
    assert [each["reason"] for each in marketing(shop)["suppression"]] == reasons
