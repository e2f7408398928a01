from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.model.event import StoredEvent
from eventkeep.protocol.reads.event_properties import event_properties

RESERVED = ("$event_id", "$value", "$value_currency", "$extra")
NAMES = st.one_of(st.text(max_size=8), st.sampled_from([*RESERVED, "$email", "$", "event_id"]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(NAMES, children, max_size=3),
    max_leaves=8,
)


def stored(properties: bytes, value: float | None = None, currency: str = "", unique_id: str = "u1") -> StoredEvent:
    return StoredEvent(1, 1_718_452_800, 1, 1, 1, unique_id, value, currency, properties)


def expected(sent: dict[str, Any], event: StoredEvent, has_value: bool) -> list[tuple[str, Any]]:
    """The rule, plainly."""
    written = {"$event_id", "$extra"}
    written |= {"$value"} if event.value is not None else set()
    written |= {"$value_currency"} if event.currency else set()
    members = [(name, value) for name, value in sent.items() if name not in written]
    if event.currency:
        members.append(("$value_currency", event.currency))
    members.append(("$event_id", event.unique_id))
    if event.value is not None:
        members.append(("$value", event.value))
    elif has_value and "$value" not in sent:
        members.append(("$value", 0))
    if "$extra" in sent:
        members.append(("$extra", sent["$extra"]))
    return members


@given(
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "EUR"]),
    st.booleans(),
    st.booleans(),
)
def test_properties_come_back_with_the_members_that_the_server_adds(
    sent: dict[str, Any], value: float | None, currency: str, has_value: bool, is_ascii: bool
) -> None:
    event = stored(json.dumps(sent, ensure_ascii=is_ascii).encode("utf-8", "replace"), value, currency)
    sent = json.loads(event.properties)
    read = json.loads(event_properties(event, has_value), object_pairs_hook=list)
    assert read == json.loads(json.dumps(dict(expected(sent, event, has_value))), object_pairs_hook=list), (
        event.properties
    )


@pytest.mark.parametrize(
    ("properties", "value", "currency", "has_value", "written"),
    [
        (b"{}", None, "", False, b'{"$event_id":"u1"}'),
        (b" {\n} ", None, "", True, b'{"$event_id":"u1","$value":0}'),
        (b'{ "a" : 1 }', 1.5, "EUR", True, b'{"a" : 1,"$value_currency":"EUR","$event_id":"u1","$value":1.5}'),
        (b'{"$extra":{"b":1},"a":2}', 3.0, "", True, b'{"a":2,"$event_id":"u1","$value":3.0,"$extra":{"b":1}}'),
        (b'{"$value":"7","a":1}', None, "", True, b'{"$value":"7","a":1,"$event_id":"u1"}'),
        (b'{"$value":"7","a":1}', 8.0, "", True, b'{"a":1,"$event_id":"u1","$value":8.0}'),
        (b'{"$value_currency":"USD"}', None, "", False, b'{"$value_currency":"USD","$event_id":"u1"}'),
        (b'{"$value_currency":"USD"}', None, "EUR", False, b'{"$value_currency":"EUR","$event_id":"u1"}'),
        (b'{"$event_id":"mine"}', None, "", False, b'{"$event_id":"u1"}'),
        (rb'{"\u0024event_id":"mine"}', None, "", False, b'{"$event_id":"u1"}'),
        (rb'{"$\u0065vent_id":"mine"}', None, "", False, b'{"$event_id":"u1"}'),
        (rb'{"$ev\u0065nt_id":"mine"}', None, "", False, b'{"$event_id":"u1"}'),
        (b'{"a":{"$extra":1}}', None, "", False, b'{"a":{"$extra":1},"$event_id":"u1"}'),
    ],
)
def test_cases(properties: bytes, value: float | None, currency: str, has_value: bool, written: bytes) -> None:
    assert event_properties(stored(properties, value, currency), has_value) == written


def test_numbers_and_escapes_stay_as_they_were_sent() -> None:
    sent = rb'{"big":9223372036854775807,"float":1.10,"exp":1E5,"emoji":"\ud83d\ude00","slash":"\/","$extra":[1.0]}'
    read = event_properties(stored(sent), has_value=False)
    for part in (rb"9223372036854775807", rb"1.10", rb"1E5", rb"\ud83d\ude00", rb"\/", b"[1.0]"):
        assert part in read


def test_a_unique_id_is_escaped() -> None:
    assert event_properties(stored(b"{}", unique_id='"\n'), has_value=False) == rb'{"$event_id":"\"\n"}'
