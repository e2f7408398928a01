"""The compiled reader: it is built, and parses plain bodies as the full parser does."""

from __future__ import annotations

import ctypes
import itertools
import json
import shutil
import threading
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from xxhash import xxh3_128_intdigest

from eventkeep.errors import InvalidRequest
from eventkeep.limits import (
    BODY_BYTES_MAX,
    BULK_EVENTS_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
    PROPERTY_LEVELS_MAX,
    PROPERTY_STRING_BYTES_MAX,
)
from eventkeep.model.submission import Submission
from eventkeep.native import library as native_library
from eventkeep.native.library import is_built, library
from eventkeep.native.reader import OPEN_KEYS_MAX, UNIQUE_ID_BYTES_MAX, NativeReader, ReaderRules
from eventkeep.protocol.creates.native_parser import parse_natively
from eventkeep.protocol.creates.parser import parse_bulk_create, parse_create_event
from eventkeep.protocol.revisions import REVISIONS, Revision
from tests.create_rules import bulk, event, item, metric, profile, single, text
from tests.submitted import comparable, currencies, numbers, texts, unique_ids, values

RECEIVED_AT: Final = 1_750_000_000
REVISION: Final = REVISIONS[-1]
needs_reader = pytest.mark.skipif(not is_built(), reason="there was no C compiler when eventkeep was installed")


def plain(body: bytes) -> Submission | None:
    """The submission of a bulk create, if it is plain."""
    return parse_natively([body], True, REVISION, RECEIVED_AT)[0]


def plain_single(body: bytes, received_at: int = RECEIVED_AT) -> Submission | None:
    return parse_natively([body], False, REVISION, received_at)[0]


def full(body: bytes) -> Submission | None:
    """The submission of a bulk create by the full parser; None if it is refused."""
    try:
        return parse_bulk_create(body, REVISION, RECEIVED_AT)
    except InvalidRequest:
        return None


def full_single(body: bytes, received_at: int = RECEIVED_AT) -> Submission | None:
    try:
        return parse_create_event(body, REVISION, received_at)
    except InvalidRequest:
        return None


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
            high, low = ctypes.c_uint64(), ctypes.c_uint64()
            unique_id = content[start : start + size]
            library().eventkeep_hash(unique_id, ctypes.c_size_t(size), ctypes.byref(high), ctypes.byref(low))
            assert high.value << 64 | low.value == xxh3_128_intdigest(unique_id)


@needs_reader
@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**9), 10**9, places=2).map(float))
def test_values_are_the_nearest_doubles(value: float) -> None:
    submission = plain(with_attributes(f'"value": {value!r}'))
    # Exponents of three digits are left to the full parser.
    if submission is None:
        assert abs(value) > 1e99 or abs(value) < 1e-99
    else:
        assert repr(values(submission)) == repr([value])


@needs_reader
@settings(max_examples=500)
@given(st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_values_in_any_form_are_those_of_python(number: str) -> None:
    body = with_attributes(f'"value": {number}')
    submission = plain(body)
    assert submission is None or comparable(submission) == comparable(full(body))


digits = st.integers(0, 99).map("{:02d}".format)
times = st.builds(
    "{}-{}-{}{}{}:{}{}{}{}".format,
    st.integers(1990, 2030),
    st.integers(0, 13).map("{:02d}".format),
    st.integers(0, 32).map("{:02d}".format),
    st.sampled_from("Tt x"),
    st.integers(0, 25).map("{:02d}".format),
    digits,
    st.just("") | digits.map(":{}".format),
    st.sampled_from(["", ".5", ",123456789", ".", "." + "1" * 60]),
    st.sampled_from(
        ["", "Z", "z", "+00:00", "-23:59", "+24:00", "+0530", "+05", "+5", "+05:3", "+05:", "Z ", "+05:60"]
    ),
)


@needs_reader
@settings(max_examples=2_000)
@given(times)
@example("2024-06-15")
@example("2024-02-30")
@example("2024-06-15Z")
@example("2024-06-15T12")
@example("2024-06-15T12:00.5")
@example("2024-06-15T12:00:0")
@example("2024-06-15T12:00:")
def test_times_are_those_of_python(time: str) -> None:
    body = with_attributes(f'"time": "{time}"')
    assert comparable(plain(body)) == comparable(full(body))


@needs_reader
@pytest.mark.parametrize("year", range(1999, 2026))
def test_every_day_of_a_year_is_counted(year: int) -> None:
    for month in range(1, 13):
        for day in (1, 28, 29, 30, 31):
            body = with_attributes(f'"time": "{year}-{month:02d}-{day:02d}T00:00:00Z"')
            assert comparable(plain(body)) == comparable(full(body))


def numbered(keys: int) -> dict[str, int]:
    """An object of so many members."""
    return {str(number): number for number in range(keys)}


def deep(levels: int) -> Any:
    return {"a": deep(levels - 1)} if levels > 1 else {}


PROPERTIES: Final[dict[str, tuple[Any, bool]]] = {
    "nothing": ({}, True),
    "as many properties as may be": (numbered(REVISION.properties_max), True),
    "a property too many": (numbered(REVISION.properties_max + 1), False),
    "an order of many items": ({"Items": [numbered(30) for _ in range(100)], "$extra": {"a": numbered(90)}}, True),
    "as many open keys as may be": ({"a": {"b": numbered(OPEN_KEYS_MAX - 2)}, "c": 1}, True),
    "an open key too many": ({"a": {"b": numbered(OPEN_KEYS_MAX - 1)}}, False),
    "as deep as may be": (deep(PROPERTY_LEVELS_MAX), True),
    "a level too many": (deep(PROPERTY_LEVELS_MAX + 1), False),
    "the longest string": ({"a": "x" * PROPERTY_STRING_BYTES_MAX}, True),
    "too long a string": ({"a": "x" * (PROPERTY_STRING_BYTES_MAX + 1)}, False),
    "too long a key": ({"x" * (PROPERTY_STRING_BYTES_MAX + 1): 1}, False),
    "the longest array": ({"a": [0] * PROPERTY_ARRAY_ELEMENTS_MAX}, True),
    "too long an array": ({"a": [0] * (PROPERTY_ARRAY_ELEMENTS_MAX + 1)}, False),
    "an array in an array": ({"a": [[], [[{}]], {"a": [1]}]}, True),
    "the same key in two objects": ({"a": {"a": 1}, "b": {"a": 2}}, True),
    "no object": ([1], False),
    "all kinds of values": ({"a": [True, False, None, -0.5e-3, "é🙂\n\u001f", 10**17]}, True),
    "a NUL": ({"a": "\x00"}, False),
    "integers of many digits": ({"a": [10**19 - 1, 1 - 10**18]}, True),
    "an integer of a digit too many": ({"a": 10**19}, False),
    "a negative integer of a digit too many": ({"a": -(10**18)}, False),
}


@needs_reader
@pytest.mark.parametrize("name", PROPERTIES)
def test_properties_are_taken_up_to_their_limits(name: str) -> None:
    properties, is_plain = PROPERTIES[name]
    submission = plain(text(bulk(item(event(properties=properties)))))
    assert (submission is not None) is is_plain
    assert submission is None or json.loads(texts(submission, "properties")[0]) == properties


@needs_reader
@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_a_revision_has_limits_of_its_own(revision: Revision) -> None:
    for properties, year in itertools.product((300, 301, 400, 401), (1989, 1990, 1999, 2000)):
        changes: dict[str, Any] = {"properties": numbered(properties), "time": f"{year}-06-15T12:00:00Z"}
        body = text(bulk(item(event(**changes))))
        submission = parse_natively([body], True, revision, RECEIVED_AT)[0]
        assert (submission is not None) is (properties <= revision.properties_max and year >= revision.event_year_min)


@needs_reader
@pytest.mark.parametrize("empty", ["[]", "[ ]", "[\n]"])
def test_an_empty_array_is_taken_for_an_empty_object(empty: str) -> None:
    """PHP writes an empty object so."""
    body = text(single(properties="@")).replace(b'"@"', empty.encode())
    submission = plain_single(body)
    assert submission is not None
    assert texts(submission, "properties") == ["{}"]
    assert comparable(submission) == comparable(full_single(body))


PROFILES: Final[dict[str, tuple[str, bool]]] = {
    "a number": ('"external_id": 1', True),
    "zero": ('"external_id": 0', True),
    "a negative zero": ('"external_id": -0', True),
    "a negative number": ('"external_id": -5', True),
    "the longest number": (f'"external_id": {10**19 - 1}', True),
    "a number of 20 digits": (f'"external_id": {2**64 - 1}', False),
    "a number past 64 bits": (f'"external_id": {2**64}', False),
    "a number with a fraction": ('"external_id": 1.0', False),
    "a number with an exponent": ('"external_id": 1e2', False),
    "a boolean": ('"external_id": true', False),
    "a number elsewhere": ('"external_id": 1, "anonymous_id": 1', False),
    "a number, given twice": ('"external_id": 1, "external_id": 1', False),
    "empty arrays": ('"external_id": "a", "properties": [], "location": []', True),
    "an array with an element": ('"external_id": "a", "location": [1]', False),
    "all of them": ('"external_id": 1, "properties": [ ], "location": [], "first_name": "é", "_kx": "k"', True),
}


@needs_reader
@pytest.mark.parametrize("name", PROFILES)
def test_profiles_that_programs_send_are_parsed_as_in_full(name: str) -> None:
    members, is_plain = PROFILES[name]
    body = text(single(profile=profile({"HERE": 1}))).replace(b'"HERE": 1', members.encode())
    submission = plain_single(body)
    assert (submission is not None) is is_plain
    assert submission is None or comparable(submission) == comparable(full_single(body))


DOUBTFUL: Final = r"""
    {"a":1,"a":1}  {"b":{"a":1,"c":[],"a":2}}  {"a":1,"\u0061":1}  {"\ud83d\ude00":1,"😀":2}
     {"\u00e9":1,"é":1}  {"\"":1,"\u0022":1}  {"\u0000":1}  {"a":01}  {"a":"\ud800"}  {"a":1,}  {  {"a":[1}
    {"a":tru}  {"a":1]}  {"a":[1,]}  {"a"}  {"a":"\x"}  {"a":-}  {"a":1.}  {"a":1e}  {"a":"\u000g"}  {"a":"b}
"""


@needs_reader
@pytest.mark.parametrize("properties", DOUBTFUL.split())
def test_properties_in_doubt_are_left_to_others(properties: str) -> None:
    assert plain(text(bulk(item(event(properties="@")))).replace(b'"@"', properties.encode())) is None


@needs_reader
@pytest.mark.parametrize("place", [0, 1, 62, 63, 64, 255, 498])
def test_a_key_that_is_repeated_among_hundreds_is_found(place: int) -> None:
    members = [f'"key {number}": {number}' for number in range(499)]
    once, twice = (", ".join(each) for each in (members, [*members, f'"key {place}": 0']))
    body = text(single(properties={"a": "HERE"}))
    assert plain_single(body.replace(b'"HERE"', f"{{{once}}}".encode())) is not None
    repeating = body.replace(b'"HERE"', f"{{{twice}}}".encode())
    assert plain_single(repeating) is full_single(repeating) is None


@needs_reader
def test_events_are_taken_up_to_the_limit() -> None:
    many = [item(event(unique_id=str(number))) for number in range(BULK_EVENTS_MAX)]
    submission = plain(text(bulk(*many)))
    assert submission is not None
    assert len(submission) == BULK_EVENTS_MAX
    assert plain(text(bulk(*many, item(event())))) is None


@needs_reader
def test_metrics_are_numbered_in_their_order() -> None:
    names = [f"metric {number}" for number in range(BULK_EVENTS_MAX // 2)]
    submission = plain(text(bulk(item(*[event(metric=metric(name)) for name in [*names, *reversed(names)]]))))
    assert submission is not None
    assert [name for name, _ in submission.metrics] == names
    assert numbers(submission, "metric_index") == [*range(len(names)), *reversed(range(len(names)))]


@needs_reader
def test_a_metric_written_in_two_ways_is_one() -> None:
    body = text(bulk(item(event(), event(metric=metric("Other")), event())))
    other = body.replace(b'"name": "Placed Order"', b'"name":"Placed \\u004frder"', 1)
    submission = plain(other)
    assert submission is not None
    assert submission.metrics == [("Placed Order", "api"), ("Other", "api")]
    assert numbers(submission, "metric_index") == [0, 1, 0]
    assert comparable(submission) == comparable(full(other))


ESCAPED: Final = r"""
    order\u002f1  \u00e9\u00fc  \ud83d\ude00  \"\\\/\b\f\n\r\t  a\u0062c  \uffff  \u07ff\u0800  é\u00e9😀
"""


@needs_reader
@pytest.mark.parametrize("escaped", ESCAPED.split())
def test_unique_ids_and_keys_may_hold_escapes(escaped: str) -> None:
    body = text(single(unique_id="HERE", properties={"HERE": {"HERE": 1}, "x": "HERE"})).replace(
        b"HERE", escaped.encode()
    )
    submission = plain_single(body)
    assert submission is not None
    assert unique_ids(submission) == [json.loads(f'"{escaped}"')]
    assert comparable(submission) == comparable(full_single(body))


@needs_reader
@pytest.mark.parametrize("escaped", [r"\u0000", r"\ud83d", r"\ude00", r"\ud83d\u0041", r"\x41", "\\"])
def test_wrong_escapes_are_left_to_the_full_parser(escaped: str) -> None:
    for members in ({"unique_id": "HERE"}, {"properties": {"HERE": 1}}, {"properties": {"a": "HERE"}}):
        assert plain_single(text(single(**members)).replace(b"HERE", escaped.encode())) is None


SINGLES: Final[dict[str, tuple[dict[str, Any], bool]]] = {
    "least": ({"time": None}, True),
    "all": ({"value": -2.5, "value_currency": "eur", "unique_id": "order-1", "backfill": True}, True),
    "longest unique id": ({"unique_id": "x" * UNIQUE_ID_BYTES_MAX}, True),
    "too long a unique id": ({"unique_id": "x" * (UNIQUE_ID_BYTES_MAX + 1)}, False),
    "longest unique id with escapes": ({"unique_id": "é" * (UNIQUE_ID_BYTES_MAX // 2)}, True),
    "too long a unique id with escapes": ({"unique_id": "é" * (UNIQUE_ID_BYTES_MAX // 2) + "x"}, False),
    "large properties": ({"properties": {str(number): "x" * 90_000 for number in range(50)}}, True),
    "a value of many digits": ({"value": 0.1 + 0.2}, True),
    "a negative zero": ({"value": -0.0}, True),
    "no currency": ({"value_currency": "EUX"}, False),
    "an unknown member": ({"other": 1}, False),
    "a profile with attributes": ({"profile": profile({"email": "a@a.de", "first_name": "A"})}, True),
    "a profile without identifier": ({"profile": profile({})}, False),
}


@needs_reader
@pytest.mark.parametrize("name", SINGLES)
@pytest.mark.parametrize("is_ascii", [True, False])
def test_plain_creates_are_parsed_as_in_full(name: str, is_ascii: bool) -> None:
    changes, is_plain = SINGLES[name]
    body = json.dumps(single(**changes), ensure_ascii=is_ascii).encode()
    submission = plain_single(body)
    assert (submission is not None) is is_plain
    assert submission is None or comparable(submission) == comparable(full_single(body))


@needs_reader
@pytest.mark.parametrize("raw", [b'{"data":{"type":"profile","attributes":{"email":"a@a.de","email":"b@a.de"}}}'])
def test_repeated_members_of_a_profile_are_left_to_the_full_parser(raw: bytes) -> None:
    assert plain_single(text(single(profile="@")).replace(b'"@"', raw)) is None


@needs_reader
def test_what_is_no_utf_8_is_left_to_the_full_parser() -> None:
    body = text(single(properties={"a": "%"}))
    good, bad = body.replace(b"%", "é🙂".encode()), body.replace(b"%", "é".encode("latin-1"))
    assert parse_natively([good, bad, good], False, REVISION, RECEIVED_AT)[1] == [0, 2]


@needs_reader
def test_time_of_arrival_is_that_of_each_call() -> None:
    body = text(single(time=None))
    for received_at in (RECEIVED_AT, RECEIVED_AT + 1, RECEIVED_AT):
        assert comparable(plain_single(body, received_at)) == comparable(full_single(body, received_at))


PLAIN: Final = tuple(
    text(body)
    for body in (
        single(),
        single(time=None),
        single(value=2.5, value_currency="EUR", unique_id="order-1", properties={"a": "é🙂"}),
        single(value=0.1 + 0.2, unique_id="x" * 240),
        single(profile=profile({"email": "b@a.de", "first_name": "B"})),
        single(metric=metric("Viewed Product")),
    )
)
OTHERS: Final = (
    b"",
    b"{",
    text(single(value_currency="EUX")),
    text(single(time="yesterday")),
    text(single(other=1)),
    text(single(unique_id="x" * 300)),
    text(single(profile=profile({}))),
    text(single(metric=metric(""))),
    text(single(properties={"a": "%"})).replace(b"%", b"\xe9"),
    PLAIN[0][:-1],
    PLAIN[0] + b"{}",
    PLAIN[0] + b"\0" + PLAIN[0],
    b'{"data": 1, "data": 2}',
)


@needs_reader
@given(st.lists(st.sampled_from(PLAIN + OTHERS), min_size=1, max_size=20))
def test_each_of_many_is_parsed_as_it_is_alone(bodies: list[bytes]) -> None:
    submission, places = parse_natively(bodies, False, REVISION, RECEIVED_AT)
    assert [bodies[place] for place in places] == [body for body in bodies if body in PLAIN]
    alone = [] if submission is None else submission.separated()
    for place, each in zip(places, alone, strict=True):
        assert comparable(each) == comparable(full_single(bodies[place]))


@needs_reader
def test_many_are_one_submission() -> None:
    submission, places = parse_natively(PLAIN, False, REVISION, RECEIVED_AT)
    assert submission is not None
    assert places == list(range(len(PLAIN)))
    assert submission.metrics == [("Placed Order", "api"), ("Viewed Product", "api")]
    assert numbers(submission, "profile_index") == places
    assert currencies(submission) == ["", "", "EUR", "", "", ""]
    assert [write.attributes for write in submission.profiles] == [{}, {}, {}, {}, {"first_name": "B"}, {}]


@needs_reader
def test_metrics_of_refused_creates_are_not_named() -> None:
    bodies = [text(single(metric=metric("Refused"), profile=profile({}))), PLAIN[0]]
    submission, places = parse_natively(bodies, False, REVISION, RECEIVED_AT)
    assert submission is not None
    assert (submission.metrics, places) == ([("Placed Order", "api")], [1])


@needs_reader
@pytest.mark.parametrize(
    "bodies",
    [[PLAIN[0]] * (BULK_EVENTS_MAX + 1), [b"x" * BODY_BYTES_MAX] * 2, OTHERS],
    ids=["too many", "too large", "none plain"],
)
def test_what_is_not_parsed_together(bodies: list[bytes]) -> None:
    assert parse_natively(bodies, False, REVISION, RECEIVED_AT) == (None, [])


@needs_reader
def test_threads_parse_side_by_side() -> None:
    wrong: list[str] = []

    def parse(name: str) -> None:
        body = text(single(unique_id=name, properties={"a": name}))
        expected = comparable(full_single(body))
        wrong.extend(name for _ in range(2_000) if comparable(plain_single(body)) != expected)

    threads = [threading.Thread(target=parse, args=(name,)) for name in ("one", "another", "x" * 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_is_parsed_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_library, "LIBRARY", native_library.LIBRARY.with_name("not there.so"))
    library.cache_clear()
    try:
        rules = ReaderRules(0, 0, 1, 0, frozenset())
        assert NativeReader().read([text(bulk(item(event())))], True, rules, RECEIVED_AT) is None
    finally:
        library.cache_clear()
