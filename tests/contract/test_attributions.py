"""Attributions over HTTP: the touch that an event is credited to, in the shape of each revision."""

from __future__ import annotations

import datetime
import itertools
import random
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventkeep.testing import ServerProcess
from tests.attribution_sessions import SessionEvent, credits_by_sessions
from tests.contract.api import iso
from tests.contract.shop import Shop

START: Final = int(datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.UTC).timestamp())
HOUR: Final = 3_600
DAY: Final = 24 * HOUR
WINDOWS: Final = {"Opened Email": 120, "Clicked SMS": 120, "Received SMS": 12, "Opened Push": 24}
"""The default windows in hours."""
EXAMPLE_SECONDS: Final = 60 * DAY
"""Each example has a time of its own, so that it reads its own events only."""

examples: Final = itertools.count()


@pytest.fixture(scope="module")
def module_shop(server: ServerProcess) -> Iterator[Shop]:
    with Shop(server, "attributions") as opened:
        yield opened


@pytest.fixture
def shop(server: ServerProcess) -> Iterator[Shop]:
    with Shop(server, "attributions") as opened:
        yield opened


def attributions(page: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The ids that each attribution leads to, by the id of the event."""
    found = {}
    for each in page.get("included", []):
        if each["type"] == "attribution":
            targets = {name: related["data"]["id"] for name, related in each["relationships"].items()}
            found[targets.pop("event")] = targets
    return found


def send(shop: Shop, metric: str, time: int, email: str = "ada@shop.example", **properties: Any) -> None:
    """One event; its unique id is its time, as it is by default."""
    shop.create(metric, {"email": email}, time=iso(time), properties=properties)


# The shape.


def test_an_order_is_credited_to_the_message_that_was_opened_last(shop: Shop) -> None:
    send(shop, "Opened Email", START, **{"$message": "OLDER1"})
    send(shop, "Opened Email", START + HOUR, **{"$message": "UupFUS"})
    send(shop, "Placed Order", START + 2 * HOUR)
    page = shop.page(include="attributions,metric")
    order, touch, older = page["data"]
    link = f"{shop.server.url}/api/events/{order['id']}/"
    (id,) = (each["id"] for each in page["included"] if each["type"] == "attribution")
    assert re.fullmatch("[0-9a-f]{32}", id)
    assert order["relationships"]["attributions"] == {
        "data": [{"type": "attribution", "id": id}],
        "links": {"self": f"{link}relationships/attributions/", "related": f"{link}attributions/"},
    }
    assert [each for each in page["included"] if each["type"] == "attribution"] == [
        {
            "type": "attribution",
            "id": id,
            "relationships": {
                "event": {"data": {"type": "event", "id": order["id"]}},
                "attributed-event": {"data": {"type": "event", "id": touch["id"]}},
                "campaign": {"data": {"type": "campaign", "id": "UupFUS"}},
                "campaign-message": {"data": {"type": "campaign-message", "id": "UupFUS"}},
            },
            "links": {"self": f"{shop.server.url}/api/attributions/{id}/"},
        }
    ]
    assert "attributions" not in touch["relationships"] and "attributions" not in older["relationships"]
    one = shop.call("get_event", order["id"], query={"include": "attributions"}).json()
    assert one["data"] == order
    assert one["included"] == [each for each in page["included"] if each["type"] == "attribution"]


def test_a_message_of_a_flow_leads_to_the_flow(shop: Shop) -> None:
    send(shop, "Clicked SMS", START, **{"$message": "M", "$flow": "F", "$variation": "V"})
    send(shop, "Placed Order", START)
    page = shop.page(include="attributions")
    (found,) = attributions(page).values()
    attributed = found.pop("attributed-event")
    assert found == {"flow": "F", "flow-message": "M", "flow-message-variation": "V"}
    assert attributed in {each["id"] for each in page["data"]}


def test_attributions_are_shown_only_if_they_are_asked_for(shop: Shop) -> None:
    send(shop, "Opened Email", START, **{"$message": "M"})
    send(shop, "Placed Order", START + 1)
    assert all("attributions" not in event["relationships"] for event in shop.events())
    assert all("$attribution" not in event["attributes"]["event_properties"] for event in shop.events())


def test_the_id_stays_if_a_touch_that_comes_late_takes_the_credit(shop: Shop) -> None:
    send(shop, "Placed Order", START + 2 * HOUR)
    assert attributions(shop.page(include="attributions")) == {}
    ids = []
    for message, time in (("A", START), ("B", START + HOUR)):
        send(shop, "Opened Email", time, **{"$message": message})
        page = shop.page(include="attributions")
        (found,) = attributions(page).values()
        assert found["campaign-message"] == message
        ids += [each["id"] for each in page["included"]]
    assert ids[0] == ids[1]


def test_touches_of_a_merged_profile_count(shop: Shop) -> None:
    send(shop, "Opened Email", START, "ada@shop.example", **{"$message": "M"})
    send(shop, "Placed Order", START + HOUR, "lovelace@shop.example")
    assert attributions(shop.page(include="attributions")) == {}
    by_email = {each["email"]: id for id, each in shop.resources("profile").items()}
    source = {"type": "profile", "id": by_email["ada@shop.example"]}
    body = {
        "data": {
            "type": "profile-merge",
            "id": by_email["lovelace@shop.example"],
            "relationships": {"profiles": {"data": [source]}},
        }
    }
    response = shop.http.post("/api/profile-merge/", json=body)
    assert response.status_code == 201, response.text
    (found,) = attributions(shop.page(include="attributions")).values()
    assert found["campaign-message"] == "M"


# Before 2024-02-15.


@pytest.mark.parametrize("revision", ["2023-07-15", "2023-12-15"])
def test_older_revisions_have_a_property(shop: Shop, revision: str) -> None:
    cohort = {"$_cohort$message_send_cohort": f"{START - HOUR}:M"}
    send(shop, "Opened Email", START, **{"$message": "M", "$flow": "F", **cohort})
    send(shop, "Placed Order", START + 1, price=9)
    shop.http.headers["revision"] = revision
    order, touch = shop.events()
    assert order["attributes"]["event_properties"]["$attribution"] == {
        "$attributed_event_id": touch["id"],
        "$send_ts": START - HOUR,
        "$message": "M",
        "$flow": "F",
    }
    assert order["attributes"]["event_properties"]["price"] == 9
    assert "$attribution" not in touch["attributes"]["event_properties"]
    one = shop.call("get_event", order["id"]).json()["data"]
    assert one == order
    assert shop.call("get_events", query={"include": "attributions"}).status_code == 400


# A plain model.


class Step(msgspec.Struct, frozen=True):
    """An event of one of two profiles, so many hours after the start."""

    person: int
    metric: str
    hour: int
    is_machine: bool


steps: Final = st.builds(
    Step,
    person=st.integers(0, 1),
    metric=st.sampled_from(["Placed Order", "Placed Order", *WINDOWS]),
    hour=st.integers(0, 30) | st.integers(0, 200),
    is_machine=st.booleans() | st.just(False),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=1, max_size=16), st.integers(1, 4))
def test_credits_are_those_of_a_plain_model(module_shop: Shop, made: list[Step], creates: int) -> None:
    example = next(examples)
    start = START - example * EXAMPLE_SECONDS
    size = -(-len(made) // creates)
    for first in range(0, len(made), size):
        module_shop.create_many(
            [
                (
                    step.metric,
                    {"email": f"{example}-{step.person}@shop.example"},
                    {
                        "time": iso(start + step.hour * HOUR),
                        "unique_id": str(place),
                        "properties": {}
                        if step.metric == "Placed Order"
                        else {"$message": f"M{place}", "machine_open": step.is_machine},
                    },
                )
                for place, step in enumerate(made[first : first + size], first)
            ]
        )
    within = f"greater-or-equal(timestamp,{start}),less-than(timestamp,{start + EXAMPLE_SECONDS})"
    page = module_shop.page(include="attributions", filter=within)
    ids = {int(each["attributes"]["event_properties"]["$event_id"]): each["id"] for each in page["data"]}
    assert len(ids) == len(made)
    expected = {}
    for place, step in enumerate(made):
        touches = [
            (touch.hour, ids[other], other)
            for other, touch in enumerate(made)
            if touch.person == step.person
            and not touch.is_machine
            and touch.metric in WINDOWS
            and 0 <= step.hour - touch.hour <= WINDOWS[touch.metric]
        ]
        if step.metric == "Placed Order" and touches:
            # Ids sort as time and id do.
            _, id, other = max(touches)
            expected[ids[place]] = {"attributed-event": id, "campaign": f"M{other}", "campaign-message": f"M{other}"}
    assert attributions(page) == expected


# An independent rule.

SEED: Final = 24
PEOPLE: Final = 40
EVENTS_OF_THE_SEED: Final = 1_600
EMAIL_WINDOWS: Final = {"Opened Email": 120, "Clicked Email": 120, "Clicked SMS": 120}
"""Touches whose windows are equal, so that both rules credit the same."""
ALL_WINDOWS: Final = {**EMAIL_WINDOWS, "Received SMS": 12, "Opened Push": 24}
OTHERS: Final = ("Placed Order", "Placed Order", "Viewed Product", "Received Email")


def chance_events(chance: random.Random, windows: dict[str, int]) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Events of some weeks in an order by chance, with machine opens and message events that name no message."""
    made = []
    for number in range(EVENTS_OF_THE_SEED):
        metric = chance.choice((*windows, *OTHERS))
        properties: dict[str, Any] = {"n": number}
        if metric in windows:
            properties["machine_open"] = metric == "Opened Email" and chance.random() < 0.2
        if metric in windows and chance.random() < 0.9:
            properties["$message"] = f"M{chance.randrange(9)}"
        event = {"time": iso(START + chance.randrange(40 * DAY)), "unique_id": str(number), "properties": properties}
        made.append((metric, {"email": f"{chance.randrange(PEOPLE)}@shop.example"}, event))
    return made


def pages(shop: Shop, **query: str) -> Iterator[dict[str, Any]]:
    page = shop.page(**{"page[size]": "1000"}, **query)
    yield page
    while page["links"]["next"] is not None:
        page = shop.http.get(page["links"]["next"]).json()
        yield page


def session_event(event: dict[str, Any], metrics: dict[str, str], windows: dict[str, int]) -> SessionEvent:
    """An event as the independent rule takes it. Ids sort as time and id do."""
    properties, related = event["attributes"]["event_properties"], event["relationships"]
    metric = metrics[related["metric"]["data"]["id"]]
    is_touch = metric in windows and "$message" in properties and not properties.get("machine_open")
    return SessionEvent(
        person=related["profile"]["data"]["id"],
        time=event["attributes"]["timestamp"],
        id=event["id"],
        window=windows[metric] * HOUR if is_touch else None,
    )


@pytest.mark.parametrize("windows", [EMAIL_WINDOWS, ALL_WINDOWS], ids=["one window", "several windows"])
def test_credits_are_those_of_an_independent_rule(shop: Shop, windows: dict[str, int]) -> None:
    made = chance_events(random.Random(SEED), windows)
    for first in range(0, len(made), 400):
        shop.create_many(made[first : first + 400])
    read = list(pages(shop, include="attributions,metric"))
    events = [event for page in read for event in page["data"]]
    metrics = {
        each["id"]: each["attributes"]["name"] for page in read for each in page["included"] if "attributes" in each
    }
    credited = {id: found["attributed-event"] for page in read for id, found in attributions(page).items()}
    creditable = {
        event["id"]
        for event in events
        if metrics[event["relationships"]["metric"]["data"]["id"]] in ("Placed Order", "Viewed Product")
    }
    sessions = credits_by_sessions(session_event(event, metrics, windows) for event in events)
    assert len(events) == EVENTS_OF_THE_SEED
    assert credited.keys() <= creditable
    by_session = {id: touch for id, touch in sessions.items() if touch is not None and id in creditable}
    assert len(by_session) > len(creditable) // 3
    # With several windows a closed session hides an earlier touch whose window is open: it credits nobody then.
    assert by_session == {id: credited[id] for id in by_session}
    assert windows != EMAIL_WINDOWS or by_session == credited


# Aggregates.


def test_aggregates_group_by_the_touch(shop: Shop) -> None:
    send(shop, "Opened Email", START, "a@shop.example", **{"$message": "M1", "$flow": "F"})
    send(shop, "Clicked SMS", START, "b@shop.example", **{"$message": "M2", "$variation": "V"})
    for who, hour in (("a", 1), ("a", 2), ("b", 3), ("c", 4)):
        send(shop, "Placed Order", START + hour * HOUR, f"{who}@shop.example")
    (metric,) = (id for id, each in shop.resources("metric").items() if each["name"] == "Placed Order")

    def grouped(*by: str, **more: Any) -> dict[tuple[str, ...], list[float]]:
        attributes = {
            "metric_id": metric,
            "measurements": ["count"],
            "interval": "month",
            "by": list(by),
            "filter": ["greater-or-equal(datetime,2024-03-01T00:00:00)", "less-than(datetime,2024-04-01T00:00:00)"],
            **more,
        }
        body = {"data": {"type": "metric-aggregate", "attributes": attributes}}
        response = shop.http.post("/api/metric-aggregates/", json=body)
        assert response.status_code == 200, response.text
        rows = response.json()["data"]["attributes"]["data"]
        return {tuple(row["dimensions"]): row["measurements"]["count"] for row in rows}

    assert grouped("$attributed_message") == {("M1",): [2], ("M2",): [1], ("",): [1]}
    assert grouped("$attributed_channel", "$attributed_flow", "$attributed_variation") == {
        ("email", "F", ""): [2],
        ("sms", "", "V"): [1],
        ("", "", ""): [1],
    }
    within = ["greater-or-equal(datetime,2024-03-01T00:00:00)", "less-than(datetime,2024-04-01T00:00:00)"]
    assert grouped(filter=[*within, 'equals($attributed_flow,"F")']) == {(): [2]}
