"""The SDK against a real server: without and with asyncio over a socket, and with asyncio in one process."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import eventkeep
from eventkeep import Client, Filter
from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.sdk import FLAVOURS, Place, place

NOON = datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)
PAGES_EVENTS = 450
"""More than two pages."""


@pytest.fixture(scope="module", params=FLAVOURS)
def here(
    request: pytest.FixtureRequest, server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    with place(request.param, server, tmp_path_factory.mktemp("in-process") / "data") as found:
        yield found


@pytest.fixture
def client(here: Place) -> Iterator[Client]:
    """A client of an account of the test's own."""
    with here.connect_new(uuid.uuid4().hex) as found:
        yield found


@pytest.fixture(scope="module")
def reader(here: Place) -> Iterator[Client]:
    """A client of an account with PAGES_EVENTS events, a minute apart, of two metrics and three profiles."""
    with here.connect_new(uuid.uuid4().hex) as found:
        with found.batch() as batch:
            for number in range(PAGES_EVENTS):
                batch.track(
                    "Opened" if number % 2 else "Closed",
                    {"external_id": f"c{number % 3}", "title": "Dr"},
                    time=NOON + datetime.timedelta(minutes=number),
                    unique_id=str(number),
                    properties={"number": number},
                )
        yield found


def numbers(events: Any) -> list[int]:
    return [event.event_properties["number"] for event in events]


def document(metric: str, **event: Any) -> dict[str, Any]:
    """A whole EventCreateQueryV2."""
    attributes = {
        "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": "ada@shop.example"}}},
        "properties": {},
        **event,
    }
    return {"data": {"type": "event", "attributes": attributes}}


def test_tracked_event_comes_back_joined(client: Client) -> None:
    created = client.track(
        "Placed Order",
        {"email": "ada@shop.example", "first_name": "Ada", "patch_properties": {"append": {"tags": "vip"}}},
        properties={"items": ["Teapot"], "big": 2**63 - 1},
        value=9.5,
        value_currency="EUR",
        unique_id="order-1",
        time=NOON,
    )
    assert created == eventkeep.Created(stored=1, repeated=0)
    (event,) = client.events.get_events(include=["metric", "profile"])
    assert (event.metric.name, event.profile.first_name) == ("Placed Order", "Ada")
    assert event.profile.properties == {"tags": ["vip"]}
    assert (event.datetime, event.timestamp, event.value, event.unique_id) == (NOON, 1718452800, 9.5, "order-1")
    assert event.event_properties == {
        "items": ["Teapot"],
        "big": 2**63 - 1,
        "$value_currency": "EUR",
        "$event_id": "order-1",
        "$value": 9.5,
    }


def test_repeat_is_reported(client: Client) -> None:
    counts = [client.track("Ping", {"email": "ada@shop.example"}, unique_id="once") for _ in range(2)]
    assert [(each.stored, each.repeated) for each in counts] == [(1, 0), (0, 1)]


def test_events_without_unique_id_are_all_kept(client: Client) -> None:
    for _ in range(3):
        client.track("Ping", {"email": "ada@shop.example"}, time=NOON)
    assert len(client.events.get_events()) == 3


def test_partial_failure_is_reported(client: Client) -> None:
    created = client.track("Ping", {"email": "ada@shop.example", "phone_number": "+999"})
    assert created.partial_failure == ("phone_number",)


def test_whole_documents_are_created(client: Client) -> None:
    data, status, headers = client.events.create_event_with_http_info(document("Single"))
    assert (data.stored, status, headers["Eventkeep-Events-Stored"]) == (1, 202, "1")
    attributes = document("Many")["data"]["attributes"]
    known = attributes.pop("profile")
    item = {
        "type": "event-bulk-create",
        "attributes": {"profile": known, "events": {"data": [{"type": "event", "attributes": attributes}] * 3}},
    }
    job = {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [item]}}}}
    assert client.events.bulk_create_events(job).stored == 3
    assert len(client.events.get_events()) == 4


def test_one_event_and_its_resources(reader: Client) -> None:
    (found,) = reader.events.get_events(filter=Filter.less_or_equal("datetime", NOON))
    event = reader.events.get_event(found.id, include="metric,profile", fields_metric=["name"])
    assert event.metric is not None and event.profile is not None
    assert (event.id, event.metric.name, event.metric.created) == (found.id, "Closed", None)
    assert reader.events.get_event_metric(event.id).name == "Closed"
    profile = reader.events.get_event_profile(event.id, additional_fields_profile=["predictive_analytics"])
    assert (profile.external_id, profile.title, profile.id) == ("c0", "Dr", event.profile.id)
    assert profile.predictive_analytics == eventkeep.PredictiveAnalytics()
    assert reader.events.get_event_relationships_metric(event.id).id == event.metric.id
    assert reader.events.get_event_relationships_profile(event.id).type == "profile"
    assert event.as_sent()["relationships"]["metric"]["data"]["id"] == event.metric.id


@pytest.mark.parametrize(
    "operation",
    [
        "get_event",
        "get_event_metric",
        "get_event_profile",
        "get_event_relationships_metric",
        "get_event_relationships_profile",
    ],
)
def test_every_operation_has_a_form_with_status_and_headers(reader: Client, operation: str) -> None:
    event_id = reader.events.get_events().events[0].id
    data, status, headers = getattr(reader.events, f"{operation}_with_http_info")(event_id)
    assert data == getattr(reader.events, operation)(event_id)
    assert (status, headers["content-type"]) == (200, "application/json")


def test_pages_are_walked_to_their_end(reader: Client) -> None:
    assert numbers(reader.events.iterate(sort="datetime")) == list(range(PAGES_EVENTS))
    assert numbers(reader.events.iterate()) == list(range(PAGES_EVENTS))[::-1]


def test_walk_may_begin_at_a_cursor_or_a_link(reader: Client) -> None:
    page = reader.events.get_events(sort="datetime")
    assert (len(page), page.prev_cursor) == (200, None)
    for start in (page.next_cursor, page.as_sent()["links"]["next"]):
        assert numbers(reader.events.iterate(sort="datetime", page_cursor=start)) == list(range(200, PAGES_EVENTS))
    second = reader.events.get_events(sort="datetime", page_cursor=page.next_cursor)
    assert numbers(reader.events.get_events(sort="datetime", page_cursor=second.prev_cursor)) == list(range(200))


def test_filters_are_built_from_values(reader: Client) -> None:
    metric = reader.events.get_event_metric(reader.events.get_events().events[0].id)
    start, end = NOON + datetime.timedelta(minutes=100), NOON + datetime.timedelta(minutes=110)
    wanted = (
        Filter.equals("metric_id", metric.id)
        & Filter.greater_or_equal("datetime", start)
        & Filter.less_than("timestamp", int(end.timestamp()))
    )
    expected = [101, 103, 105, 107, 109]
    assert numbers(reader.events.iterate(filter=wanted, sort="datetime")) == expected
    assert numbers(reader.events.iterate(filter=str(wanted), sort="datetime")) == expected


def test_page_size_is_sent_in_every_revision(here: Place, reader: Client) -> None:
    with here.connect(reader.settings.api_key, revision="2026-01-15") as later:
        assert len(later.events.get_events(page_size=7)) == 7
        response = later.events.get_events_with_http_info(page_size=1)
        assert response.headers["content-type"] == "application/vnd.api+json"
    # The documents of earlier revisions lack the parameter; released programs send it, and the server accepts it.
    assert len(reader.events.get_events(page_size=7)) == 7


def test_related_resources_are_read_in_the_revision_that_lists_them(here: Place, reader: Client) -> None:
    with here.connect(reader.settings.api_key, revision="2024-07-15") as later:
        event = later.events.get_events().events[0]
        assert later.events.get_event_metric(event.id).name == "Opened"


# Refusals


def test_invalid_request_names_its_places(client: Client) -> None:
    with pytest.raises(eventkeep.InvalidRequestError) as refused:
        client.events.create_event(document("", time="then", value="much"))
    assert refused.value.status == 400
    assert refused.value.code == "invalid"
    assert set(refused.value.pointers) == {
        "/data/attributes/metric/data/attributes/name",
        "/data/attributes/time",
        "/data/attributes/value",
    }
    assert refused.value.request_id and refused.value.request_id in str(refused.value)
    assert len(client.events.get_events()) == 0


def test_wrong_key_is_an_authentication_error(here: Place) -> None:
    with here.connect("pk_wrong") as client, pytest.raises(eventkeep.AuthenticationError) as refused:
        client.track("Ping", {"email": "ada@shop.example"})
    assert (refused.value.status, refused.value.code) == (401, "not_authenticated")


def test_missing_scope_is_named(here: Place) -> None:
    key = here.new_key(uuid.uuid4().hex, scopes="events:read")
    with here.connect(key) as client, pytest.raises(eventkeep.PermissionDeniedError, match="events:write") as refused:
        client.track("Ping", {"email": "ada@shop.example"})
    assert refused.value.status == 403


def test_event_that_is_not_there_is_not_found(client: Client, reader: Client) -> None:
    other = reader.events.get_events().events[0].id
    with pytest.raises(eventkeep.NotFoundError) as refused:
        client.events.get_event(other)
    assert (refused.value.status, refused.value.code) == (404, "not_found")


def test_id_can_not_lead_to_another_path(client: Client) -> None:
    for event_id in ("", "..", "../metrics", "a/metric"):
        with pytest.raises(eventkeep.ArgumentError, match="expected the id of an event"):
            client.events.get_event(event_id)
    for event_id in ("a?b=c", "a#b", "a%2Fmetric"):
        with pytest.raises(eventkeep.InvalidRequestError, match="Invalid Event ID"):
            client.events.get_event(event_id)


def test_closed_client_says_so(here: Place) -> None:
    client = here.connect("pk_any")
    client.close()
    with pytest.raises(eventkeep.ClosedError, match="the client is closed"):
        client.track("Ping", {"email": "ada@shop.example"})


@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_server_that_is_not_there_is_named(flavour: str, server: ServerProcess, tmp_path: Any) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with (
        place(flavour, server, tmp_path) as found,
        found.connect("pk_any", url, max_retries=1) as client,
        pytest.raises(eventkeep.ConnectionFailedError, match=f"no response from {url} in 2 tries") as refused,
    ):
        client.track("Ping", {"email": "ada@shop.example"})
    assert (refused.value.status, refused.value.code, refused.value.errors) == (None, None, ())
