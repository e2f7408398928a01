"""Positions as clients see them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventkeep.directory.moves import Home
from eventkeep.limits import SHARDS_MAX
from eventkeep.server.positions import POSITION_DIGITS_MAX, POSITIONS, SeenPosition, seen_position, shown_position

homes = st.builds(Home, st.integers(0, 998), st.integers(0, SHARDS_MAX - 1))
positions = st.integers(0, POSITIONS - 1)


@given(homes, positions)
def test_a_position_comes_back_as_it_was_shown(home: Home, position: int) -> None:
    shown = shown_position(home, position)
    assert seen_position(shown) == SeenPosition(home, position)
    assert len(str(shown)) <= POSITION_DIGITS_MAX


@given(homes, positions, positions, st.integers(0, SHARDS_MAX - 1))
def test_the_highest_number_is_that_of_the_last_home(home: Home, before: int, after: int, shard: int) -> None:
    moved = Home(home.moves + 1, shard)
    assert shown_position(moved, after) > shown_position(home, before)


def test_a_cluster_without_shards_shows_the_position_alone() -> None:
    assert shown_position(Home(0, 0), 60_210) == 60_210
