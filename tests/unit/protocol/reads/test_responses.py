from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from eventkeep.model.event import StoredEvent, public_id
from eventkeep.model.metric import Metric
from eventkeep.model.profile import Profile
from eventkeep.model.stored_events import StoredEvents
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.reads.pages import Page, page_of
from eventkeep.protocol.reads.query import parse_read_query
from eventkeep.protocol.reads.responses import (
    ReadFrame,
    Related,
    event_document,
    events_document,
    metric_document,
    profile_document,
    relationship_document,
)
from eventkeep.protocol.revisions import REVISIONS

SECRET = b"a secret of the tests"
BY_DATE = {revision.date: revision for revision in REVISIONS}
BASE = "https://events.shop.example"

METRIC = Metric(7, "SkDfHe", 1, "SDK Smoke", "api", "7FtS4J", True, 1_788_529_135_000_000, 1_788_529_135_999_999)
OTHER_METRIC = Metric(8, "Other1", 1, "Other", "shop", "AbCdEf", False, 1_788_529_135_000_000, 1_788_529_135_000_000)
PROFILE = Profile(
    number=1,
    id="01M1PA9MBA7VB258TP74BXMQTG",
    account=1,
    email="a@shop.example",
    location={"city": "Porto"},
    properties={"null": None, "number": 1},
    created=1_788_529_225_000_000,
    updated=1_788_529_225_000_000,
)
EVENTS = [
    StoredEvent(1, 1_788_529_135, 0xEB4883AA7288 << 16, 1, 7, "bulk-1", 3.0, "EUR", b'{"sku":"D4","bulk":true}'),
    StoredEvent(1, 1_788_529_134, 2, 1, 7, "evt-3", None, "", b'{"sku":"C3"}'),
    StoredEvent(1, 1_788_529_133, 3, 1, 8, "evt-4", None, "", b"{}"),
]
IDS = [public_id(event.time, event.id) for event in EVENTS]
RELATED = Related(
    metrics={7: METRIC, 8: OTHER_METRIC},
    profile_ids={1: PROFILE.id},
    profiles={1: PROFILE},
    last_event_times={1: 1_788_529_135},
)


def frame(
    query_string: str = "", operation: str = "get_events", revision: str = "2024-06-15", path: str = ""
) -> ReadFrame:
    query = parse_read_query(query_string.encode(), OPERATIONS[operation], BY_DATE[revision], SECRET)
    path = path or OPERATIONS[operation].path.format(id=IDS[0])
    return ReadFrame(base_url=BASE, path=path, revision=BY_DATE[revision], query=query)


def events(query_string: str = "", **options: str) -> dict[str, Any]:
    framed = frame(query_string, **options)
    document: dict[str, Any] = json.loads(
        events_document(framed, page_of(framed.query, StoredEvents.of(EVENTS), SECRET), RELATED)
    )
    return document


def test_an_event_is_as_the_live_service_writes_it() -> None:
    own = f"{BASE}/api/events/{IDS[0]}/"
    assert events()["data"][0] == {
        "type": "event",
        "id": IDS[0],
        "attributes": {
            "timestamp": 1_788_529_135,
            "event_properties": {
                "sku": "D4",
                "bulk": True,
                "$value_currency": "EUR",
                "$event_id": "bulk-1",
                "$value": 3,
            },
            "datetime": "2026-09-04T13:38:55+00:00",
            "uuid": "f9204180-a865-11f1-8001-eb4883aa7288",
        },
        "relationships": {
            "profile": {
                "data": {"type": "profile", "id": PROFILE.id},
                "links": {"self": f"{own}relationships/profile/", "related": f"{own}profile/"},
            },
            "metric": {
                "data": {"type": "metric", "id": "SkDfHe"},
                "links": {"self": f"{own}relationships/metric/", "related": f"{own}metric/"},
            },
        },
        "links": {"self": own},
    }


def test_an_event_without_a_value_reads_zero_if_its_metric_has_had_one() -> None:
    properties = [event["attributes"]["event_properties"] for event in events()["data"]]
    assert [each.get("$value") for each in properties] == [3, 0, None]


def test_a_page_echoes_its_question_percent_encoded() -> None:
    asked = (
        'fields[event]=timestamp,datetime&filter=equals(metric_id,"SkDfHe")'
        "&include=metric,profile&sort=-datetime&page[size]=2"
    )
    links = events(asked, revision="2026-07-15", path="/api/events")["links"]
    own = (
        f"{BASE}/api/events?fields%5Bevent%5D=timestamp%2Cdatetime"
        "&filter=equals%28metric_id%2C%22SkDfHe%22%29&include=metric%2Cprofile&sort=-datetime&page%5Bsize%5D=2"
    )
    assert (links["self"], links["prev"]) == (own, None)
    beginning, _, cursor = links["next"].rpartition("&page%5Bcursor%5D=")
    assert beginning == own
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_the_link_of_a_neighbour_takes_the_place_of_a_cursor() -> None:
    first = events("page[size]=1", revision="2026-07-15")
    following = first["links"]["next"].partition("?")[2]
    second = events(following, revision="2026-07-15")
    assert second["links"]["next"].count("cursor") == second["links"]["prev"].count("cursor") == 1
    assert second["links"]["self"] == first["links"]["next"]


def test_an_empty_page() -> None:
    document = json.loads(events_document(frame("include=metric"), Page(StoredEvents.of([])), RELATED))
    assert document == {
        "data": [],
        "included": [],
        "links": {"self": f"{BASE}/api/events/?include=metric", "next": None, "prev": None},
    }


def test_included_resources_come_once_and_only_as_asked_for() -> None:
    assert "included" not in events()
    included = events("include=metric,profile&fields[metric]=name&fields[profile]=email,location.city")["included"]
    assert [(each["type"], each["id"], each["attributes"]) for each in included] == [
        ("metric", "SkDfHe", {"name": "SDK Smoke"}),
        ("metric", "Other1", {"name": "Other"}),
        ("profile", PROFILE.id, {"email": "a@shop.example", "location": {"city": "Porto"}}),
    ]
    assert [each["type"] for each in events("include=profile")["included"]] == ["profile"]
    assert events("include=attributions")["included"] == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("uuid,timestamp", {"timestamp", "uuid"}),
        ("event_properties", {"event_properties"}),
        ("datetime", {"datetime"}),
        ("", set()),
    ],
)
def test_sparse_events_keep_their_relationships(fields: str, expected: set[str]) -> None:
    for event in events(f"fields[event]={fields}")["data"]:
        assert event["attributes"].keys() == expected
        assert event["relationships"].keys() == {"metric", "profile"}


def test_one_event() -> None:
    document = json.loads(event_document(frame(operation="get_event"), StoredEvents.of(EVENTS[:1]), RELATED))
    assert document["data"] == events()["data"][0]
    assert document["links"] == {"self": f"{BASE}/api/events/{IDS[0]}/"}
    assert "included" not in document


def test_a_metric_is_as_the_live_service_writes_it() -> None:
    framed = frame(operation="get_event_metric", path=f"/api/events/{IDS[0]}/metric")
    assert json.loads(metric_document(framed, METRIC)) == {
        "data": {
            "type": "metric",
            "id": "SkDfHe",
            "attributes": {
                "name": "SDK Smoke",
                "created": "2026-09-04T13:38:55+00:00",
                "updated": "2026-09-04T13:38:55+00:00",
                "integration": {
                    "object": "integration",
                    "id": "7FtS4J",
                    "key": "api",
                    "name": "API",
                    "category": "API",
                },
            },
            "links": {"self": f"{BASE}/api/metrics/SkDfHe/"},
        },
        "links": {"self": f"{BASE}/api/events/{IDS[0]}/metric"},
    }


def profile(query_string: str = "", revision: str = "2024-06-15") -> dict[str, Any]:
    framed = frame(query_string, "get_event_profile", revision)
    data: dict[str, Any] = json.loads(profile_document(framed, PROFILE, 1_788_529_135))["data"]
    return data


def test_a_profile_is_as_the_live_service_writes_it() -> None:
    attributes = profile(revision="2026-07-15")["attributes"]
    assert attributes == {
        "email": "a@shop.example",
        "phone_number": None,
        "external_id": None,
        "anonymous_id": None,
        "first_name": None,
        "last_name": None,
        "organization": None,
        "locale": None,
        "title": None,
        "image": None,
        "created": "2026-09-04T13:40:25+00:00",
        "updated": "2026-09-04T13:40:25+00:00",
        "last_event_date": "2026-09-04T13:38:55+00:00",
        "location": {
            "address1": None,
            "address2": None,
            "city": "Porto",
            "country": None,
            "latitude": None,
            "longitude": None,
            "region": None,
            "zip": None,
            "timezone": None,
            "ip": None,
        },
        "properties": {"null": None, "number": 1},
    }


def test_a_profile_links_to_its_lists_and_segments() -> None:
    own = f"{BASE}/api/profiles/{PROFILE.id}/"
    data = profile()
    assert data["links"] == {"self": own}
    assert data["relationships"] == {
        name: {"links": {"self": f"{own}relationships/{name}/", "related": f"{own}{name}/"}}
        for name in ("lists", "segments")
    }
    assert profile(revision="2023-10-15")["relationships"]["lists"]["data"] == []


def test_additional_fields_of_a_profile_that_never_subscribed() -> None:
    asked = "additional-fields[profile]=subscriptions,predictive_analytics&fields[profile]=email"
    attributes = profile(asked, "2026-07-15")["attributes"]
    assert attributes.keys() == {"email", "subscriptions", "predictive_analytics"}
    assert attributes["subscriptions"] == {
        "email": {
            "marketing": {
                "can_receive_email_marketing": True,
                "consent": "NEVER_SUBSCRIBED",
                "consent_timestamp": None,
                "last_updated": None,
                "method": None,
                "method_detail": None,
                "custom_method_detail": None,
                "double_optin": None,
                "suppression": [],
                "list_suppressions": [],
            }
        },
        "sms": {
            "marketing": {
                "can_receive_sms_marketing": False,
                "consent": "NEVER_SUBSCRIBED",
                "consent_timestamp": None,
                "method": None,
                "method_detail": None,
                "last_updated": None,
            }
        },
    }
    assert set(attributes["predictive_analytics"].values()) == {None}
    assert len(attributes["predictive_analytics"]) == 9


def test_subscriptions_belonged_to_a_profile_at_first() -> None:
    marketing = profile(revision="2023-09-15")["attributes"]["subscriptions"]["email"]["marketing"]
    assert marketing == {"consent": "NEVER_SUBSCRIBED", "method": "", "suppressions": [], "list_suppressions": []}
    assert "subscriptions" not in profile(revision="2023-10-15")["attributes"]


def test_first_revisions_leave_out_members_without_a_value() -> None:
    attributes = profile(revision="2023-12-15")["attributes"]
    assert "phone_number" not in attributes
    assert attributes["location"] == {"city": "Porto"}
    # A null that was stored is a value.
    assert attributes["properties"] == {"null": None, "number": 1}


@pytest.mark.parametrize("kind", ["metric", "profile"])
def test_relationships(kind: Literal["metric", "profile"]) -> None:
    path = f"/api/events/{IDS[0]}/relationships/{kind}"
    framed = frame(operation=f"get_event_relationships_{kind}", path=path)
    related_id = {"metric": METRIC.id, "profile": PROFILE.id}[kind]
    assert json.loads(relationship_document(framed, kind, related_id)) == {
        "data": {"type": kind, "id": related_id},
        "links": {"self": f"{BASE}{path}"},
    }


def test_one_revision_responds_with_lists_of_one() -> None:
    for revision, expected in (("2024-06-15", dict), ("2024-07-15", list), ("2024-10-15", dict)):
        metric = json.loads(metric_document(frame("", "get_event_metric", revision), METRIC))
        person = json.loads(profile_document(frame("", "get_event_profile", revision), PROFILE, None))
        assert (type(metric["data"]), type(person["data"])) == (expected, expected)


def test_a_strange_host_stays_inside_its_links() -> None:
    query = frame().query
    strange = ReadFrame(base_url='http://a","x":"', path="/api/events/", revision=BY_DATE["2024-06-15"], query=query)
    document = json.loads(events_document(strange, Page(StoredEvents.of(EVENTS[:1])), RELATED))
    assert document.keys() == {"data", "links"}
    assert document["data"][0]["links"]["self"].startswith('http://a","x":"/api/events/')
