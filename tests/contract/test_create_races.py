"""Many connections that create events for one customer at the same moment: one profile gets all events."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from tests.contract.api import single_body
from tests.contract.scrapes import Scraped
from tests.contract.shop import Fate, Shop, fate_of
from tests.create_rules import bulk, event, item, metric, profile

CONNECTIONS: Final = 8
ROUNDS: Final = 12


@pytest.fixture
def shop(counted: Scraped) -> Iterator[Shop]:
    with Shop(counted.server) as made:
        yield made


def at_once(shop: Shop, rounds: Sequence[Sequence[Mapping[str, Any]]]) -> list[list[Fate]]:
    """Send the bodies of each round at the same moment, each over a connection of its own."""
    fates: list[list[Fate]] = [[] for _ in rounds]
    connections = len(rounds[0])
    ready = threading.Barrier(connections)

    def send(place: int) -> None:
        for bodies, gathered in zip(rounds, fates, strict=True):
            ready.wait(30)
            gathered.append(fate_of(shop.send(bodies[place])))

    threads = [threading.Thread(target=send, args=(place,)) for place in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(gathered) for gathered in fates] == [connections] * len(rounds)
    return fates


def by_profile(shop: Shop) -> dict[str, Counter[str]]:
    """The unique ids of the events of each profile, by its id."""
    found: dict[str, Counter[str]] = {}
    for each in shop.events(**{"page[size]": "1000"}):
        owner = each["relationships"]["profile"]["data"]["id"]
        found.setdefault(owner, Counter())[each["attributes"]["event_properties"]["$event_id"]] += 1
    return found


def create(is_bulk: bool, person: dict[str, Any], unique_id: str, name: str = "Order") -> dict[str, Any]:
    if is_bulk:
        return bulk(item(event(unique_id=unique_id, metric=metric(name)), profile=profile(person)))
    return single_body(name, person, unique_id=unique_id)


@pytest.mark.parametrize("identifier", ["email", "phone_number", "external_id", "anonymous_id", "_kx"])
def test_one_new_identifier_makes_one_profile(shop: Shop, identifier: str) -> None:
    values = {"email": "{}@shop.example", "phone_number": "+1500555{:04}"}
    rounds = [
        [
            create(place % 2 == 1, {identifier: values.get(identifier, "{}").format(number)}, f"{number}-{place}")
            for place in range(CONNECTIONS)
        ]
        for number in range(ROUNDS)
    ]
    fates = at_once(shop, rounds)
    assert {fate for gathered in fates for fate in gathered} == {Fate(1, 0)}
    found = by_profile(shop)
    assert len(found) == ROUNDS
    assert sorted(map(sorted, found.values())) == sorted(
        sorted(f"{number}-{place}" for place in range(CONNECTIONS)) for number in range(ROUNDS)
    )


def test_one_new_email_written_in_many_ways_makes_one_profile(shop: Shop) -> None:
    ways = ["ada{}@shop.example", "Ada{}@Shop.Example", " ada{}@shop.example ", "ADA{}@SHOP.EXAMPLE"] * 2
    rounds = [
        [create(False, {"email": way.format(number)}, str(place)) for place, way in enumerate(ways)]
        for number in range(ROUNDS)
    ]
    at_once(shop, rounds)
    assert sorted(each["email"] for each in shop.resources("profile").values()) == sorted(
        f"ada{number}@shop.example" for number in range(ROUNDS)
    )


def test_new_phone_and_email_mixed_end_with_one_owner_each(shop: Shop) -> None:
    """The order of arrival decides whether they are one profile or two; no event is lost or stored twice."""
    rounds = []
    for number in range(ROUNDS):
        email, phone = {"email": f"{number}@shop.example"}, {"phone_number": f"+1500555{number:04}"}
        people = [email, phone, {**email, **phone}, {**phone, **email}] * 2
        rounds.append([create(place % 3 == 0, each, f"{number}-{place}") for place, each in enumerate(people)])
    fates = at_once(shop, rounds)
    found = by_profile(shop)
    assert sum(found.values(), Counter()) == Counter(
        f"{number}-{place}" for number in range(ROUNDS) for place in range(CONNECTIONS)
    )
    profiles = shop.resources("profile")
    # Each email and each phone number has one owner.
    for name in ("email", "phone_number"):
        owned = Counter(each[name] for each in profiles.values() if each[name] is not None)
        assert set(owned.values()) == {1}
        assert len(owned) == ROUNDS
    for number, gathered in enumerate(fates):
        owners = {
            owner: attributes
            for owner, attributes in profiles.items()
            if attributes["email"] == f"{number}@shop.example" or attributes["phone_number"] == f"+1500555{number:04}"
        }
        left = {fate.partial for fate in gathered}
        if len(owners) == 1:
            assert left == {None}
        else:
            # If two were made, the email decided whenever both were given.
            assert left == {None, "phone_number"}
            by_phone = next(owner for owner, each in owners.items() if each["email"] is None)
            assert set(found[by_phone]) == {f"{number}-1", f"{number}-5"}


def test_attributes_and_patches_of_a_race_are_all_applied(shop: Shop) -> None:
    def body(place: int) -> dict[str, Any]:
        person = profile(
            {"email": "ada@shop.example", "properties": {f"key {place}": place}},
            meta={"patch_properties": {"append": {"seen": [place, "all"]}}},
        )
        return bulk(item(event(unique_id=str(place)), profile=person))

    at_once(shop, [[body(place) for place in range(CONNECTIONS)]])
    properties = shop.profile()["properties"]
    assert sorted(properties.pop("seen"), key=str) == [*range(CONNECTIONS), "all"]
    assert properties == {f"key {place}": place for place in range(CONNECTIONS)}


@pytest.mark.parametrize("service", [None, "shop"])
def test_one_new_metric_is_made_once(shop: Shop, service: str | None) -> None:
    rounds = []
    for number in range(ROUNDS):
        named = metric(f"Metric {number}", service=service)
        people = [profile({"email": f"{place}@shop.example"}) for place in range(CONNECTIONS)]
        rounds.append([bulk(item(event(unique_id=str(number), metric=named), profile=each)) for each in people])
    fates = at_once(shop, rounds)
    assert {fate for gathered in fates for fate in gathered} == {Fate(1, 0)}
    metrics = shop.resources("metric")
    assert sorted(each["name"] for each in metrics.values()) == sorted(f"Metric {number}" for number in range(ROUNDS))
    used = Counter(each["relationships"]["metric"]["data"]["id"] for each in shop.events(**{"page[size]": "1000"}))
    assert used == dict.fromkeys(metrics, CONNECTIONS)
