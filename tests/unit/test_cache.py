"""The bounded cache."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventkeep.cache import Cache


def test_what_is_asked_for_stays_and_the_rest_goes() -> None:
    cache: Cache[int, str] = Cache(10)
    cache.put([(0, "kept")])
    for key in range(1, 100):
        cache.put([(key, "passing")])
        assert cache.get(0) == "kept"
    assert cache.get(1) is None


def test_newer_value_takes_the_place_of_the_older_one() -> None:
    cache: Cache[int, str] = Cache(4)
    cache.put([(1, "old")])
    cache.put([(2, ""), (3, "")])
    cache.put([(1, "new")])
    assert cache.peek(1) == cache.get(1) == "new"
    cache.drop([1])
    assert cache.peek(1) is None


@given(st.lists(st.tuples(st.sampled_from("gpdk"), st.integers(0, 12))))
def test_it_never_lies_and_never_outgrows_its_bound(steps: list[tuple[str, int]]) -> None:
    cache: Cache[int, int] = Cache(6)
    truth: dict[int, int] = {}
    for place, (step, key) in enumerate(steps):
        if step == "p":
            cache.put([(key, place)])
            truth[key] = place
        elif step == "d":
            cache.drop([key])
            truth.pop(key, None)
        else:
            assert (cache.get(key) if step == "g" else cache.peek(key)) in (None, truth.get(key))
        assert len(cache) <= 6


def test_few_large_values_are_as_much_as_many_small_ones() -> None:
    cache: Cache[int, bytes] = Cache(1_000, bytes_max=100, bytes_of=len)
    for key in range(50):
        cache.put([(key, b"x" * 20)])
        assert len(cache) * 20 <= 100 + 20
    assert cache.peek(49) is not None
    for key in range(50, 100):
        cache.put([(key, b"")])
    assert len(cache) >= 50


def test_a_value_that_is_larger_than_all_may_be_is_there_until_others_come() -> None:
    cache: Cache[int, bytes] = Cache(1_000, bytes_max=100, bytes_of=len)
    cache.put([(1, b"x" * 1_000)])
    assert cache.peek(1) is not None
    cache.put([(2, b"x" * 1_000)])
    assert cache.peek(1) is None
