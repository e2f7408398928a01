"""Consent ends in the same state by a job, by the route for clients and by an imported event, in whatever order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from eventkeep.directory.reader import DirectoryReader
from eventkeep.testing import ServerProcess
from tests.contract.api import iso
from tests.contract.shop import Shop

START: Final = 1_718_452_800
HOUR: Final = 3_600
TIMES: Final = ("consent_timestamp", "last_updated", "created_timestamp")


@pytest.fixture
def shop(server: ServerProcess) -> Iterator[Shop]:
    with Shop(server, "consent") as opened:
        yield opened


def marketing(shop: Shop, email: str = "ada@shop.example") -> dict[str, Any]:
    params = {"additional-fields[profile]": "subscriptions", "filter": f'equals(email,"{email}")'}
    (profile,) = shop.http.get("/api/profiles/", params=params).json()["data"]
    found: dict[str, Any] = profile["attributes"]["subscriptions"]["email"]["marketing"]
    return found


def without_times(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in TIMES}


def subscribe_by_job(shop: Shop, email: str, time: int) -> None:
    consent = {"email": {"marketing": {"consent": "SUBSCRIBED", "consented_at": iso(time)}}}
    person = {"type": "profile", "attributes": {"email": email, "subscriptions": consent}}
    attributes = {"historical_import": True, "profiles": {"data": [person]}}
    body = {"data": {"type": "profile-subscription-bulk-create-job", "attributes": attributes}}
    response = shop.http.post("/api/profile-subscription-bulk-create-jobs/", json=body)
    assert response.status_code == 202, response.text


def subscribe_by_client(shop: Shop, email: str) -> None:
    with DirectoryReader(shop.server.data) as directory:
        account = directory.accounts.find(shop.account)
        assert account is not None
        company = directory.accounts.public_id(account.number)
    consent = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    person = {"data": {"type": "profile", "attributes": {"email": email, "subscriptions": consent}}}
    relationships = {"list": {"data": {"type": "list", "id": "L"}}}
    body = {"data": {"type": "subscription", "attributes": {"profile": person}, "relationships": relationships}}
    response = httpx.post(
        f"{shop.server.url}/client/subscriptions",
        params={"company_id": company},
        json=body,
        headers={"revision": shop.http.headers["revision"]},
    )
    assert response.status_code == 202, response.text


def test_a_subscription_is_the_same_in_all_three_ways(shop: Shop) -> None:
    subscribe_by_job(shop, "job@shop.example", START)
    subscribe_by_client(shop, "client@shop.example")
    subscribed = {"time": iso(START), "properties": {"Method": "API"}}
    shop.create("Subscribed to Email Marketing", {"email": "event@shop.example"}, **subscribed)
    by_job, by_event = marketing(shop, "job@shop.example"), marketing(shop, "event@shop.example")
    assert (by_job["consent"], by_job["consent_timestamp"]) == ("SUBSCRIBED", "2024-06-15T12:00:00+00:00")
    assert by_event == by_job
    assert without_times(marketing(shop, "client@shop.example")) == without_times(by_job)


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
