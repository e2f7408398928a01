"""The keys of events that are not flushed yet."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.events.memory_segment import Commit, MemoryPart
from tests.event_samples import Row, columns

HALVES = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1])
KEYS = st.tuples(HALVES, HALVES)


@given(st.lists(st.lists(KEYS, min_size=1, max_size=6), min_size=1, max_size=4), st.lists(KEYS, max_size=12))
def test_a_key_is_found_if_both_halves_agree(
    commits: list[list[tuple[int, int]]], asked: list[tuple[int, int]]
) -> None:
    made = tuple(
        Commit(position, columns([Row(id=upper, key_low=lower) for upper, lower in keys]))
        for position, keys in enumerate(commits, start=1)
    )
    part = MemoryPart(made, sum(len(keys) for keys in commits), 0)
    ids, lows = (np.array([key[half] for key in asked], dtype=np.uint64) for half in (0, 1))
    stored = {key for keys in commits for key in keys}
    assert part.contains(ids, lows).tolist() == [key in stored for key in asked]
