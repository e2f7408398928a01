from __future__ import annotations

from typing import Any

import pytest

from eventkeep.cli.assignments import parse_assignments
from eventkeep.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["note=two cups", "items:=2"], {"note": "two cups", "items": 2}),
        (["a=b=c", "d=e:=f", "g="], {"a": "b=c", "d": "e:=f", "g": ""}),
        (['list:=[1,{"a":null}]', "big:=9223372036854775807"], {"list": [1, {"a": None}], "big": 2**63 - 1}),
        (["location.city=Paris", "location.zip=75001"], {"location": {"city": "Paris", "zip": "75001"}}),
        (["plan.name=gold", "lines=a\nb"], {"plan.name": "gold", "lines": "a\nb"}),
        ([], {}),
    ],
)
def test_assignments_make_an_object(given: list[str], found: dict[str, Any]) -> None:
    assert parse_assignments("--property", given, nested=("location",)) == found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["note"], "--property: expected NAME=TEXT or NAME:=JSON, got 'note'"),
        (["=text"], "expected NAME=TEXT"),
        (["items:=two"], "expected JSON after items:=, got 'two'"),
        (["a=1", "a:=2"], "a is given twice"),
        (["location=here", "location.city=Paris"], r"location\.city is given twice"),
    ],
)
def test_invalid_assignments_are_refused(given: list[str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        parse_assignments("--property", given, nested=("location",))
