"""Every rule of the two create operations, over HTTP: the response, and the stored data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from tests.contract.scrapes import Scraped
from tests.contract.shop import Shop, fate_of
from tests.create_rules import RULES, Rule, profile, single

ACCEPTED: Final = [rule for rule in RULES if rule.pointer is None]
REFUSED: Final = [rule for rule in RULES if rule.pointer is not None]


def named(rule: Rule) -> str:
    return f"{rule.operation}: {rule.name}"


def events_in(body: bytes) -> int:
    """The number of events in a valid create body."""
    data = json.loads(body)["data"]
    if data["type"] == "event":
        return 1
    return sum(len(each["attributes"]["events"]["data"]) for each in data["attributes"]["events-bulk-create"]["data"])


class Seeded(msgspec.Struct):
    """A shop that already has the customers and metrics of the rules, and all its stored data."""

    shop: Shop
    stored: tuple[Any, ...]


@pytest.fixture(scope="module")
def seeded(counted: Scraped) -> Iterator[Seeded]:
    with Shop(counted.server, "refusing") as shop:
        for email in ("sarah@example.org", "a@example.org"):
            assert shop.keep(single(profile=profile({"email": email}), unique_id="seed")).stored == 1
        yield Seeded(shop, shop.stored())


@pytest.mark.parametrize("rule", REFUSED, ids=named)
def test_refused_body_gets_its_fault_and_stores_nothing(seeded: Seeded, rule: Rule) -> None:
    response = seeded.shop.send(rule.body, rule.operation, revision=rule.revision)
    assert response.status_code == rule.status
    (fault,) = response.json()["errors"]
    assert (fault["status"], fault["code"]) == (rule.status, rule.code)
    assert fault["source"] == {"pointer": rule.pointer}
    assert rule.says in fault["detail"]
    assert seeded.shop.stored() == seeded.stored


@pytest.mark.parametrize("rule", ACCEPTED, ids=named)
def test_accepted_body_is_stored_whole(counted: Scraped, rule: Rule) -> None:
    with Shop(counted.server, "accepting", rule.revision) as shop:
        response = shop.send(rule.body, rule.operation)
        assert response.status_code == rule.status
        fate = fate_of(response)
        assert fate.stored + fate.repeated == events_in(rule.body)
        events, included, profiles, _, metrics = shop.stored()
    assert len(events) == fate.stored > 0
    assert len(profiles) == len(metrics) == 1
    assert {each["type"] for each in included} == {"metric", "profile"}
