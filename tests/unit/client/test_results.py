from __future__ import annotations

import datetime
from typing import Any

import httpx
import msgspec
import pytest

from eventkeep.client.customer_results import Channel, PredictiveAnalytics, Suppression
from eventkeep.client.json_api import cursor_in
from eventkeep.client.results import (
    Attribution,
    PartialEvent,
    PartialMetric,
    Profile,
    Reference,
    read_created,
    read_event,
    read_events,
    read_metric,
    read_profile,
    read_reference,
)


def response_of(document: Any, status: int = 200, **headers: str) -> httpx.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=names, content=msgspec.json.encode(document))


NOON = "2024-06-15T12:00:00+00:00"
SUPPRESSION = {"reason": "HARD_BOUNCE", "timestamp": NOON}
METRIC: dict[str, Any] = {"type": "metric", "id": "SkDfHe", "attributes": {"name": "Placed Order"}, "links": {}}
PROFILE: dict[str, Any] = {
    "type": "profile",
    "id": "01M1PA9MBA7VB258TP74BXMQTG",
    "attributes": {"email": "ada@shop.example", "created": "2024-06-15T12:00:00+00:00", "a_later_field": 1},
}
EVENT: dict[str, Any] = {
    "type": "event",
    "id": "7qWkC6JPz7g",
    "attributes": {
        "timestamp": 1718452800,
        "datetime": "2024-06-15T12:00:00+00:00",
        "event_properties": {"items": ["Teapot"], "$event_id": "order-1", "$value": 9.5},
        "uuid": "ca93e000-2b0e-11ef-8001-c21d956ecb52",
    },
    "relationships": {
        "profile": {"data": {"type": "profile", "id": PROFILE["id"]}, "links": {}},
        "metric": {"data": {"type": "metric", "id": "SkDfHe"}},
        "attributions": {"data": []},
    },
}


ATTRIBUTION: dict[str, Any] = {
    "type": "attribution",
    "id": "a",
    "relationships": {
        "event": {"data": {"type": "event", "id": EVENT["id"]}},
        "attributed-event": {"data": {"type": "event", "id": "e"}},
        "flow": {"data": {"type": "flow", "id": "F"}},
        "flow-message": {"data": {"type": "flow-message", "id": "M"}},
        "campaign": {"data": None},
        "a-later-one": {"data": {"type": "later", "id": "x"}},
    },
    "links": {"self": "https://a.klaviyo.com/api/attributions/a/"},
}


def test_an_event_has_the_attributions_that_were_included() -> None:
    credited = {"data": [{"type": "attribution", "id": "a"}]}
    event = {**EVENT, "relationships": {**EVENT["relationships"], "attributions": credited}}
    (found,) = read_event(response_of({"data": event, "included": [ATTRIBUTION]})).attributions
    assert found == Attribution(id="a", raw=found.raw, attributed_event_id="e", flow_id="F", flow_message_id="M")
    assert found.as_sent() == ATTRIBUTION
    assert repr(found) == "Attribution(id='a', attributed_event_id='e', flow_id='F', flow_message_id='M')"
    read = read_event(response_of({"data": event, "included": [ATTRIBUTION]}))
    assert read.to_dict()["attributions"] == [found.to_dict()]
    assert read_event(response_of({"data": event})).attributions == ()
    assert "attributions" not in read_event(response_of({"data": EVENT})).to_dict()


def test_event_is_joined_with_its_included_resources() -> None:
    event = read_event(response_of({"data": EVENT, "included": [METRIC, PROFILE, {"type": "attribution", "id": "a"}]}))
    assert (event.id, event.metric.name, event.profile.email) == ("7qWkC6JPz7g", "Placed Order", "ada@shop.example")
    assert event.datetime == event.profile.created == datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)
    assert (event.timestamp, event.value, event.unique_id) == (1718452800, 9.5, "order-1")
    assert (event.as_sent(), event.profile.as_sent()) == (EVENT, PROFILE)


def test_resources_that_are_not_included_have_their_id_only() -> None:
    event = read_event(response_of({"data": EVENT}))
    assert (event.metric, event.profile) == (PartialMetric(id="SkDfHe"), Profile(id=PROFILE["id"]))
    assert event.metric.as_sent() == {"type": "metric", "id": "SkDfHe"}


def test_event_without_attributes_and_relationships_is_one_too() -> None:
    event: PartialEvent = read_event(response_of({"data": {"type": "event", "id": "7qWkC6JPz7g", "attributes": {}}}))
    assert (event.event_properties, event.value, event.unique_id, event.metric) == (None, None, None, None)
    assert repr(event) == "PartialEvent(id='7qWkC6JPz7g')"


@pytest.mark.parametrize("data", [None, [], {"type": "segment", "id": "x"}])
def test_relationship_to_nothing_is_none_or_an_id(data: Any) -> None:
    event = {**EVENT, "relationships": {"metric": {"data": data}}}
    if data == []:
        with pytest.raises(msgspec.DecodeError):
            read_event(response_of({"data": event}))
    else:
        metric: PartialMetric | None = read_event(response_of({"data": event})).metric
        assert metric == (None if data is None else PartialMetric(id="x"))


def test_page_has_events_and_cursors() -> None:
    links = {"self": "…", "next": "http://a/api/events/?sort=datetime&page%5Bcursor%5D=WzE3_-x", "prev": None}
    page = read_events(response_of({"data": [EVENT, EVENT], "included": [METRIC], "links": links}))
    assert (len(page), page.next_cursor, page.prev_cursor) == (2, "WzE3_-x", None)
    assert [event.metric.name for event in page] == ["Placed Order"] * 2
    assert page.as_sent()["links"] == links


@pytest.mark.parametrize("wrapped", [METRIC, [METRIC]])
def test_related_resource_may_stand_in_a_list_of_one(wrapped: Any) -> None:
    assert read_metric(response_of({"data": wrapped})).name == "Placed Order"


def test_list_of_several_is_not_taken_for_one() -> None:
    with pytest.raises(msgspec.DecodeError, match="expected one resource, got 2"):
        read_profile(response_of({"data": [PROFILE, PROFILE]}))


def test_reference_has_type_and_id() -> None:
    assert read_reference(response_of({"data": {"type": "metric", "id": "SkDfHe"}})) == Reference(
        type="metric", id="SkDfHe"
    )


def test_created_shows_the_values_of_the_headers() -> None:
    told = {"Eventkeep_Events_Stored": "2", "Eventkeep_Events_Repeated": "1"}
    created = read_created(response_of(None, 202, **told, X_Klaviyo_Partial_Failure="email, phone_number"))
    assert (created.stored, created.repeated, created.partial_failure) == (2, 1, ("email", "phone_number"))
    silent = read_created(response_of(None, 202))
    assert (silent.stored, silent.repeated, silent.partial_failure) == (None, None, ())


@pytest.mark.parametrize(
    ("text", "cursor"),
    [
        (None, None),
        ("WzE3", "WzE3"),
        ("https://a.klaviyo.com/api/events?page%5Bcursor%5D=WzE3&x=1", "WzE3"),
        ("https://a.klaviyo.com/api/events", None),
    ],
)
def test_cursor_is_found_in_a_link(text: str | None, cursor: str | None) -> None:
    assert cursor_in(text) == cursor


@pytest.mark.parametrize(
    "marketing",
    [
        # 2023-07-15, 2024-06-15 and 2026-10-15.
        {"consent": "SUBSCRIBED", "timestamp": NOON, "suppressions": [SUPPRESSION], "method": "API"},
        {
            **{"can_receive_email_marketing": False, "consent": "SUBSCRIBED", "consent_timestamp": NOON},
            **{"suppression": [SUPPRESSION], "list_suppressions": None, "method": "API", "method_detail": ""},
        },
        {
            **{"can_receive_email_marketing": False, "consent": "SUBSCRIBED", "consent_timestamp": NOON},
            **{"suppression": [SUPPRESSION], "method": "API", "a_later_member": {}},
        },
    ],
)
def test_consent_has_one_shape_in_all_revisions(marketing: dict[str, Any]) -> None:
    attributes = {"subscriptions": {"email": {"marketing": marketing}, "sms": {"marketing": None}, "whatsapp": None}}
    profile = read_profile(response_of({"data": {**PROFILE, "attributes": attributes}}))
    noon = datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)
    assert profile.subscriptions is not None and profile.subscriptions.email is not None
    assert profile.subscriptions.sms == Channel() and profile.subscriptions.whatsapp is None
    consent = profile.subscriptions.email.marketing
    assert consent is not None
    assert (consent.consent, consent.consent_timestamp, consent.method) == ("SUBSCRIBED", noon, "API")
    assert consent.suppression == (Suppression(reason="HARD_BOUNCE", timestamp=noon),)
    assert consent.can_receive is (False if "can_receive_email_marketing" in marketing else None)
    shown = profile.to_dict()["subscriptions"]["email"]["marketing"]
    assert shown["suppression"] == [{"reason": "HARD_BOUNCE", "timestamp": noon}]


def test_the_value_of_a_customer_is_typed() -> None:
    analytics = {"historic_clv": 46, "expected_date_of_next_order": NOON, "ranked_channel_affinity": ["email"]}
    attributes = {"predictive_analytics": {**analytics, "churn_probability": None}}
    profile = read_profile(response_of({"data": {**PROFILE, "attributes": attributes}}))
    assert profile.predictive_analytics == PredictiveAnalytics(
        historic_clv=46.0,
        expected_date_of_next_order=datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC),
        ranked_channel_affinity=("email",),
    )
