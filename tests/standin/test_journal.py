"""The journal of requests, and explanations of near misses."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from eventkeep.client.errors import ResponseError
from eventkeep.client.synchronous.client import Client
from eventkeep.testing import Controls, ServerProcess
from tests.contract.api import bulk_body, single_body


def post(standin: ServerProcess, key: str, path: str, body: dict[str, Any]) -> None:
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-06-15", "Cookie": "session=1"}
    httpx.post(f"{standin.url}{path}", headers=headers, json=body)


def test_requests_are_kept_with_their_responses_and_the_fate_of_their_events(
    standin: ServerProcess, key: str, controls: Controls
) -> None:
    person = {"email": "ada@shop.example"}
    post(standin, key, "/api/events/", single_body(unique_id="1"))
    events = [("Order", person, {"unique_id": number}) for number in ("1", "2", "3")]
    post(standin, key, "/api/event-bulk-create-jobs/", bulk_body(events))
    post(standin, key, "/api/events/?page[size]=x", single_body())
    requests = controls.requests()
    assert [(each["operation"], each["status"], each.get("stored"), each.get("repeated")) for each in requests] == [
        ("create_event", 202, 1, 0),
        ("bulk_create_events", 202, 2, 1),
        ("create_event", requests[2]["status"], requests[2].get("stored"), requests[2].get("repeated")),
    ]
    first = requests[0]
    assert json.loads(first["body"]) == single_body(unique_id="1")
    assert (first["method"], first["path"], first["headers"]["revision"]) == ("POST", "/api/events/", "2024-06-15")
    assert (first["headers"]["authorization"], first["headers"]["cookie"]) == (f"Klaviyo-API-Key {key[:7]}***", "***")
    assert requests[2]["path"].startswith("/api/events/?page")
    assert key not in json.dumps(requests)


def test_faults_are_noted_with_what_they_hid(
    standin: ServerProcess, key: str, controls: Controls, client: Client
) -> None:
    number = controls.fail("reset_after", times=1)
    second = controls.fail("reset_before", times=1)
    for unique_id in "ab":
        with pytest.raises(httpx.ReadError):
            post(standin, key, "/api/events/", single_body(unique_id=unique_id))
    after, before = controls.requests(operation="create_event")
    assert (after["fault"], after["kind"], after["status"], after["stored"]) == (number, "reset_after", 202, 1)
    assert (before["fault"], before["kind"], before["status"]) == (second, "reset_before", None)
    assert [event.unique_id for event in client.events.iterate()] == ["a"]


def test_requests_are_selected_and_cleared(
    standin: ServerProcess, key: str, controls: Controls, client: Client
) -> None:
    client.track("Order", {"email": "ada@shop.example"})
    list(client.events.iterate())
    post(standin, key, "/api/events/", {})
    assert [each["number"] for each in controls.requests(status=400)] == [3]
    assert [each["number"] for each in controls.requests(operation="get_events")] == [2]
    assert [each["number"] for each in controls.requests(after=1)] == [2, 3]
    controls.clear_requests()
    list(client.events.iterate())
    assert [each["number"] for each in controls.requests()] == [4]


def test_unknown_parameters_are_refused(controls: Controls) -> None:
    with pytest.raises(ResponseError, match="colour"):
        controls._ask("list_requests", parameters={"colour": "red"})


def test_a_near_miss_is_explained(controls: Controls, client: Client) -> None:
    assert controls.expect("Placed Order")["message"] == "no event was received"
    client.track("Placed Order", {"email": "ada@shop.example"}, value=41, properties={"items": 2}, unique_id="1")
    client.track("Viewed Product", {"email": "grace@shop.example"})
    found = controls.expect("Placed Order", profile="ada@shop.example", value=41, properties={"items": 2})
    assert (found["count"], found["found"]["unique_id"]) == (1, "1")
    missed = controls.expect("Placed Order", profile="grace@shop.example", value=42.5, properties={"items": 2})
    assert missed["found"] is None and missed["closest"]["unique_id"] == "1"
    assert missed["differences"] == [
        "profile is 'ada@shop.example', not 'grace@shop.example'",
        "value is 41.0, not 42.5",
    ]
