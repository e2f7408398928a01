"""The compiled reader and single creates: what it takes is what Python makes of it, as far as it has room."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any, Final

import pytest

from eventkeep.limits import PARSED_AT_ONCE_BYTES_MAX
from eventkeep.model.submission import Submission
from eventkeep.native.library import is_built
from eventkeep.native.single_reader import LAYOUT, PLACES
from eventkeep.native.validation_rules import UNIQUE_ID_BYTES_MAX
from eventkeep.protocol.creates.native_parser import plain_create_event
from eventkeep.protocol.creates.parser import decoded_create_event
from eventkeep.protocol.revisions import REVISIONS
from tests.create_rules import single, text

RECEIVED_AT: Final = 1_750_000_000
pytestmark = pytest.mark.skipif(not is_built(), reason="there was no C compiler when eventkeep was installed")


def plain(body: bytes, received_at: int = RECEIVED_AT) -> Submission | None:
    return plain_create_event(body, REVISIONS[-1], received_at)


SINGLES: Final[dict[str, tuple[dict[str, Any], bool]]] = {
    "least": ({"time": None}, True),
    "all": ({"value": -2.5, "value_currency": "eur", "unique_id": "order-1", "backfill": True}, True),
    "longest unique id": ({"unique_id": "x" * UNIQUE_ID_BYTES_MAX}, True),
    "too long a unique id": ({"unique_id": "x" * (UNIQUE_ID_BYTES_MAX + 1)}, False),
    "large properties": ({"properties": {"a": "x" * (PARSED_AT_ONCE_BYTES_MAX - 1_000)}}, True),
    "too large a body": ({"properties": {"a": "x" * PARSED_AT_ONCE_BYTES_MAX}}, False),
    "a value of many digits": ({"value": 0.1 + 0.2}, False),
    "no currency": ({"value_currency": "EUX"}, False),
    "an unknown member": ({"other": 1}, False),
}


@pytest.mark.parametrize("name", SINGLES)
def test_plain_creates_are_read_as_python_does(name: str) -> None:
    changes, is_plain = SINGLES[name]
    body = text(single(**changes))
    submission = plain(body)
    assert (submission is not None) is is_plain
    assert submission is None or submission == decoded_create_event(body, REVISIONS[-1], RECEIVED_AT)


def test_what_is_no_utf_8_is_left_to_others() -> None:
    body = text(single(properties={"a": "%"}))
    assert plain(body.replace(b"%", "é🙂".encode())) is not None
    assert plain(body.replace(b"%", "é".encode("latin-1"))) is None


def test_time_of_arrival_is_that_of_each_body() -> None:
    body = text(single(time=None))
    for received_at in (RECEIVED_AT, RECEIVED_AT + 1, RECEIVED_AT):
        assert plain(body, received_at) == decoded_create_event(body, REVISIONS[-1], received_at)


def test_columns_do_not_overlap() -> None:
    sizes = {"value": 8, "unique_id_hash": 16, "profile": 8, "metric": 8, "has_value": 1, "currencies": 3}
    ends = {name: place + sizes.get(name, 4) for name, place in PLACES.items()} | {"unique_ids": 60 + 240}
    used = sorted({(place, ends[name]) for name, place in PLACES.items()})
    assert all(end <= start for (_, end), (start, _) in pairwise(used))
    assert used[-1][1] == LAYOUT.size


def test_threads_read_side_by_side() -> None:
    wrong: list[str] = []

    def read(name: str) -> None:
        body = text(single(unique_id=name, properties={"a": name}))
        expected = decoded_create_event(body, REVISIONS[-1], RECEIVED_AT)
        wrong.extend(name for _ in range(2_000) if plain(body) != expected)

    threads = [threading.Thread(target=read, args=(name,)) for name in ("one", "another", "x" * 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
