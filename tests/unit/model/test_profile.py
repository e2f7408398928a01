"""The effect of a write on a profile."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.model.profile import Profile, merged
from eventkeep.model.profile_write import ProfileWrite

NOW = 1_750_000_000_000_000


def profile(**members: Any) -> Profile:
    return Profile(**{"number": 1, "id": "0" * 26, "account": 1, "created": 5, "updated": 5, **members})


def after(profile: Profile, **write: Any) -> Profile:
    return merged(profile, ProfileWrite(**write), NOW)


def properties_after(before: dict[str, Any], **write: Any) -> dict[str, Any]:
    return after(profile(properties=before), **write).properties


def test_given_attributes_overwrite_absent_ones_stay_and_null_clears() -> None:
    before = profile(first_name="Sarah", last_name="Mason", title="Dr.")
    result = after(before, attributes={"first_name": "Sally", "title": None})
    assert (result.first_name, result.last_name, result.title) == ("Sally", "Mason", None)
    assert (result.created, result.updated) == (5, NOW)


def test_a_write_that_changes_nothing_gives_the_profile_itself() -> None:
    before = profile(first_name="Sarah", location={"city": "Oslo"}, properties={"a": [1]})
    assert after(before) is before
    same = {"attributes": {"first_name": "Sarah", "title": None}, "location": {"city": "Oslo", "zip": None}}
    assert after(before, **same, properties={"a": [1]}, append={"a": 1}, unappend={"b": 1}, unset=("c",)) is before


def test_a_location_merges_member_by_member() -> None:
    before = profile(location={"city": "Oslo", "zip": "0150"})
    assert after(before, location={"city": None, "latitude": 59.9}).location == {"zip": "0150", "latitude": 59.9}
    assert after(before, clears_location=True).location == {}


def test_properties_merge_key_by_key_and_keep_null() -> None:
    result = properties_after({"a": 1, "b": {"x": 1}}, properties={"b": {"y": 2}, "c": None})
    assert result == {"a": 1, "b": {"y": 2}, "c": None}


@pytest.mark.parametrize(
    ("old", "given", "result"),
    [
        ({}, "x", ["x"]),
        ({"a": None}, "x", ["x"]),
        ({"a": ["x"]}, "y", ["x", "y"]),
        ({"a": ["x"]}, ["y", "x", "y"], ["x", "y"]),
        ({"a": "x"}, "y", ["x", "y"]),
        ({"a": [True]}, [1, 1.0, False, 0], [True, 1, False, 0]),
        ({"a": ["x", "x", {"k": 1}, [1]]}, 1, ["x", "x", {"k": 1}, [1], 1]),
    ],
)
def test_values_are_appended_without_repeats(old: dict[str, Any], given: Any, result: list[Any]) -> None:
    assert repr(properties_after(old, append={"a": given})["a"]) == repr(result)


@pytest.mark.parametrize(
    ("old", "given", "result"),
    [
        ({"a": ["x", "y", "x"]}, "x", {"a": ["y"]}),
        ({"a": [1, True, "1", [1]]}, [1, "2"], {"a": [True, "1", [1]]}),
        ({"a": "x"}, "x", {"a": "x"}),
        ({}, "x", {}),
    ],
)
def test_values_are_unappended_from_arrays(old: dict[str, Any], given: Any, result: dict[str, Any]) -> None:
    assert repr(properties_after(old, unappend={"a": given})) == repr(result)


def test_patches_come_after_the_properties_and_unset_last() -> None:
    write: dict[str, Any] = {"properties": {"a": [1], "b": 2, "c": 3}, "append": {"a": [2, 3]}, "unappend": {"a": 1}}
    assert properties_after({"a": [9]}, **write, unset=("b", "z")) == {"a": [2, 3], "c": 3}


def test_true_and_one_are_different_values() -> None:
    assert repr(properties_after({"a": 1}, properties={"a": True})) == "{'a': True}"
    assert (
        repr(properties_after({"a": [1, {"b": 0}]}, properties={"a": [1, {"b": False}]})) == "{'a': [1, {'b': False}]}"
    )


names = st.sampled_from(["a", "b", "c"])
simple = st.booleans() | st.integers(-2, 2) | st.sampled_from(["x", "y", "1"]) | st.sampled_from([0.5, 1.0])
values = st.none() | simple | st.lists(simple | st.dictionaries(names, simple, max_size=1), max_size=3)
patches = st.none() | st.dictionaries(names, simple | st.lists(simple, max_size=3), max_size=3)
writes = st.builds(
    ProfileWrite,
    attributes=st.dictionaries(st.sampled_from(["first_name", "title"]), st.none() | st.sampled_from(["x", "y"])),
    location=st.none() | st.dictionaries(st.sampled_from(["city", "latitude"]), st.none() | simple),
    clears_location=st.booleans(),
    properties=st.none() | st.dictionaries(names, values, max_size=3),
    append=patches,
    unappend=patches,
    unset=st.lists(names, max_size=2).map(tuple),
)
profiles = st.builds(
    profile, properties=st.dictionaries(names, values, max_size=3), title=st.none() | st.sampled_from(["x", "y"])
)


@given(profiles, writes)
def test_merging_the_same_write_again_changes_nothing(before: Profile, write: ProfileWrite) -> None:
    once = merged(before, write, NOW)
    assert merged(once, write, NOW + 1) is once


@given(profiles, writes)
def test_merging_leaves_its_arguments_unchanged(before: Profile, write: ProfileWrite) -> None:
    copies = copy.deepcopy(before), copy.deepcopy(write)
    result = merged(before, write, NOW)
    assert (before, write) == copies
    assert result is before or result.updated == NOW
