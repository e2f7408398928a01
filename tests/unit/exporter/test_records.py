"""The values that were sent are restored from a response."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.exporter.records import time_text
from eventkeep.model.event import StoredEvent
from eventkeep.protocol.reads.event_properties import event_properties
from eventkeep.protocol.rows.sent_attributes import Attributes, sent_attributes

TIME = 1_709_287_200
NAMES = st.sampled_from(["a", "é", '"', "$extra", "$value", "$value_currency", "$event_id", "$other"])
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["EUR", 1.5, [1, {"b": 2}]])


def stored(properties: dict[str, Any], value: float | None, currency: str, unique_id: str) -> StoredEvent:
    written = json.dumps(properties).encode()
    return StoredEvent(1, TIME, 1, 1, 1, unique_id, value, currency, written)


@given(
    st.dictionaries(NAMES, VALUES, max_size=5),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "EUR"]),
    st.text(min_size=1, max_size=5),
    st.booleans(),
)
def test_event_that_is_created_again_is_shown_the_same(
    properties: dict[str, Any], value: float | None, currency: str, unique_id: str, has_value: bool
) -> None:
    shown = event_properties(stored(properties, value, currency, unique_id), has_value)
    sent = sent_attributes(shown, TIME)
    assert sent.unique_id == unique_id
    again = stored(json.loads(sent.properties), sent.value, sent.value_currency or "", sent.unique_id)
    shown_again = event_properties(again, has_value)
    assert msgspec.json.decode(shown_again) == msgspec.json.decode(shown)
    assert sent_attributes(shown_again, TIME) == sent


@pytest.mark.parametrize(
    ("shown", "sent"),
    [
        ('{"a":1.50,"$event_id":"x"}', Attributes("x", None, None, b'{"a":1.50}')),
        ('{"$event_id":"x","$value":3}', Attributes("x", 3.0, None, b"{}")),
        ('{"$value_currency":"EUR","$event_id":"x","$value":0}', Attributes("x", 0.0, "EUR", b"{}")),
        ('{"$event_id":"x","$extra":{"b":[]}}', Attributes("x", None, None, b'{"$extra":{"b":[]}}')),
        # Fields in other places, or with values that don't fit their name, were sent as properties.
        ('{"$value":3,"a":1,"$event_id":"x"}', Attributes("x", None, None, b'{"$value":3,"a":1}')),
        ('{"$value_currency":"EUR","a":1}', Attributes(str(TIME), None, None, b'{"$value_currency":"EUR","a":1}')),
        ('{"$value_currency":"euros","$event_id":"x"}', Attributes("x", None, None, b'{"$value_currency":"euros"}')),
        ('{"$event_id":"x","$value":"none"}', Attributes("x", None, None, b'{"$value":"none"}')),
        ('{"$event_id":17,"$value":true}', Attributes("17", None, None, b'{"$value":true}')),
        ('{"a":1}', Attributes(str(TIME), None, None, b'{"a":1}')),
    ],
)  # fmt: skip
def test_event_properties_are_taken_apart(shown: str, sent: Attributes) -> None:
    assert sent_attributes(shown.encode(), TIME) == sent


def test_times_are_in_utc() -> None:
    assert time_text(TIME) == "2024-03-01T10:00:00+00:00"
