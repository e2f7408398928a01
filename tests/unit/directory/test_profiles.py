"""Profiles: those that a commit loads, the state after it, and the state that others read."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import String, bindparam, create_engine

from eventkeep.directory import Directory, Pending, profiles
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.profiles import resolution_changes
from eventkeep.directory.schema import metadata
from eventkeep.model.profile import Profile
from eventkeep.model.profile_write import ProfileWrite
from tests.unit.directory.held import create_account, keep, number_of, open_directory

NOW_US = 1_700_000_000_000_000


def commit(directory: Directory, *writes: ProfileWrite, account: int = 1, now_us: int = NOW_US) -> list[int]:
    """One commit of the writes, as one request; the numbers of their profiles."""
    pending = Pending()
    resolved = directory.profiles.load_identities(account, writes, pending)
    numbers = resolved.apply(writes, now_us).numbers
    keep(directory, resolution_changes(resolved, pending), pending)
    return numbers


def stored(directory: Directory, number: int, account: int = 1) -> Profile:
    return directory.profiles.by_numbers(account, [number])[number]


def test_many_ids_are_found_without_a_look_at_all_profiles() -> None:
    query = profiles.ids_query([bindparam(f"id{number}", type_=String) for number in range(64)])
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        compiled = query.compile(connection)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", (1,) * 65).fetchall()
    engine.dispose()
    assert [row[3] for row in plan] == ["SEARCH profile USING INDEX sqlite_autoindex_profile_1 (id=?)"]


def test_new_profile_comes_back_as_it_was_made(folder: Path) -> None:
    write = ProfileWrite(
        email="sarah@mail.com",
        phone_number="+15005550006",
        external_id="c-1",
        anonymous_id="a-1",
        kx="k-1",
        attributes={"first_name": "Sarah", "organization": "Ünïcødé 🎈", "title": None},
        location={"city": "Boston", "latitude": 42.36, "zip": "02110"},
        properties={"z": 1, "a": [1, {"b": None}], "big": 2**63 - 1, "small": -(2**63), "pi": 0.1, "text": 'a"\\\n'},
    )
    with open_directory(folder) as directory:
        (number,) = commit(directory, write)
        in_memory = stored(directory, number)
    with open_directory(folder) as directory:
        read = stored(directory, number)
    assert read == in_memory
    assert list(read.properties) == ["z", "a", "big", "small", "pi", "text"]
    assert (read.email, read.first_name, read.title, read.created) == ("sarah@mail.com", "Sarah", None, NOW_US)
    assert read.location == {"city": "Boston", "latitude": 42.36, "zip": "02110"}


@pytest.mark.parametrize(
    "again",
    [
        ProfileWrite(email="sarah@mail.com"),
        ProfileWrite(phone_number="+15005550006"),
        ProfileWrite(external_id="c-1"),
        ProfileWrite(anonymous_id="a-1"),
        ProfileWrite(kx="k-1"),
    ],
)
@pytest.mark.parametrize("reopened", [False, True])
def test_every_identifier_finds_its_profile(folder: Path, again: ProfileWrite, reopened: bool) -> None:
    first = ProfileWrite(
        email="sarah@mail.com", phone_number="+15005550006", external_id="c-1", anonymous_id="a-1", kx="k-1"
    )
    directory = open_directory(folder)
    (number,) = commit(directory, first)
    if reopened:
        directory.close()
        directory = open_directory(folder)
    assert commit(directory, again) == [number]
    assert commit(directory, ProfileWrite(id=stored(directory, number).id)) == [number]
    assert directory.profiles.count(1) == 1
    directory.close()


def test_later_identifiers_of_a_kind_find_the_profile_too(folder: Path) -> None:
    with open_directory(folder) as directory:
        (number,) = commit(directory, ProfileWrite(external_id="c-1", anonymous_id="a-1"))
        commit(directory, ProfileWrite(external_id="c-1", anonymous_id="a-2"))
    with open_directory(folder) as directory:
        assert commit(directory, ProfileWrite(anonymous_id="a-2"), ProfileWrite(anonymous_id="a-1")) == [number] * 2
        assert directory.profiles.find_identifier(1, "anonymous_id", "a-2") == number
        assert directory.profiles.find_identifier(1, "anonymous_id", "a-3") is None


def test_change_of_a_profile_is_kept(folder: Path) -> None:
    with open_directory(folder) as directory:
        (number,) = commit(directory, ProfileWrite(email="a@mail.com", properties={"plan": "free", "n": 1}))
        commit(directory, ProfileWrite(email="a@mail.com", properties={"plan": "pro"}), now_us=NOW_US + 5)
        changed = stored(directory, number)
    assert (changed.properties, changed.updated) == ({"plan": "pro", "n": 1}, NOW_US + 5)
    with open_directory(folder) as directory:
        assert stored(directory, number) == changed


def test_numbers_go_on_after_reopening(folder: Path) -> None:
    with open_directory(folder) as directory:
        first = commit(directory, *[ProfileWrite(external_id=f"a{place}") for place in range(10)])
    with open_directory(folder) as directory:
        then = commit(directory, *[ProfileWrite(external_id=f"b{place}") for place in range(10)])
    assert first == list(range(1, 11))
    assert then == list(range(11, 21))


def test_commit_that_was_not_kept_leaves_neither_rows_nor_memories(folder: Path) -> None:
    with open_directory(folder) as directory:
        (kept,) = commit(directory, ProfileWrite(email="kept@mail.com", properties={"n": 1}))
        before = stored(directory, kept)
        writes = [
            ProfileWrite(email="kept@mail.com", external_id="free", properties={"n": 2}),
            ProfileWrite(email="gone@mail.com"),
        ]
        pending = Pending()
        resolved = directory.profiles.load_identities(1, writes, pending)
        _, gone = resolved.apply(writes, NOW_US + 1).numbers
        resolution_changes(resolved, pending)
        assert directory.profiles.by_numbers(1, [kept, gone]) == {kept: before}
        assert directory.profiles.find_identifier(1, "external_id", "free") is None
        (other,) = commit(directory, ProfileWrite(external_id="free"))
        assert other not in (kept, gone)
        assert commit(directory, ProfileWrite(email="kept@mail.com")) == [kept]
        assert stored(directory, kept) == before


def test_commit_sees_what_a_pending_one_will_change(directory: Directory) -> None:
    commit(directory, ProfileWrite(email="a@mail.com", properties={"n": 1}))
    write = ProfileWrite(email="a@mail.com", external_id="c-1", properties={"m": 2})
    first = Pending()
    one = directory.profiles.load_identities(1, [write], first)
    numbers = one.apply([write], NOW_US + 1).numbers
    changes = [resolution_changes(one, first)]
    second = Pending(first)
    again = [ProfileWrite(external_id="c-1", properties={"k": 3})]
    other = directory.profiles.load_identities(1, again, second)
    assert other.apply(again, NOW_US + 2).numbers == numbers
    changes.append(resolution_changes(other, second))
    for part, pending in zip(changes, (first, second), strict=True):
        keep(directory, part, pending)
    assert stored(directory, numbers[0]).properties == {"n": 1, "m": 2, "k": 3}


def test_commit_without_changes_has_none(directory: Directory) -> None:
    write = ProfileWrite(email="a@mail.com", properties={"n": 1})
    commit(directory, write)
    pending = Pending()
    resolved = directory.profiles.load_identities(1, [write], pending)
    resolved.apply([write], NOW_US + 1)
    assert resolution_changes(resolved, pending) == []


def test_released_identifier_is_free(directory: Directory) -> None:
    (number,) = commit(directory, ProfileWrite(email="a@mail.com", external_id="c-1"))
    pending = Pending()
    resolved = directory.profiles.load_identities(1, [ProfileWrite(email="a@mail.com")], pending)
    resolved.released.add(("email", "a@mail.com"))
    changes = resolution_changes(resolved, pending)
    later = directory.profiles.load_identities(1, [ProfileWrite(email="a@mail.com")], Pending(pending))
    assert later.owners == {}
    keep(directory, changes, pending)
    assert directory.profiles.find_identifier(1, "email", "a@mail.com") is None
    assert commit(directory, ProfileWrite(email="a@mail.com")) != [number]


def test_merged_profiles_keep_their_numbers(directory: Directory) -> None:
    numbers = commit(directory, *[ProfileWrite(external_id=f"c-{place}") for place in range(4)])
    assert directory.profiles.numbers_of(1, numbers[0]) == [numbers[0]]
    merged = [(numbers[1], numbers[0]), (numbers[2], numbers[0])]
    keep(directory, [Change(Table.MERGED_PROFILE, Operation.PUT, 1, merged)])
    assert directory.profiles.numbers_of(1, numbers[0]) == numbers[:3]
    assert directory.profiles.numbers_of(2, numbers[0]) == [numbers[0]]
    assert directory.profiles.survivors(1, numbers) == {numbers[1]: numbers[0], numbers[2]: numbers[0]}


def test_accounts_never_meet(directory: Directory) -> None:
    shop = create_account(directory, "shop").number
    write = ProfileWrite(email="same@mail.com", properties={"n": 1})
    (mine,) = commit(directory, write)
    mine_id = stored(directory, mine).id
    theirs, other = commit(directory, write, ProfileWrite(id=mine_id, external_id="x"), account=shop)
    assert (theirs, other) == (1, 2)
    assert stored(directory, theirs, shop).id != mine_id
    assert directory.profiles.by_numbers(1, [mine, other]).keys() == {mine}
    assert directory.profiles.find_id(shop, mine_id) is None
    assert directory.profiles.find_id(1, mine_id) == mine
    assert directory.profiles.find_identifier(1, "email", "same@mail.com") == mine
    assert [each.number for each in directory.profiles.list(1)] == [mine]
    assert (directory.profiles.count(1), directory.profiles.count(shop)) == (1, 2)


def test_accounts_never_meet_in_the_database_either(folder: Path) -> None:
    with open_directory(folder) as directory:
        shop = create_account(directory, "shop").number
        (mine,) = commit(directory, ProfileWrite(email="same@mail.com"))
    with open_directory(folder) as directory:
        mine_id = stored(directory, mine).id
        assert directory.profiles.by_numbers(shop, [mine]) == {}
        (theirs,) = commit(directory, ProfileWrite(email="same@mail.com"), account=shop)
        assert stored(directory, theirs, shop).id != mine_id


@pytest.mark.parametrize("count", [1, 2, 5, 300, 5_000])
def test_lists_of_every_length_find_all_and_only_theirs(folder: Path, count: int) -> None:
    writes = [ProfileWrite(external_id=f"c-{place}", email=f"{place}@mail.com") for place in range(count)]
    with open_directory(folder) as directory:
        numbers = commit(directory, *writes)
        commit(directory, *[ProfileWrite(external_id=f"d-{place}") for place in range(50)])
    with open_directory(folder) as directory:
        assert commit(directory, *reversed(writes)) == numbers[::-1]
        assert list(directory.profiles.by_numbers(1, numbers)) == sorted(numbers)
        assert directory.profiles.count(1) == count + 50


def test_profiles_are_listed_page_by_page(directory: Directory) -> None:
    numbers = commit(directory, *[ProfileWrite(external_id=f"c-{place}") for place in range(25)])
    pages, after = [], 0
    while page := directory.profiles.list(1, after, 10):
        pages.append([each.number for each in page])
        after = page[-1].number
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [number for page in pages for number in page] == numbers


def test_more_profiles_than_the_memory_holds_are_still_right(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "PROFILE_CACHE_ENTRIES_MAX", 8)
    monkeypatch.setattr(profiles, "IDENTIFIER_CACHE_ENTRIES_MAX", 8)
    with open_directory(folder) as directory:
        for round_ in range(3):
            for start in range(0, 100, 10):
                commit(
                    directory,
                    *[ProfileWrite(external_id=f"c-{start + place}", properties={"n": round_}) for place in range(10)],
                )
        assert directory.profiles.count(1) == 100
        assert {each.properties["n"] for each in directory.profiles.list(1)} == {2}


def test_readers_see_whole_commits_while_one_writes(directory: Directory) -> None:
    numbers = commit(directory, *[ProfileWrite(external_id=f"c-{place}", properties={"n": 0}) for place in range(20)])
    done = threading.Event()
    faults: list[object] = []

    def read() -> None:
        seen = 0
        while not done.is_set():
            rows = directory.profiles.list(1)
            states = {each.properties["n"] for each in rows}
            if len(rows) != len(numbers) or len(states) != 1 or min(states) < seen:
                faults.append((len(rows), states, seen))
            seen = max(states)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for state in range(1, 40):
            writes = [ProfileWrite(external_id=f"c-{place}", properties={"n": state}) for place in range(20)]
            commit(directory, *writes)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert faults == []


values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab$é", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), values, max_size=5))
def test_properties_survive_the_database(directory: Directory, properties: dict[str, Any]) -> None:
    number = commit(directory, ProfileWrite(external_id=f"c-{properties!r}", properties=properties))[0]
    read = next(each for each in directory.profiles.list(number_of(directory, "default"), number - 1, 1))
    assert read.properties == properties
    assert list(read.properties) == list(properties)
    assert repr(read.properties) == repr(properties)
