"""Two accounts with the same customers: neither sees or changes the other's data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import httpx
import msgspec
import pytest

from eventkeep.testing import ServerProcess
from tests.contract.api import (
    OF_ONE_EVENT,
    PAGED_REVISION,
    UNKNOWN_EVENT,
    Api,
    bulk_body,
    fault_of,
    iso,
    make_keys,
    single_body,
)

START: Final = 1_718_452_800
IDENTIFIERS: Final = {
    "email": "ada@shop.example",
    "phone_number": "+15005550006",
    "external_id": "customer-1",
    "anonymous_id": "visitor-1",
}


class Account(msgspec.Struct):
    """One account, its stored data, and its view of that data."""

    name: str
    api: Api
    metrics: dict[str, str] = {}
    """Names by id."""
    profiles: set[str] = set()
    events: list[str] = []

    def look(self) -> dict[str, Any]:
        """Everything that the account holds: every attribute of its events, metrics and profiles."""
        return self.api.page(include="metric,profile", sort="datetime", **{"page[size]": "1000"})

    def remember(self) -> None:
        page = self.look()
        self.events = [event["id"] for event in page["data"]]
        for item in page["included"]:
            if item["type"] == "metric":
                self.metrics[item["id"]] = item["attributes"]["name"]
            else:
                self.profiles.add(item["id"])


def open_account(server: ServerProcess, name: str) -> Account:
    """An account whose customers, metrics and unique ids are those of every other one."""
    (key,) = make_keys(server, name, "full")
    account = Account(name, Api(server.url, key, PAGED_REVISION))
    account.api.create_many(
        [
            ("Order", {**IDENTIFIERS, "first_name": name}, {"unique_id": "1", "time": iso(START), "value": 1}),
            ("Order", {"email": "bob@shop.example"}, {"unique_id": "2", "time": iso(START + 1)}),
            ("View", {"email": "bob@shop.example"}, {"unique_id": "3", "time": iso(START + 2)}),
            ("View", {**IDENTIFIERS}, {"unique_id": "4", "time": iso(START + 3), "properties": {"of": name}}),
        ]
    )
    account.remember()
    return account


@pytest.fixture(scope="module")
def accounts(server: ServerProcess) -> Iterator[tuple[Account, Account]]:
    ours, theirs = open_account(server, "ours"), open_account(server, "theirs")
    with ours.api, theirs.api:
        yield ours, theirs


@pytest.fixture
def ours(accounts: tuple[Account, Account]) -> Account:
    return accounts[0]


@pytest.fixture
def theirs(accounts: tuple[Account, Account]) -> Iterator[Account]:
    """The account whose key a test never uses; its view must be the same before and after."""
    before = accounts[1].look()
    yield accounts[1]
    assert accounts[1].look() == before


def without_id(response: httpx.Response) -> tuple[int, Any]:
    """An error document without the parts that differ by request."""
    (fault,) = response.json()["errors"]
    return response.status_code, {name: value for name, value in fault.items() if name != "id"}


# Reading


def test_same_things_are_other_things_in_another_account(ours: Account, theirs: Account) -> None:
    assert sorted(ours.metrics.values()) == sorted(theirs.metrics.values()) == ["Order", "View"]
    assert len(ours.profiles) == len(theirs.profiles) == 2
    assert len(ours.events) == len(theirs.events) == 4
    assert not set(ours.metrics) & set(theirs.metrics)
    assert not ours.profiles & theirs.profiles
    assert not set(ours.events) & set(theirs.events)


@pytest.mark.parametrize("operation", OF_ONE_EVENT)
def test_event_of_another_account_is_as_unknown_as_any(ours: Account, theirs: Account, operation: str) -> None:
    status, unknown = without_id(ours.api.call(operation, UNKNOWN_EVENT))
    assert status == 404
    for event in theirs.events:
        response = without_id(ours.api.call(operation, event))
        assert response == (404, {**unknown, "detail": unknown["detail"].replace(UNKNOWN_EVENT, event)})


@pytest.mark.parametrize("operation", ["get_event", "get_event_profile"])
def test_no_option_opens_the_event_of_another_account(ours: Account, theirs: Account, operation: str) -> None:
    query = {
        "get_event": {"include": "metric,profile", "fields[profile]": "email"},
        "get_event_profile": {"additional-fields[profile]": "subscriptions"},
    }[operation]
    assert {ours.api.call(operation, event, query=query).status_code for event in theirs.events} == {404}


def test_filters_by_ids_of_another_account_find_nothing(ours: Account, theirs: Account) -> None:
    for metric in theirs.metrics:
        assert ours.api.call("get_events", query={"filter": f'equals(metric_id,"{metric}")'}).status_code == 400
    for profile in theirs.profiles:
        assert ours.api.events(filter=f'equals(profile_id,"{profile}")') == []
        for metric in ours.metrics:
            chosen = f'and(equals(profile_id,"{profile}"),equals(metric_id,"{metric}"))'
            assert ours.api.events(filter=chosen, include="metric,profile") == []


@pytest.mark.parametrize("filtered", ["", "has(profile)", f"greater-or-equal(timestamp,{START})", "has(metric)"])
@pytest.mark.parametrize("sort", ["datetime", "-datetime"])
def test_pages_hold_the_own_events_alone(ours: Account, theirs: Account, filtered: str, sort: str) -> None:
    query = {"sort": sort, "include": "metric,profile", **({"filter": filtered} if filtered else {})}
    page = ours.api.page(**query)
    assert {event["id"] for event in page["data"]} == set(ours.events)
    assert {item["id"] for item in page["included"]} == set(ours.metrics) | ours.profiles
    names = {item["attributes"].get("first_name") for item in page["included"] if item["type"] == "profile"}
    assert names == {"ours", None}


@pytest.mark.parametrize("way", ["next", "prev"])
def test_cursor_of_another_account_leads_to_the_own_events(ours: Account, theirs: Account, way: str) -> None:
    pages = {"page[size]": "2", "sort": "datetime"}
    first = theirs.api.page(**pages)["links"]["next"]
    second = theirs.api.http.get(first).json()["links"]["prev"]
    cursor = httpx.URL({"next": first, "prev": second}[way]).params["page[cursor]"]
    found = ours.api.page(**pages, include="metric,profile", **{"page[cursor]": cursor})
    assert {event["id"] for event in found["data"]} <= set(ours.events)
    assert {item["id"] for item in found["included"]} <= set(ours.metrics) | ours.profiles
    assert ours.api.http.get({"next": first, "prev": second}[way]).json()["data"] == found["data"]


# Writing


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("bulk", [False, True])
def test_creating_for_the_same_customer_changes_the_own_profile_alone(
    ours: Account, theirs: Account, identifier: str, bulk: bool
) -> None:
    profile = {identifier: IDENTIFIERS[identifier], "last_name": f"by {identifier}", "properties": {"changed": bulk}}
    attributes = {"unique_id": "4", "time": iso(START + 900), "value": 99.5}
    if bulk:
        ours.api.create_many([("View", profile, attributes)])
    else:
        ours.api.create("View", profile, **attributes)
    for event in theirs.events:
        seen = theirs.api.call("get_event_profile", event).json()["data"]["attributes"]
        assert (seen["last_name"], seen["properties"]) == (None, {})
        assert seen["last_event_date"] <= "2024-06-15T12:00:03+00:00"
    assert {event["id"] for event in ours.api.events()} == set(ours.events)


@pytest.mark.parametrize("bulk", [False, True])
def test_profile_id_of_another_account_is_no_profile(ours: Account, theirs: Account, bulk: bool) -> None:
    for profile in theirs.profiles:
        if bulk:
            body = bulk_body([("Order", {"first_name": "taken"}, {})])
            owner = body["data"]["attributes"]["events-bulk-create"]["data"][0]["attributes"]["profile"]
        else:
            body = single_body("Order", {"first_name": "taken"})
            owner = body["data"]["attributes"]["profile"]
        owner["data"]["id"] = profile
        response = ours.api.call("bulk_create_events" if bulk else "create_event", body=body)
        assert response.status_code == 400
        assert fault_of(response)["source"]["pointer"].endswith("/profile/data/id")
    assert {event["id"] for event in ours.api.events()} == set(ours.events)


def test_metric_has_had_a_value_in_one_account_only(ours: Account, server: ServerProcess) -> None:
    (key,) = make_keys(server, "without values", "full")
    with Api(server.url, key) as api:
        api.create("Order", unique_id="1")
        (event,) = api.events()
    # In the other two accounts an order has had a value, so that there an event without one reads 0.
    assert "$value" not in event["attributes"]["event_properties"]


def test_keys_of_one_account_see_the_same(ours: Account, server: ServerProcess) -> None:
    (key,) = make_keys(server, "ours", "full")
    with Api(server.url, key, PAGED_REVISION) as api:
        assert Account("ours", api).look() == ours.look()
