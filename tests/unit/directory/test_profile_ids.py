"""The ids of new profiles."""

from __future__ import annotations

from eventkeep.clock import SystemRandomness
from eventkeep.directory.profile_ids import ProfileIds
from eventkeep.model.ulid import is_ulid, ulid_milliseconds


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


def test_a_millisecond_has_room_after_the_greatest_start() -> None:
    make = ProfileIds(AllOnes())
    assert make(0) < make(0)
