"""Events that are stored although an identifier of theirs was not: the response names it, and a counter counts it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.contract.scrapes import Scraped
from tests.contract.shop import Fate, Shop, counters, grown, unique_ids
from tests.create_rules import ULID, bulk, event, item, profile, single

ADA: Final = {"email": "ada@shop.example"}
BOB: Final = {"email": "bob@shop.example"}
PHONE: Final = "+15005550006"
WRONG_PHONES: Final = ("12", "0500 555 0006", "+1", "+999 1234567", "call me", "", "+1500555000612345", "١٢٣٤٥٦٧٨٩")
OTHERS: Final = {"external_id": "b-1", "phone_number": PHONE, "anonymous_id": "b-2", "_kx": "b-3"}
"""Identifiers of another profile than the resolved one, except for its email."""


@pytest.fixture
def shop(counted: Scraped) -> Iterator[Shop]:
    with Shop(counted.server) as made:
        yield made


@pytest.fixture
def fates(counted: Scraped) -> Iterator[dict[str, int]]:
    """The expected growth of the counters of identifiers at the end of the test; set by the test."""
    before, expected = counters(counted), dict[str, int]()
    yield expected
    assert {name: by for name, by in grown(counted, before).items() if name.startswith("identifiers")} == expected


def create(is_bulk: bool, *profiles: dict[str, Any]) -> dict[str, Any]:
    """One event for each profile, in one request."""
    if not is_bulk:
        (only,) = profiles
        return single(profile=only)
    return bulk(*[item(event(), profile=each) for each in profiles])


def by_email(shop: Shop) -> dict[str, dict[str, Any]]:
    return {each["email"]: each for each in shop.resources("profile").values()}


@pytest.mark.parametrize("is_bulk", [False, True])
@pytest.mark.parametrize("phone_number", WRONG_PHONES)
def test_phone_that_can_not_be_used_beside_an_email_is_named_and_ignored(
    shop: Shop, fates: dict[str, int], is_bulk: bool, phone_number: str
) -> None:
    person = profile({**ADA, "phone_number": phone_number, "title": "Dr."})
    assert shop.keep(create(is_bulk, person)) == Fate(1, 0, "phone_number")
    found = shop.profile()
    assert (found["email"], found["phone_number"], found["title"]) == (ADA["email"], None, "Dr.")
    fates |= {"identifiers_ignored": 1}


@pytest.mark.parametrize("is_bulk", [False, True])
def test_phone_is_ignored_of_a_profile_that_has_a_good_one(shop: Shop, fates: dict[str, int], is_bulk: bool) -> None:
    shop.keep(create(is_bulk, profile({**ADA, "phone_number": "+1 (500) 555-0006"})))
    fate = shop.keep(create(is_bulk, profile({**ADA, "phone_number": "500 555 0007"})))
    assert fate == Fate(0, 1, "phone_number")
    assert shop.profile()["phone_number"] == PHONE
    fates |= {"identifiers_ignored": 1}


@pytest.mark.parametrize("identifier", ["email", *OTHERS])
@pytest.mark.parametrize("is_bulk", [False, True])
def test_identifier_of_another_profile_is_named_and_left_there(
    shop: Shop, fates: dict[str, int], is_bulk: bool, identifier: str
) -> None:
    shop.keep(single(profile=profile({**OTHERS, **BOB})))
    (bob,) = shop.resources("profile")
    # The id goes before all other identifiers, so it decides the profile.
    shop.keep(single(profile=profile(ADA)))
    (ada,) = shop.resources("profile").keys() - {bob}
    before = shop.resources("profile")[bob]
    taken = {**OTHERS, **BOB}[identifier]
    fate = shop.keep(create(is_bulk, profile({identifier: taken, "title": "Dr."}, id=ada)))
    assert fate.partial == identifier
    after = shop.resources("profile")
    assert after[bob] == before
    assert after[ada]["title"] == "Dr."
    assert after[ada]["email"] == ADA["email"]
    # The identifier still finds its owner.
    assert shop.keep(single(profile=profile({identifier: taken}), unique_id="later")).partial is None
    assert unique_ids(shop.events(filter=f'equals(profile_id,"{bob}")')) == ["1718452800", "later"]
    fates |= {"identifiers_left": 1}


@pytest.mark.parametrize("is_bulk", [False, True])
def test_several_identifiers_are_named_together_in_order(shop: Shop, fates: dict[str, int], is_bulk: bool) -> None:
    shop.keep(single(profile=profile({**OTHERS, **BOB})))
    shop.keep(single(profile=profile({"external_id": "a-1"})))
    person = profile({"external_id": "a-1", **BOB, "anonymous_id": "b-2", "_kx": "b-3", "phone_number": "12"}, id=ULID)
    fate = shop.keep(create(is_bulk, person))
    assert fate == Fate(0, 1, "_kx, anonymous_id, email, id, phone_number")
    assert by_email(shop).keys() == {None, BOB["email"]}
    fates |= {"identifiers_left": 4, "identifiers_ignored": 1}


def test_unknown_id_beside_an_email_is_named_and_makes_no_profile_of_that_id(shop: Shop, fates: dict[str, int]) -> None:
    assert shop.keep(single(profile=profile(ADA, id=ULID))) == Fate(1, 0, "id")
    (made,) = shop.resources("profile")
    assert made != ULID
    fates |= {"identifiers_left": 1}


def test_bulk_names_each_identifier_once_and_counts_every_one(shop: Shop, fates: dict[str, int]) -> None:
    shop.keep(single(profile=profile({**BOB, "external_id": "b-1"})))
    people = [
        profile({"email": "1@shop.example", "phone_number": "1"}),
        profile(ADA),
        profile({"email": "2@shop.example", "phone_number": "2"}),
        profile({"external_id": "b-1", **ADA}),
        profile({"external_id": "b-1", "email": "1@shop.example"}),
    ]
    assert shop.keep(create(True, *people)).partial == "email, phone_number"
    assert by_email(shop).keys() == {BOB["email"], ADA["email"], "1@shop.example", "2@shop.example"}
    fates |= {"identifiers_left": 2, "identifiers_ignored": 2}


@pytest.mark.parametrize("is_bulk", [False, True])
def test_response_names_no_identifier_if_all_were_stored(shop: Shop, fates: dict[str, int], is_bulk: bool) -> None:
    """New, again, and with another identifier that is free."""
    people = [profile({**OTHERS, **ADA}), profile({**OTHERS, **ADA}), profile({**ADA, "external_id": "a-2"})]
    assert [shop.keep(create(is_bulk, person)).partial for person in people] == [None] * 3
    assert shop.profile()["external_id"] == "a-2"


@pytest.mark.parametrize("is_bulk", [False, True])
def test_refused_request_counts_no_identifiers(shop: Shop, fates: dict[str, int], is_bulk: bool) -> None:
    """Also if the refusal comes from the state of the profiles, after the body was found valid."""
    shop.keep(single(profile=profile({**BOB, "external_id": "b-1"})))
    before = shop.stored()
    too_many = {f"p{number}": number for number in range(401)}
    person = profile({"external_id": "b-1", **BOB, "phone_number": "12", "properties": too_many})
    response = shop.send(create(is_bulk, *[profile({**ADA, "phone_number": "12"})] * is_bulk, person))
    assert response.status_code == 400
    assert "X-Klaviyo-Partial-Failure" not in response.headers
    assert shop.stored() == before
