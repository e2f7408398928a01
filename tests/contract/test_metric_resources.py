"""Metrics that creates make: per account, name and integration; their ids, and when they count as updated."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pytest

from eventkeep.limits import METRICS_PER_ACCOUNT_MAX
from tests.contract.api import iso
from tests.contract.scrapes import Scraped
from tests.contract.shop import Fate, Shop
from tests.create_rules import bulk, event, item, metric, profile, single

METRIC_ID: Final = re.compile("[A-Za-z0-9]{6}")


@pytest.fixture
def shop(counted: Scraped) -> Iterator[Shop]:
    with Shop(counted.server) as made:
        yield made


def only(shop: Shop) -> tuple[str, dict[str, Any]]:
    """The id and the attributes of the only metric, as get_event_metric returns them."""
    ((id, attributes),) = shop.resources("metric").items()
    response = shop.call("get_event_metric", shop.events()[0]["id"]).json()["data"]
    assert (response["type"], response["id"], response["attributes"]) == ("metric", id, attributes)
    return id, attributes


def in_next_second(told: str) -> None:
    """Wait until the clock shows another second than the given one."""
    while iso(int(time.time())) == told:
        time.sleep(0.01)


def test_metric_is_made_on_first_use_and_found_again(shop: Shop) -> None:
    before = int(time.time())
    shop.keep(single(metric=metric("Placed Order"), unique_id="1"))
    id, made = only(shop)
    assert METRIC_ID.fullmatch(id)
    assert iso(before) <= made["created"] <= iso(int(time.time()))
    assert made == {
        "name": "Placed Order",
        "created": made["created"],
        "updated": made["created"],
        "integration": made["integration"],
    }
    assert METRIC_ID.fullmatch(made["integration"].pop("id"))
    assert made["integration"] == {"object": "integration", "key": "api", "name": "API", "category": "API"}
    shop.keep(bulk(item(event(metric=metric("Placed Order", service=None), unique_id="2"))))
    shop.keep(single(metric=metric("Placed Order", service="api"), unique_id="3"))
    assert only(shop)[0] == id


def test_same_name_with_another_service_is_another_metric(shop: Shop) -> None:
    services = ["api", "shop", "Shop", "shop ", "é" * 127]
    for number, service in enumerate(services):
        shop.keep(single(metric=metric("Placed Order", service=service), unique_id=str(number)))
    metrics = shop.resources("metric")
    assert len(metrics) == len(services)
    assert {each["name"] for each in metrics.values()} == {"Placed Order"}
    assert sorted(each["integration"]["key"] for each in metrics.values()) == sorted(services)
    assert len({each["integration"]["id"] for each in metrics.values()}) == len(services)
    for id, attributes in metrics.items():
        (found,) = shop.events(filter=f'equals(metric_id,"{id}")')
        number = services.index(attributes["integration"]["key"])
        assert found["attributes"]["event_properties"]["$event_id"] == str(number)


def test_metrics_of_one_service_share_its_integration(shop: Shop, counted: Scraped) -> None:
    with Shop(counted.server) as other:
        for each in (shop, other):
            each.keep(bulk(item(*[event(metric=metric(name, service="shop"), unique_id=name) for name in "ab"])))
        found = [*shop.resources("metric").items(), *other.resources("metric").items()]
    assert len({id for id, _ in found}) == 4
    assert len({attributes["integration"]["id"] for _, attributes in found}) == 1


def test_names_differ_to_the_last_character(shop: Shop) -> None:
    names = [
        "Placed Order",
        "placed order",
        "Placed Order ",
        " Placed Order",
        "Placed  Order",
        "é",
        "e\u0301",
        "🙂",
        '"\\/',
    ]
    body = bulk(item(*[event(metric=metric(name), unique_id="1") for name in names]))
    assert shop.keep(body) == Fate(len(names), 0)
    assert sorted(each["name"] for each in shop.resources("metric").values()) == sorted(names)
    assert shop.keep(body) == Fate(0, len(names))


def test_updated_changes_with_the_first_value_and_not_again(shop: Shop) -> None:
    shop.keep(single(unique_id="1"))
    id, first = only(shop)
    assert "$value" not in shop.events()[0]["attributes"]["event_properties"]
    in_next_second(first["updated"])
    shop.keep(single(unique_id="2"))
    shop.keep(single(unique_id="1", value=7))
    assert only(shop) == (id, first)
    shop.keep(single(unique_id="3", value=0))
    _, valued = only(shop)
    assert valued == {**first, "updated": valued["updated"]}
    assert valued["updated"] > first["updated"]
    values = {
        each["attributes"]["event_properties"]["$event_id"]: each["attributes"]["event_properties"]["$value"]
        for each in shop.events()
    }
    assert values == {"1": 0, "2": 0, "3": 0}
    in_next_second(valued["updated"])
    shop.keep(single(unique_id="4", value=9))
    assert only(shop) == (id, valued)


def test_value_of_one_metric_is_none_of_another(shop: Shop) -> None:
    shop.keep(
        bulk(
            item(
                event(unique_id="1", metric=metric("Order")),
                event(unique_id="2", metric=metric("Order"), value=2),
                event(unique_id="3", metric=metric("View")),
                event(unique_id="4", metric=metric("Order", service="shop")),
            )
        )
    )
    values = {
        each["attributes"]["event_properties"]["$event_id"]: each["attributes"]["event_properties"].get("$value")
        for each in shop.events()
    }
    assert values == {"1": 0, "2": 2, "3": None, "4": None}


def fill_with_metrics(shop: Shop, count: int) -> None:
    """Give the account this many metrics directly: the server would take seconds to make them."""
    with closing(sqlite3.connect(shop.server.data / "directory.sqlite3", timeout=20)) as directory:
        (account,) = directory.execute("SELECT number FROM account WHERE name = ?", [shop.account]).fetchone()
        directory.executemany(
            "INSERT INTO metric (key, id, account, name, service, integration_id, has_value, created, updated)"
            " VALUES (?, ?, ?, ?, 'api', 'abcdef', 0, 0, 0)",
            [
                (account << 32 | 100_000 + number, f"{number:06}", account, f"Metric {number}")
                for number in range(count)
            ],
        )
        directory.commit()


def test_request_that_would_make_one_metric_too_many_is_refused_whole(shop: Shop) -> None:
    fill_with_metrics(shop, METRICS_PER_ACCOUNT_MAX - 2)
    assert shop.keep(single(metric=metric("Last but one"))) == Fate(1, 0)
    before = shop.stored()
    last, one_more = event(metric=metric("Last")), event(metric=metric("One more"))
    response = shop.send(bulk(item(last, one_more), item(event(), profile=profile({"email": "new@shop.example"}))))
    assert response.status_code == 400
    (fault,) = response.json()["errors"]
    assert (fault["code"], fault["source"]) == ("invalid", {"pointer": "/data/attributes"})
    assert f"at most {METRICS_PER_ACCOUNT_MAX} metrics" in fault["detail"]
    assert shop.stored() == before
    assert shop.keep(bulk(item(last))) == Fate(1, 0)
    assert shop.send(single(metric=metric("One more"))).status_code == 400
    known = [event(metric=metric(name), unique_id="other") for name in ("Last", "Metric 17", "Last but one")]
    assert shop.keep(bulk(item(*known))) == Fate(3, 0)
