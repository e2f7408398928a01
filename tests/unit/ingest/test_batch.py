"""The keys of events, the first of each key, and the columns of a batch."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_128_intdigest

from eventkeep.events.keys import first_keys
from eventkeep.ingest.batch import Batch, Resolved, event_keys
from eventkeep.model.event_columns import EventColumns
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates.parser import parse_bulk_create
from eventkeep.protocol.revisions import REVISIONS

RECEIVED_AT = 1_780_000_000

numbers = st.integers(1, 2**32 - 1)
names = st.tuples(numbers, numbers, numbers, st.binary(min_size=1, max_size=12))


def keys_of(events: list[tuple[int, int, int, bytes]]) -> list[tuple[int, int]]:
    """The keys of events, each an account, a profile, a metric and a unique id."""
    accounts, profiles, metrics, unique_ids = zip(*events, strict=True)
    ids, lows = event_keys(
        np.array(accounts, dtype=np.uint32),
        np.array(profiles, dtype=np.uint32),
        np.array(metrics, dtype=np.uint32),
        np.array([xxh3_128_intdigest(each) >> 64 for each in unique_ids], dtype=np.uint64),
        np.array([xxh3_128_intdigest(each) & (1 << 64) - 1 for each in unique_ids], dtype=np.uint64),
    )
    return list(zip(ids.tolist(), lows.tolist(), strict=True))


@given(st.lists(names, min_size=1, max_size=30, unique=True))
def test_different_events_have_different_keys(events: list[tuple[int, int, int, bytes]]) -> None:
    assert len(set(keys_of(events))) == len(events)


@given(names, numbers)
def test_either_half_tells_neighbours_apart(event: tuple[int, int, int, bytes], other: int) -> None:
    account, profile, metric, unique_id = event
    neighbours = {
        event,
        (other, profile, metric, unique_id),
        (account, other, metric, unique_id),
        (account, profile, other, unique_id),
        (metric, profile, account, unique_id),
    }
    keys = keys_of(list(neighbours))
    assert len({high for high, _ in keys}) == len({low for _, low in keys}) == len(neighbours)


def test_a_key_stays_what_it_is() -> None:
    # Stored events were found by these numbers, and have to be found again.
    assert keys_of([(1, 2, 3, b"order-1")]) == [(5500371673533972567, 11397496593452320423)]


def submission(events: list[dict[str, Any]]) -> Submission:
    """One item for each event, of one profile."""
    who = {"data": {"type": "profile", "attributes": {"email": "ada@shop.example"}}}
    name = {"data": {"type": "metric", "attributes": {"name": "Order"}}}
    items = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "profile": who,
                "events": {"data": [{"type": "event", "attributes": {"metric": name, **event}}]},
            },
        }
        for event in events
    ]
    body = {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": items}}}}
    return parse_bulk_create(json.dumps(body).encode(), REVISIONS[-1], RECEIVED_AT)


def batch(*parts: list[dict[str, Any]]) -> Batch:
    made = [submission(part) for part in parts]
    return Batch(
        [
            Resolved(7, part, np.full(len(part), 5, dtype=np.uint32), np.full(len(part), 3, dtype=np.uint32))
            for part in made
        ]
    )


def texts(columns: EventColumns, name: str) -> list[bytes]:
    column = columns.texts[name]
    offsets = column.offsets().tolist()
    return [column.joined[start:end] for start, end in pairwise(offsets)]


def test_columns_hold_what_was_sent() -> None:
    made = batch(
        [
            {"properties": {"ä": "€"}, "unique_id": "ö-1", "value": 1.5, "value_currency": "eur", "time": "2024-06-15"},
            {"properties": {}, "unique_id": "2"},
        ],
        [{"properties": {"x": [1, 2]}, "value": -0.0}],
    )
    columns = made.columns(np.ones(3, dtype=np.bool_))
    numbers = {name: column.tolist() for name, column in columns.numbers.items()}
    assert (numbers["account"], numbers["profile"], numbers["metric"]) == ([7] * 3, [5] * 3, [3] * 3)
    assert numbers["time"] == [1718409600, RECEIVED_AT, RECEIVED_AT]
    assert texts(columns, "unique_id") == ["ö-1".encode(), b"2", str(RECEIVED_AT).encode()]
    assert list(map(repr, numbers["value"])) == ["1.5", "nan", "-0.0"]
    assert texts(columns, "currency") == [b"EUR", b"", b""]
    assert list(map(json.loads, texts(columns, "properties"))) == [{"ä": "€"}, {}, {"x": [1, 2]}]
    assert (numbers["id"], numbers["key_low"]) == (made.ids.tolist(), made.key_lows.tolist())


def test_of_equal_keys_the_first_is_kept() -> None:
    made = batch(
        [{"properties": {}, "unique_id": "a"}, {"properties": {}, "unique_id": "b"}],
        [{"properties": {}, "unique_id": "a", "value": 9}, {"properties": {}, "unique_id": "c"}],
    )
    none = np.empty(0, dtype=np.uint64)
    first = first_keys((made.ids, made.key_lows), (none, none))
    assert first.tolist() == [True, True, False, True]
    assert texts(made.columns(first), "unique_id") == [b"a", b"b", b"c"]
