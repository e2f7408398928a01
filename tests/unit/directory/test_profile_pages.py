"""Pages of profiles, held against the plainest way to find one: look at all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventkeep.directory import Directory, Pending, profile_pages
from eventkeep.directory.profile_pages import held_by_list
from eventkeep.directory.profiles import resolution_changes
from eventkeep.model.consent import list_suppressed, suppressed, unsubscribed
from eventkeep.model.profile import Profile
from eventkeep.model.profile_edits import (
    ImportProfile,
    MergeProfiles,
    ProfileEdit,
    edit_profile,
    named,
    needs_identifiers,
)
from eventkeep.model.profile_selection import Bounds, ProfilePlace, ProfileSelection, SortKey, SuppressionConditions
from eventkeep.model.profile_write import ProfileWrite
from tests.unit.directory.held import create_account, keep, open_directory

START = 1_700_000_000_000_000
PEOPLE = 40


def edit(directory: Directory, account: int, edit: ProfileEdit, now_us: int) -> Profile:
    pending = Pending()
    resolved = directory.profiles.load_identities(account, named(edit), pending, needs_identifiers(edit))
    edited = edit_profile(resolved, edit, now_us)
    keep(directory, resolution_changes(resolved, pending))
    return edited.profile


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Directory, list[Profile]]]:
    """A directory with profiles of two accounts, and those of the first."""
    with open_directory(tmp_path_factory.mktemp("pages") / "data") as directory:
        other = create_account(directory, "other").number
        ids = []
        for number in range(PEOPLE):
            write = ProfileWrite(external_id=f"x{number}")
            if number % 3:
                write.email = f"{number * 7 % PEOPLE:02d}@shop.example"
            if number % 4 == 0:
                write.consent = suppressed("HARD_BOUNCE" if number % 8 else "USER_SUPPRESSED", START + number * 11 % 17)
            if number % 5 == 0:
                write.consent = unsubscribed("email.marketing", START + number)
            if number % 7 == 0:
                write.consent = list_suppressed(f"L{number % 2}", START + number * 3 % 7)
            ids.append(edit(directory, 1, ImportProfile(write), START + number).id)
            edit(directory, other, ImportProfile(write), START + number)
        for number in range(0, PEOPLE, 6):
            changed = ProfileWrite(external_id=f"x{number}", attributes={"title": "Dr."})
            edit(directory, 1, ImportProfile(changed), START + 100 - number)
        edit(directory, 1, MergeProfiles(ids[1], ids[2]), START + 200)
        yield directory, directory.profiles.list(1, count=PEOPLE)


TIMES = st.none() | st.integers(START - 1, START + PEOPLE + 1)
BOUNDS = st.just(Bounds()) | st.builds(Bounds, TIMES, TIMES)
SUPPRESSIONS = st.none() | st.builds(
    SuppressionConditions,
    BOUNDS,
    st.none() | st.sampled_from([frozenset({"HARD_BOUNCE"}), frozenset({"UNSUBSCRIBE"}), frozenset({"a", "b"})]),
    st.none(),
)
LISTS = st.none() | st.builds(
    SuppressionConditions,
    BOUNDS,
    st.none() | st.just(frozenset({"UNSUBSCRIBE"})),
    st.none() | st.just(frozenset({"L1"})),
)
# A merge made x2 a secondary identifier: it finds a profile that shows another one.
NAMED = st.fixed_dictionaries(
    {},
    optional={
        "external_id": st.frozensets(st.sampled_from([f"x{number}" for number in range(8) if number != 2]), max_size=4),
        "email": st.frozensets(st.sampled_from([f"{number:02d}@shop.example" for number in range(8)])),
    },
)
SORTS: list[SortKey] = ["number", "updated", "email", "suppressed", "list_suppressed"]
SELECTIONS = st.builds(
    ProfileSelection,
    account=st.just(1),
    count=st.integers(1, 7),
    sort=st.sampled_from(SORTS),
    descending=st.booleans(),
    named=st.just({}) | NAMED,
    created=BOUNDS,
    updated=BOUNDS,
    suppression=SUPPRESSIONS,
    list_suppression=LISTS,
)


def value_of(profile: Profile, sort: SortKey) -> Any:
    match sort:
        case "number":
            return profile.number
        case "updated":
            return profile.updated
        case "email":
            return profile.email
        case "suppressed":
            return max((since for _, since in profile.consent.held_suppressions()), default=None)
    return max((since for since, _, _ in held_by_list(profile.consent)), default=None)


def is_among(profile: Profile, selection: ProfileSelection) -> bool:
    def lies(value: int, bounds: Bounds) -> bool:
        return (bounds.least or 0) <= value <= (2**63 if bounds.most is None else bounds.most)

    def has(held: list[tuple[int, str, str]], asked: SuppressionConditions | None) -> bool:
        return asked is None or any(
            lies(since, asked.since) and (asked.reasons or {reason}) == {reason} and (asked.list_ids or {id}) == {id}
            for since, reason, id in held
        )

    held: list[tuple[int, str, str]] = [(since, reason, "") for reason, since in profile.consent.held_suppressions()]
    return (
        lies(profile.created, selection.created)
        and lies(profile.updated, selection.updated)
        and all(getattr(profile, kind) in wanted for kind, wanted in selection.named.items())
        and has(held, selection.suppression)
        and has(held_by_list(profile.consent), selection.list_suppression)
    )


def ordered(profiles: list[Profile], selection: ProfileSelection) -> list[Profile]:
    chosen = [each for each in profiles if is_among(each, selection)]

    def place(each: Profile) -> tuple[Any, int]:
        return value_of(each, selection.sort) or 0, each.number

    with_value = [each for each in chosen if value_of(each, selection.sort) is not None]
    without = [each for each in chosen if value_of(each, selection.sort) is None]
    return [
        *sorted(with_value, key=place, reverse=selection.descending),
        *sorted(without, key=place, reverse=selection.descending),
    ]


@pytest.mark.parametrize("sorted_max", [0, 4_000])
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(selection=SELECTIONS)
def test_all_pages_together_are_what_a_look_at_all_profiles_finds(
    filled: tuple[Directory, list[Profile]], sorted_max: int, selection: ProfileSelection
) -> None:
    directory, profiles = filled
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profile_pages, "PROFILES_SORTED_MAX", sorted_max)
        patch.setattr(profile_pages, "SUPPRESSED_SORTED_MAX", sorted_max)
        expected = [each.number for each in ordered(profiles, selection)]
        forward, place = [], None
        while page := directory.profile_pages.find(msgspec.structs.replace(selection, after=place)):
            forward += page
            place = ProfilePlace(page[-1][1], page[-1][0].number)
        assert [profile.number for profile, _ in forward] == expected
        if not forward:
            return
        backward, place = [], ProfilePlace(forward[-1][1], forward[-1][0].number)
        while page := directory.profile_pages.find(msgspec.structs.replace(selection, after=place, is_backward=True)):
            backward += page
            place = ProfilePlace(page[-1][1], page[-1][0].number)
        assert [profile.number for profile, _ in reversed(backward)] == expected[:-1]


def test_a_merged_profile_is_found_by_all_its_identifiers(filled: tuple[Directory, list[Profile]]) -> None:
    directory, profiles = filled
    merged = {"external_id": frozenset({"x2"})}
    ((found, _),) = directory.profile_pages.find(ProfileSelection(account=1, count=2, named=merged))
    assert (found.external_id, len(profiles)) == ("x1", PEOPLE - 1)
