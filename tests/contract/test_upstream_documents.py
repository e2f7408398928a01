"""Every response validates against the upstream OpenAPI document of its revision."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eventkeep.testing import ServerProcess
from tests.contract.upstream import OPERATION_PATHS, load_document, response_validator

FULL_PROFILE = {
    "email": "full@shop.example",
    "phone_number": "+15005550006",
    "external_id": "full-1",
    "first_name": "Full",
    "last_name": "Profile",
    "organization": "Shop",
    "title": "Reader",
    "image": "https://shop.example/full.png",
    "location": {
        "address1": "1 Main Street",
        "address2": "2nd floor",
        "city": "Boston",
        "country": "United States",
        "latitude": "42.36",
        "longitude": -71.06,
        "region": "MA",
        "zip": "02110",
        "timezone": "America/New_York",
        "ip": "127.0.0.1",
    },
    "properties": {"plan": "gold", "tags": ["a", "b"]},
}


@pytest.fixture(scope="module", params=["2024-02-15", "2024-06-15", "2026-07-15"])
def client(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """An HTTP client of one revision, in an account that holds a full and a bare profile and 205 events."""
    key = server.make_key(account=f"upstream {request.param}")
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": request.param}
    with httpx.Client(base_url=server.url, headers=headers) as made:
        store_events(made)
        yield made


def store_events(client: httpx.Client) -> None:
    for number in range(205):
        attributes: dict[str, Any] = {
            "properties": {"number": number, "$extra": {"a": [1]}},
            "unique_id": uuid.uuid4().hex,
            "metric": {"data": {"type": "metric", "attributes": {"name": "Order" if number % 2 else "View"}}},
            "profile": {
                "data": {"type": "profile", "attributes": FULL_PROFILE if number else {"anonymous_id": "bare"}}
            },
        }
        if number % 2:
            attributes |= {"value": number / 4, "value_currency": "USD"}
        response = client.post("/api/events/", json={"data": {"type": "event", "attributes": attributes}})
        assert (response.status_code, response.content) == (202, b"")


def page(client: httpx.Client, **parameters: str) -> dict[str, Any]:
    response = client.get("/api/events/", params=parameters)
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def validate(client: httpx.Client, operation: str, document: Any) -> None:
    upstream = load_document(client.headers["revision"])
    response_validator(upstream, OPERATION_PATHS[operation]).validate(document)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"include": "metric,profile"},
        {"include": "metric,profile,attributions"},
        {"sort": "datetime"},
        {"filter": 'equals(profile_id,"01ARZ3NDEKTSV4RRFFQ69G5FAV")'},
    ],
)
def test_pages_are_as_upstream_says(client: httpx.Client, parameters: dict[str, str]) -> None:
    document = page(client, **parameters)
    validate(client, "get_events", document)
    if document["links"]["next"] is not None:
        validate(client, "get_events", client.get(document["links"]["next"]).json())


@pytest.mark.parametrize("sort", ["datetime", "-datetime"])
@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_event", {}),
        ("get_event", {"include": "metric,profile,attributions"}),
        ("get_event_metric", {}),
        ("get_event_profile", {}),
        ("get_event_profile", {"additional-fields[profile]": "subscriptions,predictive_analytics"}),
        ("get_event_relationships_metric", {}),
        ("get_event_relationships_profile", {}),
    ],
)
def test_single_documents_are_as_upstream_says(
    client: httpx.Client, operation: str, parameters: dict[str, str], sort: str
) -> None:
    # The oldest event has the bare profile, the newest the full one.
    event = page(client, sort=sort)["data"][0]["id"]
    response = client.get(OPERATION_PATHS[operation].format(id=event), params=parameters)
    assert response.status_code == 200
    validate(client, operation, response.json())


def test_content_type_is_the_revisions(client: httpx.Client) -> None:
    upstream = load_document(client.headers["revision"])
    (media_type,) = upstream["paths"]["/api/events/"]["get"]["responses"]["200"]["content"]
    assert client.get("/api/events/").headers["Content-Type"].partition(";")[0] == media_type


@pytest.mark.parametrize("operation", OPERATION_PATHS)
def test_every_field_that_upstream_names_can_be_asked_for(client: httpx.Client, operation: str) -> None:
    upstream = load_document(client.headers["revision"])
    event = page(client)["data"][0]["id"]
    path = OPERATION_PATHS[operation]
    for parameter in upstream["paths"][path]["get"]["parameters"]:
        allowed = parameter["schema"].get("items", {}).get("enum") or parameter["schema"].get("enum") or []
        for value in allowed:
            query = {parameter["name"]: value}
            if value.startswith(("subscriptions", "predictive_analytics")):
                query["additional-fields[profile]"] = value.partition(".")[0]
            if parameter["name"] in ("fields[metric]", "fields[profile]") and operation in ("get_events", "get_event"):
                query["include"] = parameter["name"][7:-1]
            response = client.get(path.format(id=event), params=query)
            assert response.status_code == 200, (query, response.text)
