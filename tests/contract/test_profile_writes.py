"""The effect of creates on a profile, over HTTP: attributes, location, properties, patches, and their order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.contract.api import iso
from tests.contract.scrapes import Scraped
from tests.contract.shop import Fate, Shop, fate_of
from tests.create_rules import ABSENT, bulk, event, item, profile, single, without_absent

ADA: Final = {"email": "ada@shop.example"}
START: Final = 1_718_452_800
BODIES: Final = ["single", "bulk"]
PLACES: Final = ["beside", "inside"]


class Customer:
    """One profile that is written through either body, with the patches in either place."""

    def __init__(self, shop: Shop, body: str, place: str) -> None:
        self.shop, self.is_bulk, self.is_inside = shop, body == "bulk", place == "inside"
        self._events = 0

    def item(self, attributes: dict[str, Any], patch: Any = ABSENT) -> dict[str, Any]:
        """The profile as a member of a body."""
        meta = ABSENT if patch is ABSENT else {"patch_properties": patch}
        if self.is_inside:
            return profile(without_absent({**ADA, **attributes, "meta": meta}))
        return profile({**ADA, **attributes}, meta=meta)

    def write(self, attributes: dict[str, Any], patch: Any = ABSENT, **event_attributes: Any) -> dict[str, Any]:
        """Create an event with it; returns the attributes of the profile afterwards."""
        self._events += 1
        given = {"unique_id": str(self._events), **event_attributes}
        written = self.item(attributes, patch)
        body = bulk(item(event(**given), profile=written)) if self.is_bulk else single(**given, profile=written)
        assert self.shop.keep(body).partial is None
        return self.shop.profile()


@pytest.fixture
def shop(counted: Scraped) -> Iterator[Shop]:
    with Shop(counted.server) as made:
        yield made


@pytest.fixture(params=[(body, place) for body in BODIES for place in PLACES], ids="-".join)
def customer(shop: Shop, request: pytest.FixtureRequest) -> Customer:
    return Customer(shop, *request.param)


def without_times(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name not in ("created", "updated", "last_event_date")}


def test_given_attributes_overwrite_absent_ones_stay_and_null_clears(customer: Customer) -> None:
    names = ("first_name", "last_name", "organization", "locale", "title", "image")
    first = customer.write({name: f"{name} 1" for name in names})
    assert [first[name] for name in names] == [f"{name} 1" for name in names]
    assert without_times(customer.write({})) == without_times(first)
    second = customer.write({"first_name": "Ada", "title": None, "image": ""})
    assert [second[name] for name in names] == [
        "Ada",
        "last_name 1",
        "organization 1",
        "locale 1",
        None,
        "",
    ]
    assert second["email"] == ADA["email"]


def test_null_clears_no_identifier(customer: Customer) -> None:
    given = {"phone_number": "+15005550006", "external_id": "ada-1", "anonymous_id": "visitor-1"}
    before = customer.write(given)
    assert without_times(customer.write(dict.fromkeys(given))) == without_times(before)
    assert {name: before[name] for name in given} == given


def test_location_merges_member_by_member_and_null_clears(customer: Customer) -> None:
    empty = dict.fromkeys(customer.write({})["location"])
    first = customer.write({"location": {"city": "Oslo", "zip": "0150", "latitude": 59.91, "longitude": "10.75"}})
    assert first["location"] == {**empty, "city": "Oslo", "zip": "0150", "latitude": 59.91, "longitude": "10.75"}
    second = customer.write({"location": {"zip": None, "country": "Norway", "ip": "127.0.0.1"}})
    assert second["location"] == {**first["location"], "zip": None, "country": "Norway", "ip": "127.0.0.1"}
    assert customer.write({"location": {}})["location"] == second["location"]
    assert customer.write({"location": None})["location"] == empty


def test_properties_merge_key_by_key_and_keep_null(customer: Customer) -> None:
    customer.write({"properties": {"a": 1, "b": {"x": 1, "y": 2}, "c": [1]}})
    assert customer.write({"properties": {}})["properties"] == {"a": 1, "b": {"x": 1, "y": 2}, "c": [1]}
    assert customer.write({"properties": None})["properties"] == {"a": 1, "b": {"x": 1, "y": 2}, "c": [1]}
    found = customer.write({"properties": {"a": None, "b": {"x": 3}, "": "empty"}})["properties"]
    assert found == {"a": None, "b": {"x": 3}, "c": [1], "": "empty"}


def test_patches_append_unappend_and_unset_after_the_properties(customer: Customer) -> None:
    def after(patch: Any, **properties: Any) -> Any:
        return customer.write({"properties": properties}, patch)["properties"]

    assert after({"append": {"skus": "a"}}) == {"skus": ["a"]}
    assert after({"append": {"skus": ["b", "a", 1, True, 1.5]}}) == {"skus": ["a", "b", 1, True, 1.5]}
    assert after({"unappend": {"skus": [True, "a", "absent"], "other": 1}}) == {"skus": ["b", 1, 1.5]}
    assert after({"append": {"colour": "blue"}}, colour="red") == {"skus": ["b", 1, 1.5], "colour": ["red", "blue"]}
    # The order is append, unappend, unset, in any order of the members.
    assert after({"unset": "skus", "unappend": {"colour": "green"}, "append": {"colour": ["green", "grey"]}}) == {
        "colour": ["red", "blue", "grey"]
    }
    assert after({"unset": ["colour", "absent"]}, size=1) == {"size": 1}
    assert after(None) == {"size": 1}
    assert after({"append": None, "unappend": None, "unset": None}) == {"size": 1}
    assert after({"append": {"size": 2}, "unset": "size"}) == {}


def test_updated_changes_when_something_changed_and_only_then(shop: Shop) -> None:
    customer = Customer(shop, "single", "beside")
    first = customer.write({"first_name": "Ada", "location": {"city": "Oslo"}, "properties": {"a": [1]}})
    assert first["updated"] == first["created"]
    in_next_second(first["updated"])
    same: dict[str, Any] = {"first_name": "Ada", "title": None, "location": {"city": "Oslo", "zip": None}}
    again = customer.write({**same, "properties": {"a": [1]}}, {"append": {"a": 1}, "unset": "absent"})
    assert (again["created"], again["updated"]) == (first["created"], first["created"])
    changed = customer.write({"external_id": "ada-1"})
    assert changed["created"] == first["created"] < changed["updated"]


def in_next_second(told: str) -> None:
    """Wait until the clock shows another second than the given one."""
    while iso(int(time.time())) == told:
        time.sleep(0.01)


def test_last_event_date_is_the_newest_events_time_in_any_order(customer: Customer) -> None:
    for seconds, newest in ((5, 5), (9, 9), (2, 9)):
        found = customer.write({}, time=iso(START + seconds))
        assert found["last_event_date"] == iso(START + newest)
    # A duplicate is not stored, so its time has no effect.
    body = single(profile=profile(ADA), unique_id="1", time=iso(START + 99))
    assert customer.shop.keep(body) == Fate(0, 1)
    assert customer.shop.profile()["last_event_date"] == iso(START + 9)


# One request that names a profile several times


def test_items_of_one_request_are_applied_in_order(shop: Shop) -> None:
    beside, inside = Customer(shop, "bulk", "beside"), Customer(shop, "bulk", "inside")
    steps = [
        beside.item({"first_name": "Ada", "title": "Ms.", "properties": {"a": 1, "list": ["x"]}}),
        inside.item({"title": None, "properties": {"a": 2}}, {"append": {"list": ["y", "x"]}}),
        beside.item({"last_name": "Lovelace", "location": {"city": "London", "zip": "1"}}, {"unset": "a"}),
        profile({"external_id": "ada-1", **ADA, "properties": {"a": 3}}),
        profile({"external_id": "ada-1", "location": {"zip": None}, "first_name": "Augusta"}),
        inside.item({"properties": {"list": ["z"]}}, {"append": {"list": ["x"]}, "unappend": {"list": ["z"]}}),
        beside.item({"properties": {"b": None}}, {"append": {"list": 1, "a": 4}}),
    ]
    items = [item(event(unique_id=str(number)), profile=step) for number, step in enumerate(steps)]
    assert shop.keep(bulk(*items)) == Fate(len(steps), 0)
    found = shop.profile()
    assert (found["first_name"], found["last_name"], found["title"]) == ("Augusta", "Lovelace", None)
    assert found["properties"] == {"list": ["x", 1], "a": [3, 4], "b": None}
    assert list(found["properties"]) == ["list", "a", "b"]
    assert (found["location"]["city"], found["location"]["zip"]) == ("London", None)
    # The same steps one after the other have the same result.
    with Shop(shop.server) as other:
        for number, step in enumerate(steps):
            assert other.keep(single(profile=step, unique_id=str(number))) == Fate(1, 0)
        assert without_times(other.profile()) == without_times(found)


def test_many_items_of_one_profile_are_all_applied_in_order(shop: Shop) -> None:
    people = [
        profile(
            {**ADA, "title": str(number), "properties": {"last": number, f"key {number % 50}": number}},
            meta={"patch_properties": {"append": {"all": number}, "unappend": {"all": number - 10}}},
        )
        for number in range(1000)
    ]
    items = [item(event(unique_id=str(number)), profile=person) for number, person in enumerate(people)]
    assert shop.keep(bulk(*items)) == Fate(1000, 0)
    found = shop.profile()
    assert found["title"] == "999"
    assert found["properties"] == {
        "last": 999,
        "all": list(range(990, 1000)),
        **{f"key {number % 50}": number for number in range(950, 1000)},
    }


def test_identifiers_that_one_item_adds_are_found_by_the_next(shop: Shop) -> None:
    people: list[dict[str, Any]] = [
        {"email": "ada@shop.example"},
        {"email": "ada@shop.example", "phone_number": "+15005550006"},
        {"phone_number": "+1 500 555 0006", "anonymous_id": "visitor-1"},
        {"anonymous_id": "visitor-1", "_kx": "k"},
        {"_kx": "k", "external_id": "ada-1"},
        {"external_id": "ada-1", "title": "Dr."},
    ]
    shop.keep(bulk(*[item(event(unique_id=str(place)), profile=profile(each)) for place, each in enumerate(people)]))
    found = shop.profile()
    assert {name: found[name] for name in ("email", "phone_number", "anonymous_id", "external_id", "title")} == {
        "email": "ada@shop.example",
        "phone_number": "+15005550006",
        "anonymous_id": "visitor-1",
        "external_id": "ada-1",
        "title": "Dr.",
    }
    assert len(shop.events()) == len(people)


# Refusals that depend on the state of the profiles


STATE_REFUSALS: Final[dict[str, tuple[dict[str, Any], str, str]]] = {
    "an id that no profile has, alone": (
        profile({"title": "Dr."}, id="01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        "/id",
        "No profile has the id '01ARZ3NDEKTSV4RRFFQ69G5FAV'",
    ),
    "more properties than a profile may have": (
        profile({**ADA, "properties": {f"p{number}": 0 for number in range(400)}}),
        "/attributes/properties",
        "at most 400 properties; this would make 401",
    ),
    "more properties by a patch than a profile may have": (
        profile(ADA, meta={"patch_properties": {"append": {f"p{number}": 0 for number in range(400)}}}),
        "",
        "at most 400 properties; this would make 401",
    ),
    "more bytes of properties than a profile may have": (
        profile({**ADA, "properties": {f"p{number}": "x" * 99_999 for number in range(11)}}),
        "/attributes/properties",
        "at most 1000000 bytes",
    ),
    "an array that would grow too long": (
        profile(ADA, meta={"patch_properties": {"append": {"list": list(range(1, 4001))}}}),
        "",
        "at most 4000 elements; appending to 'list' would make 4001",
    ),
}


@pytest.mark.parametrize("name", STATE_REFUSALS)
@pytest.mark.parametrize("is_bulk", [False, True])
def test_refused_write_leaves_the_profile_unchanged(shop: Shop, name: str, is_bulk: bool) -> None:
    shop.keep(single(profile=profile({**ADA, "properties": {"list": [0]}})))
    before = shop.stored()
    written, pointer, says = STATE_REFUSALS[name]
    place = "/data/attributes/profile/data"
    body = single(profile=written, unique_id="refused")
    if is_bulk:
        # The items before it are valid, and would create one profile and change another.
        people = [
            {"email": "new@shop.example"},
            {**ADA, "external_id": "ada-1", "title": "Dr."},
        ]
        good = [item(event(unique_id="good"), profile=profile(person)) for person in people]
        body = bulk(*good, item(event(unique_id="refused"), profile=written))
        place = "/data/attributes/events-bulk-create/data/2/attributes/profile/data"
    response = shop.send(body)
    assert response.status_code == 400
    (fault,) = response.json()["errors"]
    assert (fault["code"], fault["source"]) == ("invalid", {"pointer": place + pointer})
    assert says in fault["detail"]
    assert shop.stored() == before
    assert fate_of(shop.send(single(profile=profile(ADA), unique_id="refused"))) == Fate(1, 0)
