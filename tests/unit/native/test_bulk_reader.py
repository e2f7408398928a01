"""The compiled reader and bulk creates: it is there, reads what is plain as Python does, and nothing else."""

from __future__ import annotations

import ctypes
import json
import shutil
import struct
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_128_digest

from eventkeep.limits import (
    BULK_EVENTS_MAX,
    COMPILED_METRICS_MAX,
    PROPERTIES_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
    PROPERTY_LEVELS_MAX,
    PROPERTY_STRING_BYTES_MAX,
)
from eventkeep.model.submission import Submission
from eventkeep.native import library as compiled
from eventkeep.native.bulk_reader import BulkReader
from eventkeep.native.library import is_built, library
from eventkeep.native.single_reader import SingleReader
from eventkeep.native.validation_rules import HASH_BYTES, UNIQUE_ID_BYTES_MAX, ValidationRules
from eventkeep.protocol.creates.native_parser import plain_bulk_create
from eventkeep.protocol.creates.parser import decoded_bulk_create
from eventkeep.protocol.revisions import REVISIONS
from tests.create_rules import bulk, event, item, metric, single, text
from tests.submitted import numbers

RECEIVED_AT: Final = 1_750_000_000
needs_reader = pytest.mark.skipif(not is_built(), reason="there was no C compiler when eventkeep was installed")


def plain(body: bytes) -> Submission | None:
    return plain_bulk_create(body, REVISIONS[-1], RECEIVED_AT)


def with_attributes(members: str) -> bytes:
    """A bulk create of one event, with more members, as they are written, among its attributes."""
    mark = '"time": "2024-06-15T12:00:00+00:00"'
    body = json.dumps(bulk(item(event())))
    assert mark in body
    return body.replace(mark, members).encode()


def test_reader_is_built_where_there_is_a_compiler() -> None:
    assert is_built() or shutil.which("cc") is None


@needs_reader
def test_unique_ids_are_hashed_as_elsewhere() -> None:
    content = bytes(range(256)) * 2
    for size in range(1, UNIQUE_ID_BYTES_MAX + 1):
        for start in (0, 101):
            hashed = ctypes.create_string_buffer(HASH_BYTES)
            library().eventkeep_hash(content[start : start + size], ctypes.c_size_t(size), hashed)
            assert hashed.raw == xxh3_128_digest(content[start : start + size])


@needs_reader
@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**9), 10**9, places=2).map(float))
def test_values_are_the_nearest_doubles(value: float) -> None:
    submission = plain(with_attributes(f'"value": {value!r}'))
    # Exponents of three digits, and less than zero of nothing, are looked at elsewhere.
    if submission is None:
        assert abs(value) > 1e99 or abs(value) < 1e-99
    else:
        assert submission.value == struct.pack("<d", value)


@needs_reader
@settings(max_examples=500)
@given(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_values_in_any_form_are_those_of_python(number: str) -> None:
    body = with_attributes(f'"value": {number}')
    submission, decoded = plain(body), decoded_bulk_create(body, REVISIONS[-1], RECEIVED_AT)
    assert submission is None or submission == decoded


digits = st.integers(0, 99).map("{:02d}".format)
times = st.builds(
    "{}-{}-{}{}{}:{}:{}{}{}".format,
    st.integers(1990, 2030),
    st.integers(0, 13).map("{:02d}".format),
    st.integers(0, 32).map("{:02d}".format),
    st.sampled_from("Tt x"),
    st.integers(0, 25).map("{:02d}".format),
    digits,
    digits,
    st.sampled_from(["", ".5", ",123456789", ".", "." + "1" * 60]),
    st.sampled_from(
        ["", "Z", "z", "+00:00", "-23:59", "+24:00", "+0530", "+05", "+5", "+05:3", "+05:", "Z ", "+05:60"]
    ),
)


@needs_reader
@settings(max_examples=2_000)
@given(times)
def test_times_are_those_of_python(time: str) -> None:
    body = with_attributes(f'"time": "{time}"')
    submission, decoded = plain(body), decoded_bulk_create(body, REVISIONS[-1], RECEIVED_AT)
    assert submission == decoded


@needs_reader
@pytest.mark.parametrize("year", range(1999, 2026))
def test_every_day_of_a_year_is_counted(year: int) -> None:
    for month in range(1, 13):
        for day in (1, 28, 29, 30, 31):
            body = with_attributes(f'"time": "{year}-{month:02d}-{day:02d}T00:00:00Z"')
            assert plain(body) == decoded_bulk_create(body, REVISIONS[-1], RECEIVED_AT)


def deep(levels: int) -> Any:
    return {"a": deep(levels - 1)} if levels > 1 else {}


PROPERTIES: Final[dict[str, tuple[Any, bool]]] = {
    "nothing": ({}, True),
    "as many properties as may be": ({str(number): number for number in range(PROPERTIES_MAX)}, True),
    "a property too many": ({str(number): number for number in range(PROPERTIES_MAX + 1)}, False),
    "as deep as may be": (deep(PROPERTY_LEVELS_MAX), True),
    "a level too many": (deep(PROPERTY_LEVELS_MAX + 1), False),
    "the longest string": ({"a": "x" * PROPERTY_STRING_BYTES_MAX}, True),
    "too long a string": ({"a": "x" * (PROPERTY_STRING_BYTES_MAX + 1)}, False),
    "too long a key": ({"x" * (PROPERTY_STRING_BYTES_MAX + 1): 1}, False),
    "the longest array": ({"a": [0] * PROPERTY_ARRAY_ELEMENTS_MAX}, True),
    "too long an array": ({"a": [0] * (PROPERTY_ARRAY_ELEMENTS_MAX + 1)}, False),
    "an array in an array": ({"a": [[], [[{}]], {"a": [1]}]}, True),
    "the same key in two objects": ({"a": {"a": 1}, "b": {"a": 2}}, True),
    "no object": ([], False),
    "all kinds of values": ({"a": [True, False, None, -0.5e-3, "é🙂\n\u001f", 10**17]}, True),
    "a NUL": ({"a": "\x00"}, False),
    "an integer past 64 bits": ({"a": 10**20}, False),
}


@needs_reader
@pytest.mark.parametrize("name", PROPERTIES)
def test_properties_are_taken_up_to_their_limits(name: str) -> None:
    properties, is_plain = PROPERTIES[name]
    submission = plain(text(bulk(item(event(properties=properties)))))
    assert (submission is not None) is is_plain
    assert submission is None or json.loads(submission.properties) == properties


DOUBTFUL: Final = r"""
    {"a":1,"a":1}  {"b":{"a":1,"c":[],"a":2}}  {"a":1,"\u0061":1}  {"a":01}  {"a":"\ud800"}  {"a":1,}  {  {"a":[1}
    {"a":tru}  {"a":1]}  {"a":[1,]}  {"a"}  {"a":"\x"}  {"a":-}  {"a":1.}  {"a":1e}  {"a":"\u000g"}  {"a":"b}
"""


@needs_reader
@pytest.mark.parametrize("properties", DOUBTFUL.split())
def test_properties_in_doubt_are_left_to_others(properties: str) -> None:
    assert plain(text(bulk(item(event(properties="@")))).replace(b'"@"', properties.encode())) is None


@needs_reader
def test_events_are_taken_up_to_the_limit() -> None:
    many = [item(event(unique_id=str(number))) for number in range(BULK_EVENTS_MAX)]
    submission = plain(text(bulk(*many)))
    assert submission is not None
    assert len(submission) == BULK_EVENTS_MAX
    assert plain(text(bulk(*many, item(event())))) is None


@needs_reader
def test_metrics_are_numbered_in_their_order() -> None:
    names = [f"metric {number}" for number in range(COMPILED_METRICS_MAX)]
    submission = plain(text(bulk(item(*[event(metric=metric(name)) for name in [*names, *reversed(names)]]))))
    assert submission is not None
    assert [name for name, _ in submission.metrics] == names
    assert numbers(submission.metric_index) == [*range(len(names)), *reversed(range(len(names)))]
    assert plain(text(bulk(item(*[event(metric=metric(name)) for name in [*names, "one more"]])))) is None


@needs_reader
def test_a_metric_written_in_two_ways_is_one() -> None:
    body = text(bulk(item(event(), event()))).replace(b'"metric":', b'"metric": ', 1)
    other = body.replace(b'"name": "Placed Order"', b'"name":"Placed Order"', 1)
    submission = plain(other)
    assert submission is not None
    assert (submission.metrics, numbers(submission.metric_index)) == ([("Placed Order", "api")], [0, 0])


def test_nothing_is_read_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "LIBRARY", compiled.LIBRARY.with_name("not there.so"))
    library.cache_clear()
    try:
        terms = ValidationRules(frozenset(), 0, 1)
        assert BulkReader(terms).read(text(bulk(item(event()))), 0, RECEIVED_AT) is None
        assert SingleReader(terms).read(text(single()), 0, RECEIVED_AT) is None
    finally:
        library.cache_clear()
