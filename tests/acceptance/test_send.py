from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eventkeep import Client, Event
from eventkeep.testing import ServerProcess
from tests.acceptance.program import Finished, run

PROFILE = {"data": {"type": "profile", "attributes": {"email": "ada@shop.example"}}}


@pytest.fixture
def key(server: ServerProcess, request: pytest.FixtureRequest) -> str:
    """A key of an account of the test's own."""
    return server.make_key(account=request.node.name)


def send(server: ServerProcess, key: str, *arguments: str, given: bytes = b"") -> Finished:
    done = run("send", *arguments, "--url", server.url, given=given, EVENTKEEP_API_KEY=key)
    assert "Traceback" not in done.errors
    return done


def events(server: ServerProcess, key: str) -> list[Event]:
    with Client(key, server.url) as client:
        return list(client.events.iterate(sort="datetime", include=["metric", "profile"]))


def document(metric: str, **attributes: Any) -> dict[str, Any]:
    named = {"data": {"type": "metric", "attributes": {"name": metric}}}
    return {"type": "event", "attributes": {"metric": named, "properties": {}, **attributes}}


def test_event_from_options_is_stored_once_and_its_id_printed(server: ServerProcess, key: str) -> None:
    options = ["--metric", "Placed Order", "--email", "Ada@Shop.example", "--external-id", "7", "--value", "42.5"]
    options += ["--currency", "EUR", "--time", "2024-03-01 10:00+02:00", "--unique-id", "order-1", "--service", "till"]
    options += ["-p", "note=two cups", "--property", 'items:=[1,{"a":null}]', "--profile", "first_name=Ada"]
    options += ["--profile", "location.city=Paris", "--profile", "properties.visits:=3"]
    first, second = send(server, key, *options), send(server, key, *options)
    assert (first.code, first.errors) == (0, "")
    (event,) = events(server, key)
    assert first.figures() == {"stored": "1", "repeated": "0", "id": event.id, "unique_id": "order-1"}
    assert second.figures() == {"stored": "0", "repeated": "1", "id": event.id, "unique_id": "order-1"}
    assert event.event_properties == {
        "note": "two cups",
        "items": [1, {"a": None}],
        "$value_currency": "EUR",
        "$event_id": "order-1",
        "$value": 42.5,
    }
    assert event.metric is not None
    assert (event.metric.integration or {})["key"] == "till"
    assert event.datetime is not None
    assert event.datetime.isoformat() == "2024-03-01T08:00:00+00:00"
    profile = event.profile
    assert profile is not None
    assert (profile.email, profile.external_id, profile.first_name) == ("ada@shop.example", "7", "Ada")
    assert (profile.location or {})["city"] == "Paris"
    assert profile.properties == {"visits": 3}


def test_unusable_identifier_is_named(server: ServerProcess, key: str) -> None:
    done = send(server, key, "--metric", "A", "--email", "ada@shop.example", "--phone", "12")
    assert (done.code, done.figures()["stored"]) == (0, "1")
    assert done.errors == "kept without phone_number: it can't be used, or is another profile's\n"


def test_key_that_may_not_read_gets_no_id(server: ServerProcess) -> None:
    key = server.make_key(account="writes alone", scopes="events:write")
    done = send(server, key, "--metric", "A", "--email", "ada@shop.example", "--unique-id", "1")
    assert (done.code, done.figures()) == (0, {"stored": "1", "repeated": "0", "unique_id": "1"})


def test_documents_and_lines_come_from_standard_input(server: ServerProcess, key: str, tmp_path: Path) -> None:
    single = json.dumps({"data": document("A", profile=PROFILE, time="2024-01-01", unique_id="1")}, indent=2)
    item = {"profile": PROFILE, "events": {"data": [document("B", time=f"2024-01-0{day}") for day in (2, 3)]}}
    bulk = {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [
        {"type": "event-bulk-create", "attributes": item}
    ]}}}  # fmt: skip
    short = {"metric": "C", "profile": {"email": "ada@shop.example"}, "time": "2024-01-04", "value": 3}
    done = send(server, key, given=single.encode())
    assert (done.code, done.figures()["stored"], "id" in done.figures()) == (0, "1", True)
    assert send(server, key, given=json.dumps({"data": bulk}).encode()).figures() == {"stored": "2", "repeated": "0"}
    assert send(server, key, given=json.dumps(short).encode()).figures()["stored"] == "1"
    lines: list[dict[str, Any]] = [{"data": document("D", profile=PROFILE, time="2024-01-05")}]
    lines += [{**short, "metric": "E", "time": f"2024-01-{day:02}"} for day in range(6, 26)]
    given = "\n\n".join(json.dumps(line) for line in lines)
    assert send(server, key, given=given.encode()).figures() == {"stored": "21", "repeated": "0", "refused": "0"}
    found = [event.metric.name for event in events(server, key)]
    assert found == ["A", "B", "B", "C", "D", *["E"] * 20]


def test_refusals_of_the_server_are_named(server: ServerProcess, key: str) -> None:
    done = send(server, key, given=b'{"data": {"type": "event", "attributes": {}}}')
    assert (done.code, done.output) == (3, "")
    assert "The member 'metric' is missing" in done.errors


def test_event_that_is_refused_leaves_the_others_kept(server: ServerProcess, key: str) -> None:
    emails = ("ada@shop.example", "no address", "grace@shop.example")
    lines = [json.dumps({"metric": "A", "profile": {"email": email}, "unique_id": email}) for email in emails]
    done = send(server, key, given="\n".join(lines).encode())
    assert (done.code, done.figures()) == (3, {"stored": "2", "repeated": "0", "refused": "1"})
    assert "'A' of email no address with unique_id 'no address' is refused: " in done.errors
    assert "eventkeep: 1 event is refused" in done.errors
    for given in (("{", *lines), (lines[0], "{", *lines[1:])):
        done = send(server, key, given="\n".join(given).encode())
        # A line that is no JSON keeps no other from being sent; the same again stores nothing twice.
        assert (done.code, done.figures()) == (3, {"stored": "0", "repeated": "2", "refused": "2"})
        assert f"row {given.index('{') + 1}: expected a document of the API" in done.errors
    assert len(events(server, key)) == 2
