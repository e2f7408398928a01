"""The ids of new profiles."""

from __future__ import annotations

from typing import Self

from eventkeep.clock import SystemRandomness
from eventkeep.directory.profile_ids import COUNTED_MASK, ProfileIds
from eventkeep.model.ulid import RANDOM_BYTES, is_ulid, new_ulid, ulid_milliseconds


def test_ids_grow_whatever_the_clock_does() -> None:
    make = ProfileIds(SystemRandomness())
    made = [make(now_us) for now_us in (5_000, 5_000, 5_999, 6_000, 4_000, 4_000, 7_000)]
    assert sorted(made) == made
    assert len(set(made)) == len(made)
    assert [ulid_milliseconds(each) for each in made] == [5, 5, 5, 6, 6, 6, 7]


def test_ids_are_ulids_and_begin_at_random() -> None:
    made = {ProfileIds(SystemRandomness())(1_700_000_000_000_000) for _ in range(50)}
    assert len(made) == 50
    assert all(is_ulid(each) for each in made)


class AllOnes:
    """Randomness at its greatest."""

    def token_bytes(self, count: int) -> bytes:
        return b"\xff" * count

    def of(self, *_: str | int) -> Self:
        return self


def test_a_millisecond_has_room_after_the_greatest_start() -> None:
    make = ProfileIds(AllOnes())
    assert make(0) < make(0)


class BeforeACarry:
    """Randomness with which the first id ends in the greatest characters that are counted alone."""

    def token_bytes(self, count: int) -> bytes:
        return int.to_bytes(COUNTED_MASK << 1, count, "big")

    def of(self, *_: str | int) -> Self:
        return self


def test_counting_up_carries_into_the_characters_in_common() -> None:
    make = ProfileIds(BeforeACarry())
    assert [make(7_000) for _ in range(3)] == [
        new_ulid(7, (COUNTED_MASK + step).to_bytes(RANDOM_BYTES)) for step in range(3)
    ]
