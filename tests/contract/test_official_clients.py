"""The official Python clients, unchanged, against a real server: every operation with every option they have."""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Iterator
from typing import Any, Final

import httpx
import msgspec
import pytest

from eventkeep.testing import ServerProcess
from tests.contract.official_client import REVISIONS, ClientResponse, OfficialClient

START: Final = int(datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.UTC).timestamp())
"""The second of the first event of a history; each next one is a minute later."""
HISTORY_EVENTS: Final = 205
MINUTE: Final = 60


class History(msgspec.Struct):
    """The fixtures of the module for each client: a server's data to read from."""

    metric: str
    """The metric of HISTORY_EVENTS events of one profile."""
    metric_id: str
    profile_id: str
    email: str
    event_id: str
    """The first event of the history."""


def iso(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def event_body(metric: str, profile: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """The body of create_event."""
    return {
        "data": {
            "type": "event",
            "attributes": {
                "properties": {},
                **attributes,
                "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
                "profile": {"data": {"type": "profile", "attributes": profile}},
            },
        }
    }


def bulk_body(profiles: list[tuple[dict[str, Any], list[dict[str, Any]]]], metric: str) -> dict[str, Any]:
    """The body of bulk_create_events: profiles, each with the attributes of its events."""
    name = {"data": {"type": "metric", "attributes": {"name": metric}}}
    groups = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": {"data": {"type": "profile", "attributes": profile}},
                "events": {
                    "data": [
                        {"type": "event", "attributes": {"properties": {}, "metric": name, **event}} for event in events
                    ]
                },
            },
        }
        for profile, events in profiles
    ]
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": groups}}}}


def unique_name(word: str) -> str:
    return f"{word} {uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module", params=list(REVISIONS))
def client(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[OfficialClient]:
    """One version of the client, with an account of its own."""
    key = server.make_key(account=f"client {request.param}")
    with OfficialClient(request.param, server.url, key) as official:
        yield official


@pytest.fixture(scope="module")
def history(client: OfficialClient) -> History:
    metric, email = "Viewed Page", f"reader-{client.version}@shop.example"
    for number in range(HISTORY_EVENTS):
        profile = {"email": email, "first_name": "Rita", "location": {"city": "Porto", "country": "Portugal"}}
        body = event_body(
            metric, profile, time=iso(START + number * MINUTE), unique_id=f"h{number}", properties={"number": number}
        )
        assert client("create_event_with_http_info", body).status == 202
    # Other tests of the module store events of the same second.
    (first,) = [
        event
        for event in client("get_events", filter=f"less-or-equal(timestamp,{START})").data["data"]
        if event["attributes"]["event_properties"]["$event_id"] == "h0"
    ]
    return History(
        metric,
        first["relationships"]["metric"]["data"]["id"],
        first["relationships"]["profile"]["data"]["id"],
        email,
        first["id"],
    )


def numbers(response: ClientResponse) -> list[int]:
    """The property ``number`` of each event of a page."""
    return [event["attributes"]["event_properties"]["number"] for event in response.data["data"]]


def events_of(client: OfficialClient, metric: str) -> list[dict[str, Any]]:
    """All events of a metric, oldest first, read without knowing its id."""
    page = client("get_events", include=["metric"], sort="datetime").data
    found: list[dict[str, Any]] = []
    while True:
        ids = {item["id"] for item in page["included"] if item["attributes"]["name"] == metric}
        found += [event for event in page["data"] if event["relationships"]["metric"]["data"]["id"] in ids]
        # Newer clients leave out links that are null.
        if page["links"].get("next") is None:
            return found
        page = client("get_events", include=["metric"], sort="datetime", page_cursor=page["links"]["next"]).data


# Creating


def test_created_event_comes_back_as_it_was_sent(client: OfficialClient) -> None:
    metric = unique_name("Placed Order")
    properties = {
        "zulu": 1,
        "alpha": [{"b": None, "a": "é\u2028😀"}],
        "big": 9223372036854775807,
        "float": 0.1,
        "text": 'quote " backslash \\',
        "$extra": {"html": "<b>"},
    }
    body = event_body(
        metric,
        {"email": "ada@shop.example"},
        properties=properties,
        time="2024-05-06T07:08:09+02:00",
        value=9.5,
        value_currency="EUR",
        unique_id="order-1",
    )
    created = client("create_event_with_http_info", body)
    assert (created.status, created.data) == (202, None)
    (event,) = events_of(client, metric)
    attributes = event["attributes"]
    assert attributes["timestamp"] == 1714972089
    assert attributes["datetime"] == "2024-05-06T05:08:09+00:00"
    # Client 7.0.0 has no value_currency and leaves it out.
    currency = [("$value_currency", "EUR")] if client.revision >= "2024-05-15" else []
    assert list(attributes["event_properties"].items()) == [
        ("zulu", 1),
        ("alpha", [{"b": None, "a": "é\u2028😀"}]),
        ("big", 9223372036854775807),
        ("float", 0.1),
        ("text", 'quote " backslash \\'),
        *currency,
        ("$event_id", "order-1"),
        ("$value", 9.5),
        ("$extra", {"html": "<b>"}),
    ]
    identifier = uuid.UUID(attributes["uuid"])
    assert identifier.version == 1
    assert (identifier.time - 0x01B21DD213814000) // 10_000_000 == 1714972089


def test_event_without_unique_id_takes_its_second(client: OfficialClient) -> None:
    metric = unique_name("Started Checkout")
    for _ in range(2):
        assert client("create_event", event_body(metric, {"email": "ada@shop.example"}, time=iso(START))).raised is None
    (event,) = events_of(client, metric)
    assert event["attributes"]["event_properties"] == {"$event_id": str(START)}


def test_event_without_time_happens_now(client: OfficialClient) -> None:
    metric = unique_name("Opened App")
    before = int(time.time())
    client("create_event", event_body(metric, {"email": "ada@shop.example"}))
    (event,) = events_of(client, metric)
    assert before <= event["attributes"]["timestamp"] <= int(time.time())


def test_repeated_unique_id_is_recorded_once(client: OfficialClient) -> None:
    metric = unique_name("Refunded Order")
    for number in range(2):
        body = event_body(
            metric,
            {"email": "ada@shop.example"},
            time=iso(START + number),
            unique_id="refund-1",
            properties={"number": number},
        )
        assert client("create_event_with_http_info", body).status == 202
    (event,) = events_of(client, metric)
    assert event["attributes"]["event_properties"] == {"number": 0, "$event_id": "refund-1"}


def test_bulk_create_stores_the_events_of_all_profiles(client: OfficialClient) -> None:
    if client.revision < "2024-05-15":
        pytest.skip("this client has no bulk operation")
    metric = unique_name("Bulk Order")
    body = bulk_body(
        [
            (
                {"email": "bulk-a@shop.example"},
                [
                    {"unique_id": "a1", "time": iso(START), "value": 3, "properties": {"n": 1}},
                    {"unique_id": "a2", "time": iso(START + 1)},
                    {"unique_id": "a1", "time": iso(START + 2)},
                ],
            ),
            ({"external_id": "bulk-b"}, [{"unique_id": "a1", "time": iso(START + 3)}]),
        ],
        metric,
    )
    created = client("bulk_create_events_with_http_info", body)
    assert (created.status, created.data) == (202, None)
    first, second, third = events_of(client, metric)
    assert first["attributes"]["event_properties"] == {"n": 1, "$event_id": "a1", "$value": 3}
    assert second["attributes"]["event_properties"] == {"$event_id": "a2", "$value": 0}
    assert third["attributes"]["event_properties"] == {"$event_id": "a1", "$value": 0}
    profiles = [event["relationships"]["profile"]["data"]["id"] for event in (first, second, third)]
    assert profiles[0] == profiles[1] != profiles[2]


def test_bulk_create_does_not_exist_in_the_older_revision(client: OfficialClient, server: ServerProcess) -> None:
    response = httpx.post(
        f"{server.url}/api/event-bulk-create-jobs/",
        headers={
            "Authorization": f"Klaviyo-API-Key {server.make_key(account='bulk at revisions')}",
            "revision": client.revision,
        },
        json=bulk_body([({"email": "ada@shop.example"}, [{"unique_id": "1"}])], "Order"),
    )
    assert response.status_code == (404 if client.revision < "2024-05-15" else 202)


# Reading: filters, sorts, pages


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"greater-than(timestamp,{START + 200 * MINUTE})", range(201, 205)),
        (f"greater-or-equal(timestamp,{START + 200 * MINUTE})", range(200, 205)),
        (f"less-than(timestamp,{START + 3 * MINUTE})", range(3)),
        (f"less-or-equal(timestamp,{START + 3 * MINUTE})", range(4)),
        (f"greater-than(datetime,{iso(START + 200 * MINUTE)})", range(201, 205)),
        (f"greater-or-equal(datetime,{iso(START + 200 * MINUTE)})", range(200, 205)),
        (f"less-than(datetime,{iso(START + 3 * MINUTE)})", range(3)),
        (f"less-or-equal(datetime,{iso(START + 3 * MINUTE)})", range(4)),
        (f"less-or-equal(datetime,{iso(START + 3 * MINUTE).replace('+00:00', 'Z')})", range(4)),
        (f"greater-than(timestamp,{START}),less-than(timestamp,{START + 3 * MINUTE})", range(1, 3)),
        (f"and(greater-than(timestamp,{START}),less-than(timestamp,{START + 3 * MINUTE}))", range(1, 3)),
        (f"has(profile),less-than(timestamp,{START + 3 * MINUTE})", range(3)),
    ],
)
def test_filters_choose_events_by_time(
    client: OfficialClient, history: History, condition: str, expected: range
) -> None:
    of_metric = f'equals(metric_id,"{history.metric_id}")'
    assert numbers(client("get_events", filter=f"{of_metric},{condition}", sort="datetime")) == list(expected)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_filters_choose_events_by_metric_and_profile(client: OfficialClient, history: History, quote: str) -> None:
    other = unique_name("Other")
    client("create_event", event_body(other, {"email": history.email}, time=iso(START - 1), properties={"number": -1}))
    client(
        "create_event",
        event_body(history.metric, {"email": "else@shop.example"}, time=iso(START - 2), properties={"number": -2}),
    )
    by_metric = f"equals(metric_id,{quote}{history.metric_id}{quote})"
    by_profile = f"equals(profile_id,{quote}{history.profile_id}{quote})"
    first = f"less-or-equal(timestamp,{START})"
    assert set(numbers(client("get_events", filter=f"{by_metric},{first}"))) == {-2, 0}
    assert set(numbers(client("get_events", filter=f"{by_profile},{first}"))) == {-1, 0}
    assert numbers(client("get_events", filter=f"{by_profile},{by_metric},{first}")) == [0]


def test_unknown_metric_and_profile_have_no_events(client: OfficialClient, history: History) -> None:
    unknown = client("get_events", filter='equals(metric_id,"ZZZZZZ")')
    assert (unknown.status, unknown.fault["detail"]) == (400, "Metric IDs ['ZZZZZZ'] do not exist.")
    assert client("get_events", filter='equals(profile_id,"01ARZ3NDEKTSV4RRFFQ69G5FAV")').data["data"] == []


@pytest.mark.parametrize("field", ["datetime", "timestamp"])
def test_sorts_run_both_ways(client: OfficialClient, history: History, field: str) -> None:
    chosen = f'equals(metric_id,"{history.metric_id}"),greater-or-equal(timestamp,{START})'
    chosen += f",less-than(timestamp,{START + 5 * MINUTE})"
    assert numbers(client("get_events", filter=chosen, sort=field)) == [0, 1, 2, 3, 4]
    assert numbers(client("get_events", filter=chosen, sort=f"-{field}")) == [4, 3, 2, 1, 0]


def test_newest_events_come_first_by_default(client: OfficialClient, history: History) -> None:
    times = [event["attributes"]["timestamp"] for event in client("get_events").data["data"]]
    assert times == sorted(times, reverse=True)


def bare_cursor(link: str) -> str:
    return httpx.URL(link).params["page[cursor]"]


@pytest.mark.parametrize("form", ["bare cursor", "whole link"])
@pytest.mark.parametrize("sort", ["datetime", "-datetime"])
def test_pages_hold_every_event_once_there_and_back(
    client: OfficialClient, history: History, sort: str, form: str
) -> None:
    def cursor(link: str) -> str:
        return bare_cursor(link) if form == "bare cursor" else link

    chosen = f'equals(metric_id,"{history.metric_id}"),greater-or-equal(timestamp,{START})'
    first = client("get_events", filter=chosen, sort=sort)
    assert first.data["links"].get("prev") is None
    second = client("get_events", filter=chosen, sort=sort, page_cursor=cursor(first.data["links"]["next"]))
    assert second.data["links"].get("next") is None
    expected = list(range(HISTORY_EVENTS))
    if sort == "-datetime":
        expected.reverse()
    assert len(numbers(first)) == 200
    assert numbers(first) + numbers(second) == expected
    back = client("get_events", filter=chosen, sort=sort, page_cursor=cursor(second.data["links"]["prev"]))
    assert numbers(back) == numbers(first)
    assert back.data["data"] == first.data["data"]


def test_links_are_absolute_and_can_be_followed_as_they_are(
    client: OfficialClient, history: History, server: ServerProcess
) -> None:
    page = client("get_events", filter=f'equals(metric_id,"{history.metric_id}")', sort="datetime").data
    assert page["links"]["self"].startswith(f"{server.url}/api/events")
    assert "%22" in page["links"]["self"]
    event = page["data"][0]
    own = f"{server.url}/api/events/{event['id']}/"
    assert event["links"] == {"self": own}
    assert event["relationships"]["metric"]["links"] == {
        "self": f"{own}relationships/metric/",
        "related": f"{own}metric/",
    }
    assert event["relationships"]["profile"]["links"] == {
        "self": f"{own}relationships/profile/",
        "related": f"{own}profile/",
    }
    assert "attributions" not in event["relationships"]


# Reading: fields and includes


def test_sparse_fieldsets_of_every_type(client: OfficialClient, history: History) -> None:
    page = client(
        "get_events",
        fields_event=["timestamp", "uuid"],
        fields_metric=["name"],
        fields_profile=["email", "location.city"],
        include=["metric", "profile"],
        filter=f'equals(profile_id,"{history.profile_id}"),equals(metric_id,"{history.metric_id}")',
        sort="datetime",
    ).data
    assert all(event["attributes"].keys() == {"timestamp", "uuid"} for event in page["data"])
    included = {item["type"]: item for item in page["included"]}
    assert len(page["included"]) == 2
    assert included["metric"]["attributes"] == {"name": history.metric}
    assert included["profile"]["attributes"] == {"email": history.email, "location": {"city": "Porto"}}


@pytest.mark.parametrize("include", [["metric"], ["profile"], ["metric", "profile"], ["profile", "metric"]])
def test_includes_bring_each_resource_once(client: OfficialClient, history: History, include: list[str]) -> None:
    chosen = f'equals(profile_id,"{history.profile_id}"),equals(metric_id,"{history.metric_id}")'
    page = client("get_events", include=include, filter=chosen).data
    expected = {"metric": history.metric_id, "profile": history.profile_id}
    assert {(item["type"], item["id"]) for item in page["included"]} == {(kind, expected[kind]) for kind in include}
    assert len(page["included"]) == len(include)


def test_nothing_is_included_unasked(client: OfficialClient, history: History) -> None:
    assert "included" not in client("get_events").data


def test_one_event_with_every_option(client: OfficialClient, history: History) -> None:
    plain = client("get_event", history.event_id).data
    assert plain.keys() == {"data", "links"}
    assert plain["links"].keys() == {"self"}
    assert plain["data"]["type"] == "event"
    assert plain["data"]["id"] == history.event_id
    assert plain["data"]["attributes"]["event_properties"] == {"number": 0, "$event_id": "h0"}
    asked = client(
        "get_event_with_http_info",
        history.event_id,
        fields_event=["datetime", "event_properties"],
        fields_metric=["name", "updated"],
        fields_profile=["first_name"],
        include=["profile", "metric"],
    )
    assert asked.status == 200
    assert asked.data["data"]["attributes"]["datetime"] == iso(START)
    assert asked.data["data"]["attributes"].keys() == {"datetime", "event_properties"}
    attributes = {item["type"]: item["attributes"] for item in asked.data["included"]}
    assert attributes["metric"].keys() == {"name", "updated"}
    assert attributes["profile"] == {"first_name": "Rita"}


def test_metric_of_an_event(client: OfficialClient, history: History) -> None:
    metric = client("get_event_metric", history.event_id).data["data"]
    assert (metric["type"], metric["id"]) == ("metric", history.metric_id)
    assert metric["attributes"].keys() == {"name", "created", "updated", "integration"}
    assert metric["attributes"]["name"] == history.metric
    assert metric["attributes"]["integration"]["name"] == "API"
    sparse = client("get_event_metric_with_http_info", history.event_id, fields_metric=["created"])
    assert (sparse.status, sparse.data["data"]["attributes"].keys()) == (200, {"created"})


def test_profile_of_an_event(client: OfficialClient, history: History) -> None:
    profile = client("get_event_profile", history.event_id).data["data"]
    assert (profile["type"], profile["id"]) == ("profile", history.profile_id)
    attributes = profile["attributes"]
    assert (attributes["email"], attributes["first_name"], attributes["last_name"]) == (history.email, "Rita", None)
    assert (attributes["location"]["city"], attributes["location"]["region"]) == ("Porto", None)
    assert attributes["properties"] == {}
    assert "subscriptions" not in attributes
    assert "predictive_analytics" not in attributes


def test_profile_of_an_event_with_every_option(client: OfficialClient, history: History) -> None:
    response = client(
        "get_event_profile_with_http_info",
        history.event_id,
        additional_fields_profile=["subscriptions", "predictive_analytics"],
        fields_profile=["email", "location.country", "subscriptions", "predictive_analytics"],
    )
    assert response.status == 200
    attributes = response.data["data"]["attributes"]
    assert attributes.keys() == {"email", "location", "subscriptions", "predictive_analytics"}
    assert attributes["location"] == {"country": "Portugal"}
    assert attributes["subscriptions"]["email"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
    assert attributes["predictive_analytics"]["historic_clv"] is None


def test_attributions_and_analytics_of_a_customer(client: OfficialClient) -> None:
    email, hour = f"customer-{client.version}@shop.example", 60 * MINUTE
    # Long before the history, so that a filter finds these two alone.
    start = START - 1_000 * hour
    for metric, seconds, more in (
        ("Opened Email", start, {"properties": {"$message": "UupFUS", "$flow": "Welcome"}}),
        ("Placed Order", start + hour, {"value": 12.5}),
    ):
        body = event_body(metric, {"email": email}, time=iso(seconds), **more)
        assert client("create_event_with_http_info", body).status == 202
    within = f"less-or-equal(timestamp,{start + hour})"
    page = client("get_events", include=["attributions"], filter=within, sort="datetime").data
    touch, order = page["data"]
    (included,) = page["included"]
    assert order["relationships"]["attributions"]["data"] == [{"type": "attribution", "id": included["id"]}]
    targets = {name: each["data"]["id"] for name, each in included["relationships"].items() if each}
    assert targets == {
        "event": order["id"],
        "attributed-event": touch["id"],
        "flow": "Welcome",
        "flow-message": "UupFUS",
    }
    additional = ["subscriptions", "predictive_analytics"]
    profile = client("get_event_profile", order["id"], additional_fields_profile=additional).data["data"]
    analytics = profile["attributes"]["predictive_analytics"]
    assert (analytics["historic_clv"], analytics["historic_number_of_orders"]) == (12.5, 1)
    assert analytics["churn_probability"] is None


@pytest.mark.parametrize("kind", ["metric", "profile"])
def test_relationships_of_an_event(client: OfficialClient, history: History, kind: str, server: ServerProcess) -> None:
    response = client(f"get_event_relationships_{kind}_with_http_info", history.event_id)
    assert response.status == 200
    expected = {"metric": history.metric_id, "profile": history.profile_id}[kind]
    assert response.data["data"] == {"type": kind, "id": expected}
    assert response.data["links"]["self"].startswith(f"{server.url}/api/events/{history.event_id}/relationships/{kind}")


# Refusals


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"filter": 'equals(name,"x")'}, "filter"),
        ({"filter": "contains(metric_id,'x')"}, "filter"),
        ({"filter": "equals(metric_id"}, "filter"),
        ({"filter": "greater-than(timestamp,yesterday)"}, "filter"),
        ({"sort": "name"}, "sort"),
        ({"include": ["profiless"]}, "include"),
        ({"fields_event": ["timestampp"]}, "fields[event]"),
        ({"fields_metric": ["x"]}, "fields[metric]"),
        ({"fields_profile": ["location.planet"]}, "fields[profile]"),
        ({"page_cursor": "bm9wZQ"}, "page[cursor]"),
    ],
)
def test_bad_parameters_are_named(client: OfficialClient, options: dict[str, Any], parameter: str) -> None:
    response = client("get_events_with_http_info", **options)
    assert response.status == 400
    assert response.fault["code"] == "invalid"
    assert response.fault["title"] == "Invalid input."
    assert response.fault["source"] == {"parameter": parameter}


def test_cursor_of_another_question_is_refused(client: OfficialClient, history: History) -> None:
    chosen = f'equals(metric_id,"{history.metric_id}")'
    cursor = bare_cursor(client("get_events", filter=chosen, sort="datetime").data["links"]["next"])
    assert client("get_events", filter=chosen, sort="-datetime", page_cursor=cursor).status == 400
    assert client("get_events", sort="datetime", page_cursor=cursor).status == 400


def test_bad_bodies_are_refused_with_a_pointer(client: OfficialClient) -> None:
    body = event_body("Order", {"email": "no email"}, time="1989-12-31T00:00:00Z", unique_id="")
    response = client("create_event", body)
    assert response.status == 400
    pointers = {fault["source"]["pointer"] for fault in response.data["errors"]}
    assert pointers == {
        "/data/attributes/profile/data/attributes/email",
        "/data/attributes/time",
        "/data/attributes/unique_id",
    }


@pytest.mark.parametrize("key", ["pk_wrong", "nonsense"])
def test_wrong_key_is_not_authenticated(client: OfficialClient, key: str) -> None:
    response = client("get_events", key=key)
    assert response.status == 401
    assert response.fault["code"] == "not_authenticated"
    assert response.fault["detail"] == "Missing or invalid private key."


def test_key_without_the_scope_is_refused(client: OfficialClient, server: ServerProcess) -> None:
    writer = server.make_key(account=f"client {client.version}", scopes="events:write")
    assert client("create_event_with_http_info", event_body("A", {"email": "a@shop.example"}), key=writer).status == 202
    response = client("get_events", key=writer)
    assert response.status == 403
    assert response.fault["code"] == "permission_denied"
    assert "events:read" in response.fault["detail"]


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
def test_event_that_does_not_exist_is_not_found(client: OfficialClient, history: History, operation: str) -> None:
    unknown = history.event_id[:-1] + ("0" if history.event_id[-1] != "0" else "1")
    response = client(operation, unknown)
    assert (response.status, response.fault["code"]) == (404, "not_found")
    malformed = client(operation, "NOPE01")
    assert (malformed.status, malformed.fault["code"]) == (400, "invalid")
    assert malformed.fault["detail"] == "Invalid Event ID: 'NOPE01'"
    assert malformed.fault["source"] == {"pointer": "/data/id"}


def test_events_of_another_account_are_not_there(
    client: OfficialClient, history: History, server: ServerProcess
) -> None:
    stranger = server.make_key(account="stranger")
    assert client("get_event", history.event_id, key=stranger).status == 404
    assert client("get_events", key=stranger).data["data"] == []
    assert client("get_events", filter=f'equals(metric_id,"{history.metric_id}")', key=stranger).status == 400
