"""Resolution of identifiers to profiles, and its effects."""

from __future__ import annotations

import copy
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import InvalidRequest
from eventkeep.limits import (
    FAULTS_MAX,
    PROFILE_PROPERTIES_BYTES_MAX,
    PROFILE_PROPERTIES_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
)
from eventkeep.model.identity_resolution import Applied, IdentityResolution
from eventkeep.model.profile import IDENTIFIER_KINDS, Profile
from eventkeep.model.profile_write import ProfileWrite

NOW = 1_750_000_000_000_000


def resolution(*profiles: Profile, owners: dict[tuple[str, str], int] | None = None) -> IdentityResolution:
    """An identity resolution over these profiles, each owning the identifiers among its attributes."""
    found: dict[tuple[str, str], int] = dict(owners or {})
    for each in profiles:
        found["id", each.id] = each.number
        for kind in IDENTIFIER_KINDS:
            if (value := getattr(each, kind, None)) is not None:
                found[kind, value] = each.number
    numbers = count(len(profiles) + 1)
    return IdentityResolution(
        1, found, {each.number: each for each in profiles}, numbers.__next__, lambda now: f"ID{next(ids)}"
    )


ids = count()


def profile(number: int, **members: Any) -> Profile:
    return Profile(number=number, id=f"P{number}", account=1, created=5, updated=5, **members)


def apply(resolution: IdentityResolution, *writes: dict[str, Any], now_us: int = NOW) -> Applied:
    pointers = [f"/data/{place}" for place in range(len(writes))]
    return resolution.apply([ProfileWrite(**write) for write in writes], now_us, pointers)


def trace(resolution: IdentityResolution) -> Any:
    return copy.deepcopy(
        (resolution.owners, resolution.profiles, resolution.changed, resolution.created, resolution.new_owners)
    )


def test_new_identifiers_make_a_profile() -> None:
    people = resolution()
    applied = apply(people, {"email": "a@example.org", "anonymous_id": "x", "kx": "k", "attributes": {"title": "Dr."}})
    assert applied == Applied([1], {})
    made = people.changed[1]
    assert (made.email, made.anonymous_id, made.title, made.account) == ("a@example.org", "x", "Dr.", 1)
    assert (made.created, made.updated) == (NOW, NOW)
    assert people.created == {1}
    assert people.new_owners == {("email", "a@example.org"): 1, ("anonymous_id", "x"): 1, ("kx", "k"): 1}


def test_a_profile_that_is_only_named_again_does_not_change() -> None:
    people = resolution(profile(1, email="a@example.org"))
    assert apply(people, {"email": "a@example.org"}).numbers == [1]
    assert (people.changed, people.created, people.new_owners) == ({}, set(), {})


@pytest.mark.parametrize("place", range(len(IDENTIFIER_KINDS) - 1))
def test_the_first_identifier_that_finds_a_profile_decides(place: int) -> None:
    first, *others = IDENTIFIER_KINDS[place:]
    people = resolution(profile(1), profile(2), owners={(first, "x"): 1} | {(kind, "x"): 2 for kind in others})
    applied = apply(people, dict.fromkeys(IDENTIFIER_KINDS[place:], "x"))
    assert applied.numbers == [1]
    assert applied.left == {"_kx" if kind == "kx" else kind: 1 for kind in others}
    assert not people.new_owners


def test_an_id_decides_before_all_others() -> None:
    people = resolution(profile(1), profile(2, external_id="x"))
    assert apply(people, {"id": "P1", "external_id": "x"}) == Applied([1], {"external_id": 1})
    assert not people.changed


def test_free_identifiers_are_added() -> None:
    people = resolution(profile(1, external_id="x", email="old@example.org", anonymous_id="first"))
    apply(people, {"external_id": "x", "email": "new@example.org", "anonymous_id": "second", "kx": "k"})
    changed = people.changed[1]
    assert (changed.email, changed.anonymous_id, changed.updated) == ("new@example.org", "first", NOW)
    assert set(people.new_owners) == {("email", "new@example.org"), ("anonymous_id", "second"), ("kx", "k")}
    assert apply(people, {"email": "old@example.org"}).numbers == [1]
    assert people.changed[1].email == "new@example.org"


def test_an_identifier_of_another_profile_stays_there() -> None:
    people = resolution(profile(1, email="a@example.org"), profile(2, phone_number="+15005550006"))
    applied = apply(people, {"email": "a@example.org", "phone_number": "+15005550006", "attributes": {"title": "Dr."}})
    assert applied == Applied([1], {"phone_number": 1})
    assert people.changed.keys() == {1}
    assert people.changed[1].phone_number is None


def test_an_unknown_id_alone_is_refused() -> None:
    people = resolution()
    before = trace(people)
    with pytest.raises(InvalidRequest) as caught:
        apply(people, {"email": "a@example.org"}, {"id": "NOBODY"})
    assert [fault.pointer for fault in caught.value.faults] == ["/data/1/id"]
    assert trace(people) == before


def test_an_unknown_id_beside_others_is_passed_over_and_named() -> None:
    people = resolution(profile(1, email="a@example.org"))
    assert apply(people, {"id": "NOBODY", "email": "a@example.org"}) == Applied([1], {"id": 1})
    assert apply(people, {"id": "NOBODY", "email": "b@example.org"}).numbers == [2]
    assert people.changed[2].id != "NOBODY"


def test_writes_of_one_request_are_applied_in_order() -> None:
    people = resolution()
    one: dict[str, Any] = {"email": "a@example.org", "attributes": {"title": "one"}, "properties": {"a": 1, "b": 1}}
    two: dict[str, Any] = {"email": "a@example.org", "attributes": {"title": "two"}, "properties": {"a": 2}}
    assert apply(people, one, {"external_id": "x", "email": "a@example.org"}, two).numbers == [1, 1, 1]
    assert (people.changed[1].title, people.changed[1].properties) == ("two", {"a": 2, "b": 1})
    assert people.changed[1].external_id == "x"


def test_later_requests_of_a_commit_see_the_earlier_ones() -> None:
    people = resolution()
    apply(people, {"email": "a@example.org"})
    new_id = people.changed[1].id
    assert apply(people, {"id": new_id, "external_id": "x"}) == Applied([1], {})
    assert people.created == {1}
    assert people.profiles[1] is people.changed[1]


def test_a_refused_request_leaves_no_trace() -> None:
    people = resolution(profile(1, email="a@example.org", properties={"a": 1}))
    before = trace(people)
    many = {f"p{number}": number for number in range(PROFILE_PROPERTIES_MAX)}
    with pytest.raises(InvalidRequest) as caught:
        apply(
            people,
            {"email": "a@example.org", "external_id": "x", "attributes": {"title": "Dr."}},
            {"email": "b@example.org"},
            {"email": "a@example.org", "properties": many},
        )
    assert [fault.pointer for fault in caught.value.faults] == ["/data/2/attributes/properties"]
    assert trace(people) == before


def test_a_profile_holds_so_many_properties_and_no_more() -> None:
    people = resolution()
    many: dict[str, Any] = {f"p{number}": number for number in range(PROFILE_PROPERTIES_MAX)}
    apply(people, {"email": "a@example.org", "properties": many})
    apply(people, {"email": "a@example.org", "properties": {"more": 1}, "unset": ("p0",)})
    with pytest.raises(InvalidRequest, match=f"at most {PROFILE_PROPERTIES_MAX} properties; this would make 401"):
        apply(people, {"email": "a@example.org", "properties": {"p0": 1}})
    with pytest.raises(InvalidRequest, match=f"at most {PROFILE_PROPERTIES_BYTES_MAX} bytes"):
        apply(people, {"email": "b@example.org", "properties": {"a": "x" * PROFILE_PROPERTIES_BYTES_MAX}})


def test_an_array_grows_to_its_limit() -> None:
    people = resolution()
    apply(people, {"email": "a@example.org", "append": {"a": list(range(PROPERTY_ARRAY_ELEMENTS_MAX))}})
    with pytest.raises(InvalidRequest, match="at most 4000 elements; appending to 'a' would make 4001"):
        apply(people, {"email": "a@example.org", "append": {"a": "one more"}})


def test_faults_are_reported_up_to_a_cap() -> None:
    with pytest.raises(InvalidRequest) as caught:
        apply(resolution(), *[{"id": "NOBODY"}] * 1000)
    assert len(caught.value.faults) == FAULTS_MAX


# Comparison with a plain model.

identifiers = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["I1", "I2", "NOBODY"]),
        **{kind: st.sampled_from(["x", "y", "z"]) for kind in IDENTIFIER_KINDS},
    },
).filter(bool)
requests = st.lists(
    st.lists(st.tuples(identifiers, st.none() | st.sampled_from(["Dr.", "Ms."])), min_size=1, max_size=4), max_size=8
)


def write_of(given: dict[str, Any], title: str | None) -> ProfileWrite:
    return ProfileWrite(**given, attributes={"title": title} if title else {})


class Model:
    """The same in a few lines: profiles are numbered in the order in which they were made."""

    def __init__(self) -> None:
        self.owners: dict[tuple[str, str], int] = {}
        self.titles: list[str | None] = []

    def write(self, given: dict[str, str], title: str | None) -> None:
        id = given.pop("id", "")
        owned = [(kind, given[kind]) for kind in IDENTIFIER_KINDS if kind in given]
        found = [self.owners[each] for each in [("id", id), *owned] if each in self.owners]
        number = found[0] if found else len(self.titles)
        if not found:
            if not owned:
                raise KeyError(id)
            self.titles.append(None)
            self.owners["id", f"I{number}"] = number
        for each in owned:
            self.owners.setdefault(each, number)
        self.titles[number] = title or self.titles[number]


@given(requests)
def test_any_sequence_of_creates_ends_as_a_plain_model_predicts(
    sequence: list[list[tuple[dict[str, str], str | None]]],
) -> None:
    model, numbers = Model(), count()
    ids_by_now = iter(range(1000))
    people = IdentityResolution(1, {}, {}, numbers.__next__, lambda now: f"I{next(ids_by_now)}")
    for request in sequence:
        attempt = copy.deepcopy(model)
        writes = [write_of(given, title) for given, title in request]
        try:
            for given, title in request:
                attempt.write(dict(given), title)
        except KeyError:
            with pytest.raises(InvalidRequest):
                people.apply(writes, NOW)
            # A refused request uses up its numbers; continue with the numbers of the model.
            people.next_number = count(len(model.titles)).__next__
            ids_by_now = iter(range(len(model.titles), 1000))
            continue
        model = attempt
        people.apply(writes, NOW)
    assert people.owners == model.owners
    assert [people.profiles[number].title for number in range(len(model.titles))] == model.titles
    assert people.created == set(range(len(model.titles)))
    assert people.new_owners == {key: number for key, number in model.owners.items() if key[0] != "id"}
