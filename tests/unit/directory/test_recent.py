"""The bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventkeep.directory.recent import Recent


def test_what_is_asked_for_stays_and_the_rest_goes() -> None:
    recent: Recent[int, str] = Recent(10)
    recent.put([(0, "kept")])
    for key in range(1, 100):
        recent.put([(key, "passing")])
        assert recent.get(0) == "kept"
    assert recent.get(1) is None


def test_newer_value_takes_the_place_of_the_older_one() -> None:
    recent: Recent[int, str] = Recent(4)
    recent.put([(1, "old")])
    recent.put([(2, ""), (3, "")])
    recent.put([(1, "new")])
    assert recent.peek(1) == recent.get(1) == "new"
    recent.drop([1])
    assert recent.peek(1) is None


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_many_are_found_as_one_by_one_or_not_at_all(put: list[int], keys: list[int]) -> None:
    together: Recent[int, int] = Recent(6)
    alone: Recent[int, int] = Recent(6)
    for recent in (together, alone):
        recent.put((key, -key) for key in put)
    found = together.get_all(keys)
    if found is None:
        assert None in [alone.get(key) for key in keys]
    else:
        assert found == [-key for key in keys] == [alone.get(key) for key in keys]


@given(st.lists(st.tuples(st.sampled_from("gpdk"), st.integers(0, 12))))
def test_it_never_lies_and_never_outgrows_its_bound(steps: list[tuple[str, int]]) -> None:
    recent: Recent[int, int] = Recent(6)
    truth: dict[int, int] = {}
    for place, (step, key) in enumerate(steps):
        if step == "p":
            recent.put([(key, place)])
            truth[key] = place
        elif step == "d":
            recent.drop([key])
            truth.pop(key, None)
        else:
            assert (recent.get(key) if step == "g" else recent.peek(key)) in (None, truth.get(key))
        assert len(recent) <= 6


def test_few_large_values_are_as_much_as_many_small_ones() -> None:
    recent: Recent[int, bytes] = Recent(1_000, bytes_max=100, bytes_of=len)
    for key in range(50):
        recent.put([(key, b"x" * 20)])
        assert len(recent) * 20 <= 100 + 20
    assert recent.peek(49) is not None
    for key in range(50, 100):
        recent.put([(key, b"")])
    assert len(recent) >= 50


def test_a_value_that_is_larger_than_all_may_be_is_there_until_others_come() -> None:
    recent: Recent[int, bytes] = Recent(1_000, bytes_max=100, bytes_of=len)
    recent.put([(1, b"x" * 1_000)])
    assert recent.peek(1) is not None
    recent.put([(2, b"x" * 1_000)])
    assert recent.peek(1) is None
