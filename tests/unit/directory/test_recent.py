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
