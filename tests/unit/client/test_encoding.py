from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import re
import types
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from eventkeep.client.drafts import draft_attributes, draft_profile
from eventkeep.client.encoding import encoded
from eventkeep.client.errors import ArgumentError


class SafeText(str):
    """Text as Django marks it."""


class Whole(int):
    pass


class Real(float):
    pass


class Moment(datetime.datetime):
    pass


class Grade(enum.StrEnum):
    GOOD = "good"


class Share(enum.Enum):
    NONE = float("nan")


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass
class Plain:
    a: Any


class Typed(msgspec.Struct):
    a: Any


class OwnDict(dict[str, Any]):
    pass


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (SafeText("x"), b'"x"'),
        (Whole(3), b"3"),
        (Real(1.5), b"1.5"),
        (Grade.GOOD, b'"good"'),
        (Moment(2024, 6, 15), b'"2024-06-15T00:00:00"'),
        (Decimal("9.90"), b"9.90"),
        (np.int64(2**62), b"4611686018427387904"),
        (np.float64(1.5), b"1.5"),
        (np.float32(0.5), b"0.5"),
        (np.bool_(True), b"true"),
        (np.array([[1, 2]]), b"[[1,2]]"),
        (types.MappingProxyType({"a": 1}), b'{"a":1}'),
        (collections.UserDict(a=1), b'{"a":1}'),
        (collections.OrderedDict(a=1), b'{"a":1}'),
        (collections.deque([1]), b"[1]"),
        ({SafeText("k"): SafeText("v")}, b'{"k":"v"}'),
        (Plain(SafeText("x")), b'{"a":"x"}'),
        (Typed(np.int64(1)), b'{"a":1}'),
        (Pair(1, SafeText("x")), b'[1,"x"]'),
        (uuid.UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
        ("null and NaN are text", b'"null and NaN are text"'),
        (None, b"null"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value]], ids=["alone", "in a list"])
def test_values_become_json_by_one_rule(value: Any, json: bytes, wrap: Any) -> None:
    content = encoded("properties", {"a": wrap(value)})
    assert content == b'{"a":%b}' % (json if wrap(value) is value else b"[%b]" % json)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), Real("-inf"), Decimal("NaN"), np.float64("nan")])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda number: number,
        lambda number: {"a": number},
        lambda number: collections.OrderedDict(a=number),
        OwnDict.fromkeys,
        Plain,
        lambda number: Plain(Plain({"b": [number]})),
        Typed,
        lambda number: {number},
        lambda number: frozenset({number}),
        lambda number: Pair(1, number),
        lambda number: (None, number),
        lambda number: [[number], None],
        lambda number: Share.NONE,
    ],
)
def test_numbers_that_are_not_finite_are_refused_wherever_they_stand(number: Any, wrap: Any) -> None:
    value = wrap(["a"]) if wrap == OwnDict.fromkeys else wrap(number)
    value = OwnDict(a=number) if wrap == OwnDict.fromkeys else value
    with pytest.raises(ArgumentError, match="properties: expected finite numbers, got"):
        encoded("properties", {"deep": value})


@pytest.mark.parametrize("value", [object(), {object(): 1}, Plain(object()), lambda: None, {1, b"x", object()}])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match="properties: can't be written as JSON"):
        encoded("properties", {"a": value})


class Unclear:
    """Compares and converts as a pandas Series does: it raises ValueError."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value is ambiguous")

    def __float__(self) -> float:
        raise ValueError("no single number")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": 10**400}, "value: expected a number, got 1000"),
        ({"value": Unclear()}, "value: expected a number"),
        ({"value": Decimal("NaN")}, "value: expected a finite number"),
        ({"properties": Unclear()}, "properties: expected a mapping, got Unclear"),
        ({"properties": {"a": Unclear()}}, "properties: can't be written as JSON"),
        ({"time": Unclear()}, "time: expected a datetime"),
        ({"unique_id": Unclear()}, "unique_id: expected text"),
        ({"value_currency": Unclear()}, "value_currency: expected text"),
        ({"service": 7}, "service: expected text"),
    ],
)
def test_whatever_is_given_is_refused_by_an_error_of_ours(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        draft_attributes("Tick", **arguments)


@pytest.mark.parametrize("profile", [{"email": Unclear()}, {"id": Unclear()}, {Unclear(): 1}, Unclear()])
def test_whatever_profile_is_given_is_refused_by_an_error_of_ours(profile: Any) -> None:
    with pytest.raises(ArgumentError):
        draft_profile(profile)


def test_not_a_time_of_pandas_is_no_time() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ArgumentError, match="time: expected a datetime or ISO 8601 text, got NaT"):
        draft_attributes("Tick", time=pandas.NaT)
    with pytest.raises(ArgumentError, match="expected a time, got NaT"):
        encoded("properties", {"a": pandas.NaT})


@pytest.mark.parametrize(
    "profile", [types.MappingProxyType({"email": SafeText("a@b.example")}), collections.UserDict(email="a@b.example")]
)
def test_profile_is_any_mapping(profile: Mapping[str, Any]) -> None:
    assert draft_profile(profile).json == b'{"email":"a@b.example"}'


def test_texts_may_be_of_a_subclass() -> None:
    text = SafeText("x")
    found = draft_attributes(
        text, unique_id=text, value_currency=SafeText("EUR"), time=SafeText("2024-01-01"), service=text
    )
    assert type(found.unique_id) is type(found.time) is str
    assert msgspec.json.decode(encoded("event", found))["unique_id"] == "x"
