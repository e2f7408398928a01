from __future__ import annotations

from typing import Any

import pytest

from eventkeep.protocol.fieldsets import Fieldset, field_tree, parse_fieldset

ATTRIBUTES = {
    "email": "a@shop.example",
    "location": {"city": "Porto", "zip": None, "deep": {"a": 1, "b": 2}},
    "properties": {"city": "x"},
}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), {}),
        (("email",), {"email": "a@shop.example"}),
        (("properties", "email"), {"email": "a@shop.example", "properties": {"city": "x"}}),
        (("location.city",), {"location": {"city": "Porto"}}),
        (("location.zip",), {"location": {"zip": None}}),
        (("location.deep.b", "location.city"), {"location": {"city": "Porto", "deep": {"b": 2}}}),
        (("location.city", "location"), {"location": ATTRIBUTES["location"]}),
        (("location", "location.city"), {"location": ATTRIBUTES["location"]}),
        (("location.deep", "location.deep.a"), {"location": {"deep": {"a": 1, "b": 2}}}),
        (("email.part", "nothing", "nothing.more"), {"email": "a@shop.example"}),
    ],
)
def test_only_wanted_attributes_are_selected_in_their_own_order(
    names: tuple[str, ...], expected: dict[str, Any]
) -> None:
    selected = Fieldset(names).select(ATTRIBUTES)
    assert selected == expected
    assert list(selected) == list(expected)


def test_a_fieldset_tells_which_attributes_it_wants_anything_of() -> None:
    fieldset = Fieldset(("email", "location.city"))
    assert "email" in fieldset
    assert "location" in fieldset
    assert "properties" not in fieldset


def test_a_name_stands_for_all_that_it_holds() -> None:
    assert field_tree(("a.b.c", "a.b", "d")) == {"d": {}, "a": {"b": {}}}


def test_unknown_names_are_each_named_once() -> None:
    fieldset, faults = parse_fieldset("fields[event]", "uuid,x,x,,y", ("timestamp", "uuid"))
    assert fieldset.names == ("uuid", "x", "x", "", "y")
    assert [(fault.parameter, fault.detail.partition(".")[0]) for fault in faults] == [
        ("fields[event]", "'x' is not a valid field for this parameter"),
        ("fields[event]", "'' is not a valid field for this parameter"),
        ("fields[event]", "'y' is not a valid field for this parameter"),
    ]
    assert faults[0].detail.endswith("Allowed fields are timestamp, uuid")


def test_an_empty_fieldset_wants_nothing() -> None:
    assert parse_fieldset("fields[event]", "", ("uuid",)) == (Fieldset(()), [])
