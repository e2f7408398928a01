"""The ids of profiles that are kept in memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventkeep.directory.known_ids import KnownIds
from eventkeep.model.ulid import ULID_CHARACTERS


def id_of(account: int, number: int) -> str:
    return f"{account}X{number}".rjust(ULID_CHARACTERS, "0")


def test_an_id_is_found_after_it_was_noted_and_only_in_its_account() -> None:
    ids = KnownIds()
    ids.note(1, {5: id_of(1, 5), 70_000: id_of(1, 70_000)})
    assert ids.find(1, [70_000, 6, 5, 90_000]) == [id_of(1, 70_000).encode(), b"", id_of(1, 5).encode(), b""]
    assert ids.find(2, [5]) == [b""]


def test_a_number_beyond_the_maximum_is_not_kept() -> None:
    ids = KnownIds(ids_max=100)
    ids.note(1, {99: id_of(1, 99), 100: id_of(1, 100), 2**32 - 1: id_of(1, 2**32 - 1)})
    assert ids.find(1, [99, 100, 2**32 - 1]) == [id_of(1, 99).encode(), b"", b""]


@given(st.lists(st.tuples(st.integers(1, 3), st.sets(st.integers(1, 60), min_size=1)), max_size=12))
def test_what_is_found_was_noted_and_all_accounts_stay_within_the_maximum(notes: list[tuple[int, set[int]]]) -> None:
    ids, noted = KnownIds(ids_max=64), set()
    for account, numbers in notes:
        ids.note(account, {number: id_of(account, number) for number in numbers})
        noted |= {(account, number) for number in numbers}
        assert ids.find(account, sorted(numbers)) == [id_of(account, number).encode() for number in sorted(numbers)]
        kept = 0
        for each in (1, 2, 3):
            found = ids.find(each, range(64))
            for number, profile_id in enumerate(found):
                assert profile_id in (b"", id_of(each, number).encode())
                assert not profile_id or (each, number) in noted
            kept += sum(map(bool, found))
        assert kept <= 64
