"""Checks over raw JSON: what they promise is true, in small bodies and in large ones."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventkeep.limits import PROPERTY_STRING_BYTES_MAX
from eventkeep.protocol.raw_json import (
    COLUMN_BYTES_MIN,
    INTEGER_MAX,
    INTEGER_MIN,
    count_keys,
    has_no_telling_escape,
    integers_fit,
    strings_fit,
)

PADDING = '"' + "x" * COLUMN_BYTES_MIN + '"'
texts = st.text(alphabet=st.sampled_from('ab1:", {}[]\\é🙂\n'), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
layouts = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), (",\n\t", "\r\n:")])


def encoded(value: Any, layout: tuple[str, str], is_ascii: bool, is_large: bool) -> bytes:
    text = json.dumps(value, separators=layout, ensure_ascii=is_ascii)
    return (f"[{PADDING},{text}]" if is_large else text).encode()


def integers_in(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [number for member in value.values() for number in integers_in(member)]
    if isinstance(value, list):
        return [number for element in value for number in integers_in(element)]
    return [value] if type(value) is int else []


@given(values, layouts, st.booleans(), st.booleans())
@example({"": [INTEGER_MAX, INTEGER_MIN]}, (",", ":"), True, True)
@example([INTEGER_MAX + 1], (",", ":"), True, True)
@example([INTEGER_MIN - 1], (",", ":"), True, True)
def test_integers_that_fit_do_fit(value: Any, layout: tuple[str, str], is_ascii: bool, is_large: bool) -> None:
    if integers_fit(encoded(value, layout, is_ascii, is_large)):
        assert all(INTEGER_MIN <= number <= INTEGER_MAX for number in integers_in(value))


@pytest.mark.parametrize("before", range(20))
@pytest.mark.parametrize("is_large", [False, True])
def test_a_long_integer_is_found_wherever_it_begins(before: int, is_large: bool) -> None:
    head = "[" + (PADDING if is_large else '"x"') + "," + " " * before
    for digits in range(19, 45):
        number = "9" * digits
        assert integers_fit(f"{head}{number}]".encode()) == (digits == 19)
        assert integers_fit(f"{head}-{number}]".encode()) == (False if digits > 19 else int(number) <= 2**63)
        assert integers_fit(f'{head}"{number}"]'.encode())
        assert integers_fit(f"{head}0.{number}]".encode())
        assert integers_fit(f"{head}{number}.5]".encode())
        assert integers_fit(f"{head}1]{' ' * digits}".encode())


@pytest.mark.parametrize("is_large", [False, True])
def test_one_long_integer_among_many_long_texts_is_found(is_large: bool) -> None:
    text = '"' + "1234567890" * 3 + '"'
    head = ",".join([PADDING if is_large else text] + [text] * 50)
    assert integers_fit(f"[{head}]".encode())
    assert not integers_fit(f"[{head},{'1' * 21},{head}]".encode())


@given(values, layouts, st.booleans(), st.booleans())
def test_what_was_decoded_has_as_many_keys_as_the_body(
    value: Any, layout: tuple[str, str], is_ascii: bool, is_large: bool
) -> None:
    body = encoded(value, layout, is_ascii, is_large)
    if has_no_telling_escape(body) and (keys := count_keys(body)) is not None:
        assert keys == count_keys(msgspec.json.encode(msgspec.json.decode(body)))


objects = st.lists(st.tuples(texts, texts), min_size=1, max_size=6)


@given(objects, layouts, st.booleans(), st.booleans())
@example([("a", ""), ("a", "")], (",", ":"), False, False)
@example([("a", ":"), ("a", '":')], (",", " : "), False, False)
def test_a_repeated_key_is_not_overlooked(
    pairs: list[tuple[str, str]], layout: tuple[str, str], is_ascii: bool, is_large: bool
) -> None:
    comma, colon = layout
    members = [
        json.dumps(key, ensure_ascii=is_ascii) + colon + json.dumps(text, ensure_ascii=is_ascii) for key, text in pairs
    ]
    body = ("{" + comma.join([*members, f'"padding":{PADDING}'] if is_large else members) + "}").encode()
    keys = count_keys(body)
    if len(dict(pairs)) == len(pairs) or keys is None:
        return
    assert keys != count_keys(msgspec.json.encode(msgspec.json.decode(body)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rb'"\u0000"', False),
        (rb'"\u0022"', False),
        (rb'"\u003a\u003A"', False),
        (rb'"\u00e9\n\\"', True),
        (b'"plain"', True),
    ],
)
def test_telling_escapes_are_noticed(body: bytes, expected: bool) -> None:
    assert has_no_telling_escape(body) is expected


def test_strings_are_measured_in_bytes_wherever_they_stand() -> None:
    longest = "é" * (PROPERTY_STRING_BYTES_MAX // 2)
    assert strings_fit([{"a": [longest]}, 1, None])
    assert not strings_fit([{"a": [longest + "x"]}])
    assert not strings_fit([{longest + "x": 1}])
