"""Shapes of bodies: a difference from a type is a fault, with its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from eventkeep.errors import InvalidRequest
from eventkeep.protocol.shapes import parse_body


class Part(msgspec.Struct):
    kind: Literal["a", "b"]


class Body(msgspec.Struct):
    type: Literal["body"]
    name: Annotated[str, Meta(max_length=3)]
    flag: bool | UnsetType = UNSET
    count: int | UnsetType | None = UNSET
    either: str | float | UnsetType = UNSET
    parts: Annotated[list[Part], Meta(min_length=1, max_length=2)] | UnsetType = UNSET
    free: dict[str, Any] | UnsetType = UNSET
    later: str | UnsetType = UNSET


def faults(text: str) -> list[tuple[str | None, str]]:
    with pytest.raises(InvalidRequest) as refusal:
        parse(text)
    return [(fault.pointer, fault.detail) for fault in refusal.value.faults]


def parse(text: str) -> Body:
    return parse_body(text.encode(), Body, lambda _, name: name != "later", lambda _value, _faults: None)


def test_a_body_of_the_right_shape_is_decoded() -> None:
    text = '{"type":"body","name":"abc","flag":true,"count":null,"either":1,"parts":[{"kind":"a"}],"free":{"x":[1]}}'
    assert parse(text) == Body("body", "abc", True, None, 1.0, [Part("a")], {"x": [1]})


@pytest.mark.parametrize(
    ("text", "pointer", "detail"),
    [
        ('{"type":"other","name":5}', "/type", "Expected the string 'body', got the string 'other'."),
        ('{"type":"body"}', "/name", "The member 'name' is missing."),
        ('{"type":"body","name":"abcd"}', "/name", "Expected a string of at most 3 characters, got 4."),
        ('{"type":"body","name":null}', "/name", "Expected a string, got null."),
        ('{"type":"body","name":"a","flag":1}', "/flag", "Expected true or false, got the number 1."),
        ('{"type":"body","name":"a","count":"1"}', "/count", "Expected a number, got the string '1'."),
        ('{"type":"body","name":"a","either":true}', "/either", "Expected a string or a number, got true."),
        ('{"type":"body","name":"a","parts":{}}', "/parts", "Expected an array, got an object."),
        (
            '{"type":"body","name":"a","parts":[]}',
            "/parts",
            "Expected an array with at least one element, got an empty one.",
        ),
        (
            '{"type":"body","name":"a","parts":[{"kind":"a"},{"kind":"a"},{"kind":"a"}]}',
            "/parts",
            "Expected an array of at most 2 elements, got 3.",
        ),
        (
            '{"type":"body","name":"a","parts":[{"kind":"c"}]}',
            "/parts/0/kind",
            "Expected the string 'a' or 'b', got the string 'c'.",
        ),
        ('{"type":"body","name":"a","free":[]}', "/free", "Expected an object, got an array."),
        (
            '{"type":"body","name":"a","free":{"x":"\\u0000"}}',
            "/free/x",
            "Expected text without NUL characters, got '\\x00'.",
        ),
    ],
)
def test_what_differs_is_told_with_its_place(text: str, pointer: str, detail: str) -> None:
    assert faults(text) == [(pointer, detail)]


def test_members_that_a_revision_lacks_are_not_known() -> None:
    (fault,) = faults('{"type":"body","name":"a","later":"x"}')
    assert fault[0] == "/later"


def test_all_faults_are_told() -> None:
    found = faults('{"type":"body","name":1,"flag":1,"parts":[{"kind":1},{}]}')
    assert [pointer for pointer, _ in found] == ["/name", "/flag", "/parts/0/kind", "/parts/1/kind"]


def test_the_rules_are_asked_only_if_the_shape_is_right() -> None:
    asked: list[Any] = []

    def check(value: Any, _faults: Any) -> None:
        asked.append(value)

    for text in ('{"type":"body","name":"a"}', '{"type":"body"}'):
        try:
            parse_body(text.encode(), Body, lambda _kind, _name: True, check)
        except InvalidRequest:
            continue
    assert asked == [{"type": "body", "name": "a"}]
