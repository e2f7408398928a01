"""Jobs that change consent: the consent of profiles after them, the events that record them, and how to read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eventkeep.testing import ServerProcess
from tests.contract.api import Api, fault_of, make_keys

NEWEST = "2026-07-15"
NOBODY = "01GDDKASAP8TKDDA2GRZDSVP4H"


@pytest.fixture
def api(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[Api]:
    """A key of an account of the test's own."""
    (key,) = make_keys(server, request.node.name[:90], "full")
    with Api(server.url, key, NEWEST) as opened:
        yield opened


def job(api: Api, kind: str, *people: dict[str, Any], **attributes: Any) -> httpx.Response:
    profiles = [{"type": "profile", "attributes": person} for person in people]
    attributes = {**attributes, "profiles": {"data": profiles}}
    body = {"data": {"type": f"profile-{kind}-job", "attributes": attributes}}
    response = api.http.post(f"/api/profile-{kind}-jobs/", json=body)
    assert response.status_code == 202, response.text
    return response


def consent(status: str, **channels: str) -> dict[str, Any]:
    """``subscriptions`` of a request: channels with the kind of message."""
    return {channel: {kind: {"consent": status}} for channel, kind in channels.items()}


def subscriptions(api: Api, **query: str) -> dict[str, Any]:
    """Those of the only profile."""
    response = api.http.get("/api/profiles/", params={"additional-fields[profile]": "subscriptions", **query})
    (profile,) = response.json()["data"]
    found: dict[str, Any] = profile["attributes"]["subscriptions"]
    return found


def metrics(api: Api) -> list[str]:
    page = api.page(include="metric")
    names = {each["id"]: each["attributes"]["name"] for each in page["included"]}
    return sorted(names[each["relationships"]["metric"]["data"]["id"]] for each in page["data"])


def test_who_subscribes_is_subscribed_and_an_event_tells_of_it(api: Api) -> None:
    person = {"email": "ada@shop.example", "phone_number": "+15005550006"}
    channels = consent("SUBSCRIBED", email="marketing", sms="marketing")
    response = job(api, "subscription-bulk-create", {**person, "subscriptions": channels}, custom_source="Fair")
    assert response.content == b""
    found = subscriptions(api)
    assert found["email"]["marketing"]["consent"] == "SUBSCRIBED"
    assert found["email"]["marketing"]["custom_method_detail"] == "Fair"
    assert (found["sms"]["marketing"]["consent"], found["sms"]["marketing"]["can_receive_sms_marketing"]) == (
        "SUBSCRIBED",
        True,
    )
    assert metrics(api) == ["Subscribed to Email Marketing", "Subscribed to SMS Marketing"]


def test_who_unsubscribes_is_suppressed_until_subscribing_again(api: Api) -> None:
    person = {"email": "ada@shop.example"}
    job(api, "subscription-bulk-create", {**person, "subscriptions": consent("SUBSCRIBED", email="marketing")})
    job(api, "subscription-bulk-delete", {**person, "subscriptions": consent("UNSUBSCRIBED", email="marketing")})
    marketing = subscriptions(api)["email"]["marketing"]
    assert (marketing["consent"], marketing["can_receive_email_marketing"]) == ("UNSUBSCRIBED", False)
    assert [each["reason"] for each in marketing["suppression"]] == ["UNSUBSCRIBE"]
    job(api, "subscription-bulk-create", {**person, "subscriptions": consent("SUBSCRIBED", email="marketing")})
    assert subscriptions(api)["email"]["marketing"]["can_receive_email_marketing"] is True


def test_suppression_and_its_end(api: Api) -> None:
    suppressed = job(api, "suppression-bulk-create", {"email": "ada@shop.example"}).json()["data"]
    assert (suppressed["attributes"]["status"], suppressed["attributes"]["total_count"]) == ("complete", 1)
    assert [each["reason"] for each in subscriptions(api)["email"]["marketing"]["suppression"]] == ["USER_SUPPRESSED"]
    reason = 'equals(subscriptions.email.marketing.suppression.reason,"USER_SUPPRESSED")'
    assert subscriptions(api, filter=reason, sort="-subscriptions.email.marketing.suppression.timestamp")
    ended = job(api, "suppression-bulk-delete", {"email": "ada@shop.example"}, {"email": "nobody@shop.example"})
    counts = ended.json()["data"]["attributes"]
    assert (counts["total_count"], counts["completed_count"], counts["skipped_count"]) == (2, 1, 1)
    assert subscriptions(api)["email"]["marketing"]["suppression"] == []
    assert api.http.get("/api/profiles/", params={"filter": reason}).json()["data"] == []


@pytest.mark.parametrize("kind", ["create", "delete"])
def test_jobs_are_read_by_the_page(api: Api, kind: str) -> None:
    path = f"/api/profile-suppression-bulk-{kind}-jobs/"
    ids = [job(api, f"suppression-bulk-{kind}", {"email": f"{n}@x.example"}).json()["data"]["id"] for n in range(22)]
    first = api.http.get(path).json()
    second = api.http.get(first["links"]["next"]).json()
    assert [each["id"] for each in first["data"] + second["data"]] == ids
    assert second["links"]["next"] is None
    assert [each["id"] for each in api.http.get(path, params={"sort": "-created"}).json()["data"]] == ids[:1:-1]
    assert api.http.get(path, params={"filter": 'equals(status,"queued")'}).json()["data"] == []
    assert api.http.get(path, params={"filter": 'equals(list_id,"L")'}).json()["data"] == []
    assert api.http.get(f"{path}{ids[3]}/").json()["data"] == first["data"][3]
    assert api.http.get(f"{path}{NOBODY}/").status_code == 404


def test_a_job_without_a_channel_that_is_known_is_refused_whole(api: Api) -> None:
    people = [
        {"email": "ada@shop.example", "subscriptions": consent("SUBSCRIBED", email="marketing")},
        {"email": "no", "subscriptions": consent("SUBSCRIBED", email="marketing")},
    ]
    profiles = [{"type": "profile", "attributes": person} for person in people]
    body = {"data": {"type": "profile-subscription-bulk-create-job", "attributes": {"profiles": {"data": profiles}}}}
    response = api.http.post("/api/profile-subscription-bulk-create-jobs/", json=body)
    assert response.status_code == 400
    assert fault_of(response)["source"]["pointer"] == "/data/attributes/profiles/data/1/attributes/email"
    assert api.http.get("/api/profiles/").json()["data"] == []


def test_a_deletion_is_accepted(api: Api) -> None:
    profile = {"type": "profile", "attributes": {"email": "ada@shop.example"}}
    body = {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data": profile}}}}
    response = api.http.post("/api/data-privacy-deletion-jobs/", json=body)
    assert (response.status_code, response.content) == (202, b"")
    profile["id"] = NOBODY
    refused = api.http.post("/api/data-privacy-deletion-jobs/", json=body)
    assert (refused.status_code, fault_of(refused)["source"]["pointer"]) == (400, "/data/attributes/profile/data")
