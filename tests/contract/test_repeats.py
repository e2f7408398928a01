"""The same event again, in every possible way: it is stored once, and responses and counters say so."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from eventkeep.testing import ServerProcess
from tests.contract.api import bulk_body, iso, single_body
from tests.contract.scrapes import Scraped
from tests.contract.shop import Fate, Shop, counters, grown, unique_ids
from tests.create_rules import ABSENT, bulk, event, item, metric, profile

START: Final = 1_718_452_800
ADA: Final = {"email": "ada@shop.example"}
BOB: Final = {"email": "bob@shop.example"}
NEW: Final = Fate(stored=1, repeated=0)
AGAIN: Final = Fate(stored=0, repeated=1)
ROUNDS: Final = 40
"""The number of times that two identical requests are sent at the same moment."""


@pytest.fixture
def shop(counted: Scraped) -> Iterator[Shop]:
    with Shop(counted.server) as made:
        yield made


def order(
    unique_id: str | None = "order-1", profile: dict[str, Any] | None = None, **attributes: Any
) -> dict[str, Any]:
    """The body of a create."""
    if unique_id is not None:
        attributes["unique_id"] = unique_id
    return single_body("Order", profile or ADA, **attributes)


def as_bulk(body: dict[str, Any]) -> dict[str, Any]:
    """The same event in the other body."""
    attributes = dict(body["data"]["attributes"])
    return bulk(item(event(**{"time": None, **attributes, "profile": ABSENT}), profile=attributes["profile"]))


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of this module alone, which is stopped and started again."""
    with ServerProcess(tmp_path_factory.mktemp("mortal") / "data") as server:
        yield server


@pytest.fixture
def fates(counted: Scraped) -> Iterator[dict[str, int]]:
    """The expected growth of the counters at the end of the test; set by the test."""
    before, expected = counters(counted), dict[str, int]()
    yield expected
    assert grown(counted, before) == expected


# One request after the other


@pytest.mark.parametrize("first_in_bulk", [False, True])
@pytest.mark.parametrize("again_in_bulk", [False, True])
def test_same_request_again_is_stored_once(
    shop: Shop, fates: dict[str, int], first_in_bulk: bool, again_in_bulk: bool
) -> None:
    body = order(time=iso(START), value=3, properties={"sku": "A"})
    assert shop.keep(as_bulk(body) if first_in_bulk else body) == NEW
    before = shop.stored()
    for _ in range(3):
        assert shop.keep(as_bulk(body) if again_in_bulk else body) == AGAIN
    assert shop.stored() == before
    fates |= {"events_stored": 1, "events_repeated": 3}


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 99, "value_currency": "EUR"},
        {"properties": {"sku": "B", "$event_id": "other"}},
        {"time": iso(START + 86_400)},
        {"time": None},
        {"profile": {"email": " ADA@Shop.Example "}},
        {"profile": {**ADA, "external_id": "ada-1", "first_name": "Ada"}},
    ],
    ids=["value", "properties", "time", "no time", "email in capitals", "more of the profile"],
)
@pytest.mark.parametrize("is_bulk", [False, True])
def test_first_event_of_a_unique_id_stays(
    shop: Shop, fates: dict[str, int], changes: dict[str, Any], is_bulk: bool
) -> None:
    given: dict[str, Any] = {"time": iso(START), "value": 1, "properties": {"sku": "A"}}
    assert shop.keep(order(**given)) == NEW
    (first,) = shop.events()
    later = order(**{**given, **changes})
    assert shop.keep(as_bulk(later) if is_bulk else later) == AGAIN
    assert shop.events() == [first]
    assert first["attributes"]["event_properties"] == {"sku": "A", "$event_id": "order-1", "$value": 1}
    fates |= {"events_stored": 1, "events_repeated": 1}


def test_profile_of_a_repeat_is_updated_all_the_same(shop: Shop) -> None:
    shop.keep(order(time=iso(START)))
    assert shop.keep(order(profile={**ADA, "first_name": "Ada"}, time=iso(START))) == AGAIN
    assert shop.profile()["first_name"] == "Ada"


def test_value_of_a_repeat_is_no_value_of_the_metric(shop: Shop) -> None:
    """The event with a value was not stored, so no event of the metric has ever had one."""
    shop.keep(order(time=iso(START)))
    assert shop.keep(order(time=iso(START), value=5)) == AGAIN
    # Also beside stored events: a duplicate of an earlier one, and one within the request.
    named, person = metric("Order"), profile(ADA)
    again, new, twice = (event(metric=named, unique_id=id, value=5) for id in ("order-1", "new", "new"))
    del new["attributes"]["value"]
    assert shop.keep(bulk(item(again, new, twice, profile=person))) == Fate(stored=1, repeated=2)
    assert ["$value" in each["attributes"]["event_properties"] for each in shop.events()] == [False, False]


def test_without_a_unique_id_the_second_decides(shop: Shop, fates: dict[str, int]) -> None:
    assert shop.keep(order(None, time=iso(START))) == NEW
    assert shop.keep(order(None, time="2024-06-15T14:00:00.999+02:00", value=7)) == AGAIN
    assert shop.keep(order(None, time=iso(START + 1))) == NEW
    assert shop.keep(order(str(START), time=iso(START + 9))) == AGAIN
    assert shop.keep(order(str(START + 5), time=iso(START))) == NEW
    assert shop.keep(order(None, time=iso(START + 5))) == AGAIN
    assert unique_ids(shop.events()) == [str(START), str(START + 1), str(START + 5)]
    fates |= {"events_stored": 3, "events_repeated": 3}


def test_without_a_time_the_second_in_which_it_was_received_decides(shop: Shop) -> None:
    started = int(time.time())
    fates = [shop.keep(order(None)) for _ in range(50)]
    found = shop.events()
    assert fates.count(NEW) == len(found)
    assert fates.count(AGAIN) == 50 - len(found)
    assert fates[0] == NEW
    assert {each["attributes"]["timestamp"] for each in found} <= set(range(started, int(time.time()) + 1))
    assert all(
        each["attributes"]["event_properties"]["$event_id"] == str(each["attributes"]["timestamp"]) for each in found
    )


def test_other_accounts_profiles_metrics_and_services_have_keys_of_their_own(
    shop: Shop, counted: Scraped, fates: dict[str, int]
) -> None:
    service = single_body("Order", ADA, unique_id="order-1")
    service["data"]["attributes"]["metric"] = metric("Order", service="shop")
    others = [order(), order(profile=BOB), single_body("View", ADA, unique_id="order-1"), service, order("Order-1")]
    assert [shop.keep(body) for body in others] == [NEW] * len(others)
    assert [shop.keep(body) for body in others] == [AGAIN] * len(others)
    with Shop(counted.server) as other:
        assert other.keep(order()) == NEW
    fates |= {"events_stored": 6, "events_repeated": 5}


def test_profile_named_by_another_identifier_is_the_same_profile(shop: Shop, fates: dict[str, int]) -> None:
    assert shop.keep(order(profile={**ADA, "external_id": "ada-1", "phone_number": "+15005550006"})) == NEW
    named: list[dict[str, Any]] = [{"external_id": "ada-1"}, {"phone_number": "+1 500 555 0006"}, ADA]
    assert [shop.keep(order(profile=each)) for each in named] == [AGAIN] * 3
    fates |= {"events_stored": 1, "events_repeated": 3}


# Within one request


def test_key_repeated_within_an_item_is_stored_once(shop: Shop, fates: dict[str, int]) -> None:
    events = [event(unique_id="1", value=number) for number in range(5)]
    assert shop.keep(bulk(item(*events, event(unique_id="2")))) == Fate(stored=2, repeated=4)
    found = {each["attributes"]["event_properties"]["$event_id"]: each for each in shop.events()}
    assert found.keys() == {"1", "2"}
    assert found["1"]["attributes"]["event_properties"]["$value"] == 0
    fates |= {"events_stored": 2, "events_repeated": 4}


def test_key_repeated_across_items_metrics_and_profiles_depends_on_all_its_parts(
    shop: Shop, fates: dict[str, int]
) -> None:
    view, shop_view = metric("View"), metric("View", service="shop")
    body = bulk(
        item(event(unique_id="1", value=1), event(unique_id="1", metric=view)),
        item(event(unique_id="1", value=2), event(unique_id="1", metric=shop_view), profile=profile(ADA)),
        item(event(unique_id="1", value=3)),
        item(
            event(unique_id="1", value=4),
            event(unique_id="1", metric=view),
            profile=profile({"email": "Ada@Shop.example"}),
        ),
    )
    assert shop.keep(body) == Fate(stored=5, repeated=2)
    values = [each["attributes"]["event_properties"].get("$value", "none") for each in shop.events()]
    assert sorted(values, key=str) == [1.0, 2.0, "none", "none", "none"]
    assert shop.keep(body) == Fate(stored=0, repeated=7)
    fates |= {"events_stored": 5, "events_repeated": 9}


def test_key_that_two_identifiers_of_one_profile_share_is_stored_once(shop: Shop) -> None:
    """The second item is of the same profile only after the first has been applied."""
    both = profile({**ADA, "external_id": "ada-1"})
    body = bulk(
        item(event(unique_id="1"), profile=both), item(event(unique_id="1"), profile=profile({"external_id": "ada-1"}))
    )
    assert shop.keep(body) == Fate(stored=1, repeated=1)


def test_second_decides_within_one_request_too(shop: Shop) -> None:
    times = [iso(START), "2024-06-15T12:00:00.5Z", iso(START + 1), "2024-06-15 14:00:00+02:00", None, None]
    fate = shop.keep(bulk(item(*[event(time=each) for each in times])))
    assert fate == Fate(stored=3, repeated=3)


def test_some_of_a_request_may_be_repeats(shop: Shop, fates: dict[str, int]) -> None:
    def numbered(numbers: range) -> dict[str, Any]:
        return bulk(item(*[event(unique_id=str(number)) for number in numbers]))

    assert shop.keep(numbered(range(600))) == Fate(600, 0)
    assert shop.keep(numbered(range(300, 1000))) == Fate(400, 300)
    assert shop.keep(numbered(range(1000))) == Fate(0, 1000)
    assert unique_ids(shop.events(**{"page[size]": "1000"})) == sorted(map(str, range(1000)))
    fates |= {"events_stored": 1000, "events_repeated": 1300}


# At the same moment


@pytest.mark.parametrize("is_bulk", [False, True])
def test_identical_requests_at_the_same_moment_are_stored_once(
    shop: Shop, fates: dict[str, int], is_bulk: bool
) -> None:
    """Of a metric and a profile that do not exist yet."""
    ready = threading.Barrier(2)
    results: list[list[Fate]] = [[], []]

    def send(results: list[Fate], api: Shop) -> None:
        for number in range(ROUNDS):
            body = single_body(f"Metric {number}", {"email": f"{number}@shop.example"}, unique_id="1")
            ready.wait(30)
            results.append(api.keep(as_bulk(body) if is_bulk else body))

    threads = [threading.Thread(target=send, args=(each, shop)) for each in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sorted([one.stored, other.stored]) for one, other in zip(*results, strict=True)] == [[0, 1]] * ROUNDS
    assert [one.repeated + other.repeated for one, other in zip(*results, strict=True)] == [1] * ROUNDS
    events, _, profiles, _, metrics = shop.stored()
    assert len(events) == len(profiles) == len(metrics) == ROUNDS
    fates |= {"events_stored": ROUNDS, "events_repeated": ROUNDS}


# After the process has ended


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
def test_repeats_are_known_after_the_process_has_ended(mortal: ServerProcess, is_killed: bool) -> None:
    with Shop(mortal) as shop:
        bodies = [
            order(time=iso(START), value=1),
            order(None, time=iso(START)),
            bulk_body([("View", ADA, {"unique_id": str(number)}) for number in range(50)]),
        ]
        assert [shop.keep(body).stored for body in bodies] == [1, 1, 50]
        # By then some of it is in the table, and the newest events are not.
        time.sleep(1.2)
        bodies.append(order("last", time=iso(START + 5)))
        assert shop.keep(bodies[-1]) == NEW
        before = shop.stored()
        if is_killed:
            mortal.kill()
        else:
            mortal.stop()
        mortal.start()
        assert shop.stored() == before
        fates = [shop.keep(body) for body in bodies]
        assert [(fate.stored, fate.repeated) for fate in fates] == [(0, 1), (0, 1), (0, 50), (0, 1)]
        assert shop.keep(order("after")) == NEW
        assert len(shop.events()) == 54
