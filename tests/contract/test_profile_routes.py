"""Profiles by themselves: created, updated, imported, merged, and read by the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eventkeep.testing import ServerProcess
from tests.contract.api import Api, fault_of, make_keys, single_body

NEWEST = "2026-07-15"


@pytest.fixture
def api(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[Api]:
    """A key of an account of the test's own."""
    (key,) = make_keys(server, request.node.name[:90], "full")
    with Api(server.url, key, NEWEST) as opened:
        yield opened


def send(api: Api, method: str, path: str, attributes: dict[str, Any], **members: Any) -> httpx.Response:
    body = {"data": {"type": "profile", "attributes": attributes, **members}}
    return api.http.request(method, path, json=body)


def create(api: Api, **attributes: Any) -> dict[str, Any]:
    response = send(api, "POST", "/api/profiles/", attributes)
    assert response.status_code == 201, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


def merge(api: Api, destination: str, source: str) -> httpx.Response:
    relationships = {"profiles": {"data": [{"type": "profile", "id": source}]}}
    body = {"data": {"type": "profile-merge", "id": destination, "relationships": relationships}}
    return api.http.post("/api/profile-merge/", json=body)


def emails(response: httpx.Response) -> list[str | None]:
    assert response.status_code == 200, response.text
    return [each["attributes"]["email"] for each in response.json()["data"]]


def test_a_profile_that_was_created_is_read(api: Api) -> None:
    made = create(api, email="Ada@Shop.example", first_name="Ada", properties={"n": 1})
    assert made["attributes"]["email"] == "ada@shop.example"
    read = api.http.get(f"/api/profiles/{made['id']}/").json()["data"]
    assert read == made
    assert emails(api.http.get("/api/profiles/")) == ["ada@shop.example"]


def test_a_profile_that_exists_is_told_by_its_id(api: Api) -> None:
    made = create(api, email="ada@shop.example")
    response = send(api, "POST", "/api/profiles/", {"email": "ADA@shop.example"})
    assert response.status_code == 409
    fault = fault_of(response)
    assert (fault["code"], fault["meta"]) == ("duplicate_profile", {"duplicate_profile_id": made["id"]})


def test_an_update_clears_with_null_and_keeps_what_is_absent(api: Api) -> None:
    made = create(api, email="ada@shop.example", external_id="x", first_name="Ada", title="Dr.")
    path = f"/api/profiles/{made['id']}/"
    response = send(api, "PATCH", path, {"email": None, "title": None}, id=made["id"])
    assert response.status_code == 200, response.text
    after = response.json()["data"]["attributes"]
    assert (after["email"], after["external_id"], after["first_name"], after["title"]) == (None, "x", "Ada", None)
    assert create(api, email="ada@shop.example")["id"] != made["id"]


def test_an_update_of_nobody_is_404(api: Api) -> None:
    nobody = "01GDDKASAP8TKDDA2GRZDSVP4H"
    response = send(api, "PATCH", f"/api/profiles/{nobody}/", {"title": "Dr."}, id=nobody)
    assert response.status_code == 404
    assert api.http.get(f"/api/profiles/{nobody}/").status_code == 404


def test_an_import_says_whether_it_created(api: Api) -> None:
    first = send(api, "POST", "/api/profile-import/", {"email": "ada@shop.example"})
    second = send(api, "POST", "/api/profile-import/", {"email": "ada@shop.example", "first_name": "Ada"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["data"]["id"] == second.json()["data"]["id"]
    assert second.json()["data"]["attributes"]["first_name"] == "Ada"


def test_an_identifier_of_another_is_named_in_a_header(api: Api) -> None:
    create(api, email="ada@shop.example")
    create(api, external_id="x")
    response = send(api, "POST", "/api/profile-import/", {"email": "ada@shop.example", "external_id": "x"})
    assert (response.status_code, response.headers["X-Klaviyo-Partial-Failure"]) == (200, "email")


def test_after_a_merge_events_are_read_under_the_survivor(api: Api) -> None:
    api.create("Order", {"email": "ada@shop.example"}, unique_id="1", time="2024-06-15T12:00:00Z")
    api.create("Order", {"email": "bob@shop.example"}, unique_id="2", time="2024-06-15T13:00:00Z")
    ada, bob = (each["id"] for each in api.http.get("/api/profiles/?sort=created").json()["data"])
    response = merge(api, ada, bob)
    assert (response.status_code, response.json()["data"]["id"]) == (201, ada)
    assert api.http.get(f"/api/profiles/{bob}/").status_code == 404
    events = api.events(filter=f'equals(profile_id,"{ada}")', include="profile")
    assert len(events) == 2
    assert {each["relationships"]["profile"]["data"]["id"] for each in events} == {ada}
    # The same event again, by either of the identifiers, is a repeat.
    for email in ("ada@shop.example", "bob@shop.example"):
        again = single_body("Order", {"email": email}, unique_id="2", time="2024-06-15T13:00:00Z")
        assert api.http.post("/api/events/", json=again).headers["Eventkeep-Events-Stored"] == "0"
    profile = api.http.get(f"/api/profiles/{ada}/").json()["data"]["attributes"]
    assert profile["last_event_date"] == "2024-06-15T13:00:00+00:00"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"filter": 'equals(email,"C@shop.example")'}, ["c"]),
        ({"filter": 'any(email,["a@shop.example","b@shop.example","z@shop.example"])'}, ["a", "b"]),
        ({"filter": 'equals(external_id,"b")'}, ["b"]),
        ({"filter": 'equals(email,"a@shop.example"),equals(external_id,"b")'}, []),
        ({"filter": "greater-than(created,2020-01-01T00:00:00Z)"}, ["c", "a", "b"]),
        ({"filter": "less-than(updated,2020-01-01T00:00:00Z)"}, []),
        ({"sort": "email"}, ["a", "b", "c"]),
        ({"sort": "-email"}, ["c", "b", "a"]),
        ({"sort": "-created"}, ["b", "a", "c"]),
        ({"sort": "id"}, ["c", "a", "b"]),
        ({"sort": "-updated"}, ["c", "b", "a"]),
    ],
)
def test_filters_and_sorts(api: Api, query: dict[str, str], found: list[str]) -> None:
    for name in ("c", "a", "b"):
        create(api, email=f"{name}@shop.example", external_id=name)
    send(api, "POST", "/api/profile-import/", {"external_id": "c", "first_name": "changed"})
    for size in ("100", "1", "2"):
        names, url = [], str(httpx.URL("/api/profiles/", params={**query, "page[size]": size}))
        while url:
            document = api.http.get(url).json()
            names += [each["attributes"]["external_id"] for each in document["data"]]
            url = document["links"]["next"]
        assert names == found


def test_pages_have_the_one_before(api: Api) -> None:
    for name in ("a", "b", "c", "d", "e"):
        create(api, email=f"{name}@shop.example")
    first = api.http.get("/api/profiles/", params={"page[size]": "2", "sort": "email"}).json()
    second = api.http.get(first["links"]["next"]).json()
    third = api.http.get(second["links"]["next"]).json()
    assert (first["links"]["prev"], third["links"]["next"]) == (None, None)
    assert emails(api.http.get(third["links"]["prev"])) == ["c@shop.example", "d@shop.example"]
    assert emails(api.http.get(second["links"]["prev"])) == ["a@shop.example", "b@shop.example"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"page[size]": "0"}, "page[size]"),
        ({"page[size]": "101"}, "page[size]"),
        ({"sort": "title"}, "sort"),
        ({"filter": 'equals(title,"x")'}, "filter"),
        ({"filter": "greater-or-equal(created,2020-01-01T00:00:00Z)"}, "filter"),
        ({"filter": 'equals(email,["x"])'}, "filter"),
        ({"fields[profile]": "nonsense"}, "fields[profile]"),
        ({"additional-fields[profile]": "nonsense"}, "additional-fields[profile]"),
        ({"include": "lists"}, "include"),
        ({"page[cursor]": "AAAA"}, "page[cursor]"),
        ({"nonsense": "x"}, "nonsense"),
    ],
)
def test_a_query_that_is_refused(api: Api, query: dict[str, str], parameter: str) -> None:
    response = api.http.get("/api/profiles/", params=query)
    assert response.status_code == 400
    assert fault_of(response)["source"] == {"parameter": parameter}


def test_additional_fields_and_sparse_ones(api: Api) -> None:
    made = create(api, email="ada@shop.example")
    whole = api.http.get(f"/api/profiles/{made['id']}/", params={"additional-fields[profile]": "subscriptions"})
    assert whole.json()["data"]["attributes"]["subscriptions"]["email"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
    few = api.http.get("/api/profiles/", params={"fields[profile]": "email", "include": "push-tokens"}).json()
    assert (few["data"][0]["attributes"], few["included"]) == ({"email": "ada@shop.example"}, [])


def test_profiles_and_events_written_after_each_other_are_read_in_that_order(api: Api) -> None:
    for number in range(10):
        made = send(api, "POST", "/api/profile-import/", {"email": "ada@shop.example", "title": str(number)})
        api.create("Order", {"email": "ada@shop.example"}, unique_id=str(number))
        read = api.http.get(f"/api/profiles/{made.json()['data']['id']}/").json()["data"]["attributes"]
        assert (read["title"], len(api.events())) == (str(number), number + 1)
