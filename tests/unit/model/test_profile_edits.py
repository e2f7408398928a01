"""The effect of edits on profiles, compared with a plain model."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkeep.errors import DuplicateProfile, InvalidRequest, NotFound, RequestRefused
from eventkeep.limits import PROFILE_PROPERTIES_MAX
from eventkeep.model.consent import subscribed, unsubscribed
from eventkeep.model.identity_resolution import IdentityResolution, Owned
from eventkeep.model.profile import IDENTIFIER_KINDS, Profile
from eventkeep.model.profile_edits import (
    CreateProfile,
    Edited,
    ImportProfile,
    MergeProfiles,
    ProfileEdit,
    UpdateProfile,
    edit_profile,
    named,
    needs_identifiers,
)
from eventkeep.model.profile_write import ProfileWrite

NOW = 1_750_000_000_000_000
SHOWN = ("external_id", "email", "phone_number", "anonymous_id")
UNKNOWN = "NOBODY"


class Shelf:
    """Profiles between commits, as a directory keeps them; each edit is a commit of its own."""

    def __init__(self) -> None:
        self.owners: dict[Owned, int] = {}
        self.profiles: dict[int, Profile] = {}
        self.survivors: dict[int, int] = {}
        self.secondary: dict[Owned, int] = {}
        self._numbers = count(1)

    def resolution(self) -> IdentityResolution:
        """All of its data, as a commit loads it."""
        owners = {**self.owners, **{("id", each.id): number for number, each in self.profiles.items()}}
        stored = {number: self.identifiers_of(number) for number in self.profiles}
        return IdentityResolution(
            1, owners, dict(self.profiles), self._numbers.__next__, lambda now: f"ID{now}", stored_identifiers=stored
        )

    def identifiers_of(self, number: int) -> set[Owned]:
        """The identifiers that the profile shows, and the others that it owns."""
        profile = self.profiles[number]
        shown = {(kind, value) for kind in SHOWN if (value := getattr(profile, kind)) is not None}
        return shown | {identifier for identifier, owner in self.secondary.items() if owner == number}

    def keep(self, resolution: IdentityResolution) -> None:
        """Write the changes of the commit, as the directory does."""
        for identifier in resolution.released:
            self.owners.pop(identifier, None)
        self.owners.update(resolution.new_owners)
        self.profiles.update(resolution.changed)
        for identifier, number in resolution.secondary.items():
            if number is None:
                self.secondary.pop(identifier, None)
            else:
                self.secondary[identifier] = number
        for source, destination in resolution.merged.items():
            self.profiles.pop(source, None)
            for number, survivor in self.survivors.items():
                if survivor == source:
                    self.survivors[number] = destination
            self.survivors[source] = destination

    def edit(self, edit: ProfileEdit, now_us: int = NOW) -> Edited:
        resolution = self.resolution()
        edited = edit_profile(resolution, edit, now_us)
        self.keep(resolution)
        return edited

    def send(self, write: ProfileWrite, now_us: int = NOW) -> int:
        """The profile's number, as events store it."""
        resolution = self.resolution()
        (number,) = resolution.apply([write], now_us).numbers
        self.keep(resolution)
        return number


def write(**members: Any) -> ProfileWrite:
    return ProfileWrite(**members)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_a_create_makes_a_profile(shelf: Shelf) -> None:
    edited = shelf.edit(CreateProfile(write(email="a@example.org", attributes={"title": "Dr."}, properties={"a": 1})))
    assert edited.is_new
    assert (edited.profile.email, edited.profile.title, edited.profile.properties) == ("a@example.org", "Dr.", {"a": 1})
    assert (edited.profile.created, edited.profile.updated) == (NOW, NOW)


@pytest.mark.parametrize("kind", IDENTIFIER_KINDS)
def test_a_create_is_refused_for_an_identifier_that_is_taken(shelf: Shelf, kind: str) -> None:
    first = shelf.edit(CreateProfile(write(**{kind: "x"})))
    with pytest.raises(DuplicateProfile) as refusal:
        shelf.edit(CreateProfile(write(**{kind: "x"}, attributes={"title": "Dr."})))
    assert refusal.value.profile_id == first.profile.id
    assert list(shelf.profiles.values()) == [first.profile]


def test_a_secondary_email_finds_the_profile_and_is_not_shown(shelf: Shelf) -> None:
    made = shelf.edit(CreateProfile(write(email="a@example.org", added_emails=("b@example.org",)))).profile
    assert made.email == "a@example.org"
    assert shelf.send(write(email="b@example.org")) == made.number
    shelf.edit(UpdateProfile(made.id, write(removed_emails=("b@example.org", "a@example.org"))))
    assert shelf.owners == {("email", "a@example.org"): made.number}


def test_an_update_replaces_the_identifier_that_is_shown(shelf: Shelf) -> None:
    made = shelf.edit(CreateProfile(write(email="old@example.org"))).profile
    after = shelf.edit(UpdateProfile(made.id, write(email="new@example.org")), NOW + 1)
    assert (after.profile.email, after.profile.updated, after.is_new) == ("new@example.org", NOW + 1, False)
    assert shelf.send(write(email="old@example.org"), NOW + 2) != made.number


def test_an_update_is_refused_for_an_identifier_of_another(shelf: Shelf) -> None:
    first = shelf.edit(CreateProfile(write(email="a@example.org"))).profile
    second = shelf.edit(CreateProfile(write(email="b@example.org")), NOW + 1).profile
    with pytest.raises(DuplicateProfile) as refusal:
        shelf.edit(UpdateProfile(second.id, write(email="a@example.org", attributes={"title": "Dr."})))
    assert refusal.value.profile_id == first.id
    assert shelf.profiles == {first.number: first, second.number: second}


def test_an_update_clears_all_identifiers_of_a_kind(shelf: Shelf) -> None:
    made = shelf.edit(CreateProfile(write(external_id="x", email="a@example.org", added_emails=("b@example.org",))))
    after = shelf.edit(UpdateProfile(made.profile.id, write(attributes={"title": None}), cleared=("email",))).profile
    assert (after.email, after.external_id) == (None, "x")
    assert shelf.owners == {("external_id", "x"): made.profile.number}


def test_an_update_without_a_change_changes_nothing(shelf: Shelf) -> None:
    made = shelf.edit(CreateProfile(write(email="a@example.org", attributes={"title": "Dr."}))).profile
    same = UpdateProfile(made.id, write(email="a@example.org", attributes={"title": "Dr."}), cleared=("phone_number",))
    assert shelf.edit(same, NOW + 1).profile == made


def test_an_import_creates_and_then_updates(shelf: Shelf) -> None:
    first = shelf.edit(ImportProfile(write(email="a@example.org")))
    second = shelf.edit(ImportProfile(write(email="a@example.org", external_id="x")))
    assert (first.is_new, second.is_new) == (True, False)
    assert (second.profile.number, second.profile.external_id) == (first.profile.number, "x")


def test_a_merge_fills_the_gaps_of_the_destination(shelf: Shelf) -> None:
    kept = shelf.edit(CreateProfile(write(email="a@example.org", attributes={"title": "Dr."}, properties={"a": 1})))
    given = shelf.edit(
        CreateProfile(
            write(
                email="b@example.org",
                external_id="x",
                kx="k",
                attributes={"title": "Ms.", "image": "i"},
                location={"city": "Bern"},
                properties={"a": 2, "b": 3},
            )
        ),
        NOW + 1,
    )
    after = shelf.edit(MergeProfiles(kept.profile.id, given.profile.id), NOW + 2).profile
    assert (after.email, after.external_id, after.title, after.image) == ("a@example.org", "x", "Dr.", "i")
    assert (after.location, after.properties) == ({"city": "Bern"}, {"a": 1, "b": 3})
    assert (after.created, after.updated) == (NOW, NOW + 2)
    assert set(shelf.owners.values()) == {kept.profile.number}
    assert shelf.survivors == {given.profile.number: kept.profile.number}
    with pytest.raises(NotFound):
        shelf.edit(UpdateProfile(given.profile.id, write(email="c@example.org")))


def test_a_merge_is_refused_past_the_limit_of_properties(shelf: Shelf) -> None:
    many = {f"p{number}": number for number in range(PROFILE_PROPERTIES_MAX)}
    one = shelf.edit(CreateProfile(write(email="a@example.org", properties=many))).profile
    two = shelf.edit(CreateProfile(write(email="b@example.org", properties={"one more": 1})), NOW + 1).profile
    with pytest.raises(InvalidRequest):
        shelf.edit(MergeProfiles(one.id, two.id))
    assert shelf.profiles == {one.number: one, two.number: two}


@pytest.mark.parametrize(
    ("edit", "kind", "pointer"),
    [
        (UpdateProfile(UNKNOWN, write(email="b@example.org")), NotFound, "/data/id"),
        (MergeProfiles(UNKNOWN, "ID0"), NotFound, "/data/id"),
        (MergeProfiles("ID0", UNKNOWN), NotFound, "/data/relationships/profiles/data/0/id"),
        (MergeProfiles("ID0", "ID0"), InvalidRequest, "/data/relationships/profiles/data/0/id"),
    ],
)
def test_refused_edits(shelf: Shelf, edit: ProfileEdit, kind: type[RequestRefused], pointer: str) -> None:
    shelf.edit(CreateProfile(write(email="a@example.org")), 0)
    with pytest.raises(kind) as refusal:
        shelf.edit(edit)
    assert [fault.pointer for fault in refusal.value.faults] == [pointer]


def test_edits_of_one_commit_see_each_other(shelf: Shelf) -> None:
    resolution = shelf.resolution()
    one = edit_profile(resolution, CreateProfile(write(email="a@example.org")), NOW).profile
    two = edit_profile(resolution, CreateProfile(write(email="b@example.org", external_id="x")), NOW + 1).profile
    edit_profile(resolution, MergeProfiles(one.id, two.id), NOW)
    edit_profile(resolution, UpdateProfile(one.id, write(), cleared=("email",)), NOW)
    assert resolution.apply([write(external_id="x")], NOW).numbers == [one.number]
    assert resolution.new_owners == {("external_id", "x"): one.number}
    assert (set(resolution.changed), resolution.merged) == ({one.number}, {two.number: one.number})


def test_data_that_an_edit_must_load() -> None:
    update = UpdateProfile("P", write(email="a", added_emails=("b",), removed_emails=("c",)))
    assert [(each.id, each.email) for each in named(update)] == [("P", None), (None, "a"), (None, "b"), (None, "c")]
    assert [each.id for each in named(MergeProfiles("D", "S"))] == ["D", "S"]
    assert needs_identifiers(update) == ()
    assert needs_identifiers(UpdateProfile("P", write(), cleared=("email",))) == ("P",)
    assert needs_identifiers(MergeProfiles("D", "S")) == ("S",)


class PlainProfile:
    """A profile of the plain model: its identifiers, its attributes, and the events that are read under it."""

    def __init__(self, made: int) -> None:
        self.made = made
        self.owned: set[Owned] = set()
        self.shown: dict[str, str] = {}
        self.title: str | None = None
        self.properties: dict[str, int] = {}
        self.events: list[int] = []


class PlainModel:
    """The rules in few words: a list of profiles, searched from its start."""

    def __init__(self) -> None:
        self.profiles: list[PlainProfile] = []

    def owner(self, identifier: Owned) -> PlainProfile | None:
        return next((each for each in self.profiles if identifier in each.owned), None)

    def send(self, given: dict[str, str], title: str | None, number: int) -> PlainProfile:
        owners = [owner for pair in given.items() if (owner := self.owner(pair)) is not None]
        profile = owners[0] if owners else self.new(number)
        for pair in given.items():
            if self.owner(pair) is None:
                profile.owned.add(pair)
                if pair[0] != "anonymous_id" or "anonymous_id" not in profile.shown:
                    profile.shown[pair[0]] = pair[1]
        profile.title = title or profile.title
        return profile

    def new(self, number: int) -> PlainProfile:
        self.profiles.append(PlainProfile(number))
        return self.profiles[-1]

    def create(self, given: dict[str, str], title: str | None, number: int) -> bool:
        if any(self.owner(pair) for pair in given.items()):
            return False
        self.send(given, title, number)
        return True

    def update(self, profile: PlainProfile, given: dict[str, str], cleared: str | None, title: str | None) -> bool:
        if any(self.owner(pair) not in (None, profile) for pair in given.items()):
            return False
        for kind, value in given.items():
            profile.owned.add((kind, value))
            if kind in profile.shown and profile.shown[kind] != value:
                profile.owned.remove((kind, profile.shown[kind]))
            profile.shown[kind] = value
        if cleared is not None:
            profile.owned = {pair for pair in profile.owned if pair[0] != cleared}
            profile.shown.pop(cleared, None)
        profile.title = title or profile.title
        return True

    def merge(self, kept: PlainProfile, given: PlainProfile) -> bool:
        if kept is given:
            return False
        kept.owned |= given.owned
        kept.shown = {**given.shown, **kept.shown}
        kept.title = kept.title or given.title
        kept.events += given.events
        self.profiles.remove(given)
        return True


KINDS = ("external_id", "email", "anonymous_id")
IDENTIFIERS = st.dictionaries(st.sampled_from(KINDS), st.sampled_from(("x", "y", "z")), min_size=1).map(
    lambda given: {kind: given[kind] for kind in KINDS if kind in given}
)
TITLES = st.none() | st.sampled_from(("Dr.", "Ms."))
PLACES = st.integers(0, 5)
STEPS = st.one_of(
    st.tuples(st.just("event"), IDENTIFIERS, TITLES),
    st.tuples(st.just("create"), IDENTIFIERS, TITLES),
    st.tuples(st.just("import"), IDENTIFIERS, TITLES),
    st.tuples(st.just("update"), PLACES, IDENTIFIERS, st.none() | st.sampled_from(KINDS), TITLES),
    st.tuples(st.just("merge"), PLACES, PLACES),
)


def profile_write(given: dict[str, str], title: str | None) -> ProfileWrite:
    return write(**given, attributes={} if title is None else {"title": title})


def run(step: tuple[Any, ...], number: int, shelf: Shelf, model: PlainModel, events: dict[int, int]) -> None:
    """One step on both; they must agree on whether it is refused."""
    ids = {each.made: f"ID{each.made}" for each in model.profiles}
    try:
        match step:
            case ("event", given, title):
                events[number] = shelf.send(profile_write(given, title), number)
                model.send(given, title, number).events.append(number)
                return
            case ("create", given, title):
                expected = model.create(given, title, number)
                shelf.edit(CreateProfile(profile_write(given, title)), number)
            case ("import", given, title):
                expected = True
                model.send(given, title, number)
                shelf.edit(ImportProfile(profile_write(given, title)), number)
            case ("update", place, given, cleared, title):
                if place >= len(model.profiles):
                    return
                target = model.profiles[place]
                given = {kind: value for kind, value in given.items() if kind != cleared}
                expected = model.update(target, given, cleared, title)
                gone = () if cleared is None else (cleared,)
                shelf.edit(UpdateProfile(ids[target.made], profile_write(given, title), gone), number)
            case (_, kept, merged):
                if max(kept, merged) >= len(model.profiles):
                    return
                destination, source = model.profiles[kept], model.profiles[merged]
                expected = model.merge(destination, source)
                shelf.edit(MergeProfiles(ids[destination.made], ids[source.made]), number)
    except RequestRefused:
        assert not expected
    else:
        assert expected


@settings(max_examples=500)
@given(st.lists(STEPS, max_size=30))
def test_any_sequence_ends_as_the_plain_model_says(steps: list[tuple[Any, ...]]) -> None:
    shelf, model = Shelf(), PlainModel()
    events: dict[int, int] = {}
    for number, step in enumerate(steps):
        run(step, number, shelf, model, events)
    kept = {
        each.created: (
            {kind: shown for kind in SHOWN if (shown := getattr(each, kind)) is not None},
            {identifier for identifier, owner in shelf.owners.items() if owner == number},
            each.title,
        )
        for number, each in shelf.profiles.items()
    }
    assert kept == {each.made: (each.shown, each.owned, each.title) for each in model.profiles}
    read = {event: shelf.profiles[shelf.survivors.get(number, number)].created for event, number in events.items()}
    assert read == {event: each.made for each in model.profiles for event in each.events}


def test_edits_can_be_kept_as_bytes() -> None:
    edit: ProfileEdit = UpdateProfile("P", write(email="a", properties={"a": [1]}), cleared=("phone_number",))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(edit), type=ProfileEdit) == edit


def test_a_write_that_keeps_identifiers_adds_none_to_a_profile_that_exists(shelf: Shelf) -> None:
    made = shelf.edit(CreateProfile(write(email="a@example.org"))).profile
    client = write(email="a@example.org", external_id="x", added_emails=("b@example.org",), attributes={"title": "Dr."})
    client.keeps_identifiers = True
    after = shelf.edit(ImportProfile(client), NOW + 1).profile
    assert (after.number, after.external_id, after.title) == (made.number, None, "Dr.")
    assert shelf.owners == {("email", "a@example.org"): made.number}


def test_a_write_that_keeps_identifiers_makes_a_profile_with_all_of_them(shelf: Shelf) -> None:
    client = write(email="a@example.org", external_id="x")
    client.keeps_identifiers = True
    assert shelf.edit(ImportProfile(client)).profile.external_id == "x"


def test_a_merge_joins_consent(shelf: Shelf) -> None:
    one = shelf.edit(ImportProfile(write(email="a@example.org", consent=subscribed("email.marketing", NOW)))).profile
    two = shelf.edit(
        ImportProfile(write(email="b@example.org", consent=unsubscribed("email.marketing", NOW + 1))), NOW + 1
    ).profile
    assert shelf.edit(MergeProfiles(one.id, two.id)).profile.consent.status("email.marketing") == "UNSUBSCRIBED"
