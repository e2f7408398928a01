"""ULIDs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.model.ulid import MILLISECONDS_MAX, RANDOM_BYTES, is_ulid, new_ulid, ulid_milliseconds

moments = st.integers(0, MILLISECONDS_MAX)
randomness = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(moments, randomness)
def test_a_ulid_tells_its_moment(milliseconds: int, random: bytes) -> None:
    ulid = new_ulid(milliseconds, random)
    assert is_ulid(ulid)
    assert ulid_milliseconds(ulid) == milliseconds


@given(st.tuples(moments, randomness), st.tuples(moments, randomness))
def test_ulids_sort_by_time_and_number(one: tuple[int, bytes], other: tuple[int, bytes]) -> None:
    assert (new_ulid(*one) < new_ulid(*other)) == (one < other)


def test_the_ends_of_the_range() -> None:
    assert new_ulid(0, bytes(10)) == "0" * 26
    assert new_ulid(MILLISECONDS_MAX, b"\xff" * 10) == "7" + "Z" * 25


@pytest.mark.parametrize(
    ("milliseconds", "random"), [(-1, bytes(10)), (MILLISECONDS_MAX + 1, bytes(10)), (0, bytes(9))]
)
def test_values_out_of_range_are_refused(milliseconds: int, random: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        new_ulid(milliseconds, random)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0" * 25,
        "0" * 27,
        "8" + "0" * 25,
        "0" * 25 + "I",
        "0" * 25 + "U",
        "01arz3ndektsv4rrffq69g5fav",
        "0" * 26 + "\n",
    ],
)
def test_invalid_ulids_are_detected(text: str) -> None:
    assert not is_ulid(text)
    with pytest.raises(ValueError, match="expected a ULID"):
        ulid_milliseconds(text)
