"""The rows of an export are those that the API gives, with the compiled writer and without."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from eventkeep.model.event import StoredEvent, event_uuid, public_id
from eventkeep.native import row_writer
from eventkeep.native.row_writer import STRINGS, TEXTS, RowBuffer, find_verbatim
from eventkeep.protocol.datetimes import datetime_of
from eventkeep.protocol.reads.event_properties import event_properties
from eventkeep.protocol.rows.columns import EventRow, ProfileColumns, encode_lines
from eventkeep.protocol.rows.order import order_within_seconds
from eventkeep.protocol.rows.profile_columns import profile_members
from eventkeep.protocol.rows.sent_attributes import sent_attributes
from eventkeep.protocol.rows.writer import RowNames, joined_texts, write_rows
from tests.event_samples import Row, columns

needs_writer = pytest.mark.skipif(
    not row_writer.is_built(), reason="there was no C compiler when eventkeep was installed"
)

METRICS: Final = (("Order é", "api", "W83q5U"), ('"Viewed"\n', "shop", "X00000"))
"""Name, service and id; of the first there were values."""
PROFILES: Final = (
    ProfileColumns(profile_email="ada@shop.example", profile_first_name=""),
    ProfileColumns(profile_external_id="7\t", profile_location=Raw(b'{"zip":"1"}'), profile_properties=Raw(b'{"a":1}')),
)
PROFILE_IDS: Final = ("01M1PA9MBA7VB258TP74BXMQTG", "01M1PA9MBA7VB258TP74BXMQTH")
NAMES: Final = st.text(max_size=5) | st.sampled_from(
    ["$value", "$extra", "$event_id", "$value_currency", "$", "$v", "$e", "\x00", '"', "price"]
)
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**53) | st.text('a"\\\n é', max_size=4) | st.just("EUR"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def properties(draw: st.DrawFn) -> bytes:
    """A raw object as a client may send it: with escapes and blanks, ends of lines too."""
    indent, separators = draw(st.sampled_from([(None, (",", ":")), (None, (", ", ": ")), (1, (",", ": "))]))
    members = draw(st.dictionaries(NAMES, VALUES, max_size=4))
    text = json.dumps(members, ensure_ascii=draw(st.booleans()), indent=indent, separators=separators)
    return text.replace("$", draw(st.sampled_from(["$", "\\u0024"]))).encode()


ROWS: Final = st.lists(
    st.builds(
        Row,
        account=st.just(1),
        key_low=st.just(0),
        time=st.integers(0, 2**32 - 1) | st.just(1_718_452_800),
        id=st.integers(0, 2**64 - 1),
        profile=st.integers(0, 1),
        metric=st.integers(0, 1),
        unique_id=st.text(min_size=1, max_size=9) | st.text('"\\\x00\x08\x0c\x1f\n\x7fé😀', min_size=1, max_size=6),
        value=st.none() | st.sampled_from([0.0, -0.0, 1e300, 5e-324, -1e16, 1e15, float("inf")]) | st.floats(-9, 9),
        currency=st.sampled_from(["", "EUR", "USD"]),
        properties=properties(),
    ),
    min_size=1,
    max_size=6,
)


def expected(rows: Sequence[Row], *, has_ids: bool) -> bytes:
    """The rows by way of the API's ``event_properties``."""
    found: list[EventRow] = []
    for row in rows:
        name, service, metric_id = METRICS[row.metric]
        event = StoredEvent(1, row.time, row.id, 1, 1, row.unique_id, row.value, row.currency, row.properties)
        sent = sent_attributes(event_properties(event, row.metric == 0), row.time)
        ids: dict[str, Any] = {
            "event_id": public_id(row.time, row.id),
            "uuid": event_uuid(row.time, row.id),
            "metric_id": metric_id,
            "profile_id": PROFILE_IDS[row.profile],
        }
        found.append(
            EventRow(
                time=datetime_of(row.time),
                metric=name,
                service=service,
                unique_id=sent.unique_id,
                value=sent.value,
                value_currency=sent.value_currency,
                properties=Raw(sent.properties),
                **msgspec.structs.asdict(PROFILES[row.profile]),
                **(ids if has_ids else {}),
            )
        )
    return encode_lines(found)


def written(rows: Sequence[Row], *, has_ids: bool, order: Sequence[int] | None = None) -> bytes:
    encode = msgspec.json.encode
    names = RowNames(
        metrics=[b'"metric":%b,"service":%b' % (encode(name), encode(service)) for name, service, _ in METRICS],
        metric_ids=[b'"metric_id":%b' % encode(id) for *_, id in METRICS],
        metric_of=np.array([row.metric for row in rows], dtype=np.intp),
        profiles=[profile_members(each) for each in PROFILES],
        profile_ids=[b'"profile_id":%b' % encode(id) for id in PROFILE_IDS],
        profile_of=np.array([row.profile for row in rows], dtype=np.intp),
    )
    places = np.arange(len(rows)) if order is None else np.array(order)
    has_values = np.array([row.metric == 0 for row in rows], dtype=np.bool_)
    return bytes(write_rows(columns(rows), has_values, names, places, RowBuffer(), has_ids=has_ids))


@given(ROWS, st.booleans())
@example([Row(metric=0, profile=0, properties=b' {\n"a" : [1,\r\n 2]}\t')], True)
def test_rows_are_those_of_the_api(rows: list[Row], has_ids: bool) -> None:
    wanted = expected(rows, has_ids=has_ids)
    assert written(rows, has_ids=has_ids) == wanted
    assert wanted.count(b"\n") == len(rows)
    with pytest.MonkeyPatch.context() as without:
        without.setattr(row_writer, "is_built", lambda: False)
        assert written(rows, has_ids=has_ids) == wanted


@given(ROWS)
def test_rows_come_in_the_given_order(rows: list[Row]) -> None:
    order = list(range(len(rows)))[::-1]
    assert written(rows, has_ids=False, order=order) == expected([rows[place] for place in order], has_ids=False)


@needs_writer
def test_rows_with_strings_of_escapes_alone_have_room() -> None:
    escapes = joined_texts([b"\x01" * 9])
    empty = joined_texts([b""])
    texts = (escapes, escapes, *[empty] * (len(TEXTS) - STRINGS))
    row = RowBuffer().write_rows([b""] * 7, np.zeros(1, np.int64), np.zeros(1, np.uint64), b"[null]", texts, False)
    string = b'"' + b"\\u0001" * 9 + b'"'
    assert bytes(row) == b'1970-01-01T00:00:00+00:00",' + string * 2 + b"}\n"


@needs_writer
@pytest.mark.parametrize("values", [b"[]", b"[null]"])
def test_rows_are_not_left_out_if_values_are_missing(values: bytes) -> None:
    texts = [joined_texts([b"", b""])] * len(TEXTS)
    with pytest.raises(ValueError, match="expected 2 values"):
        RowBuffer().write_rows([b""] * 7, np.zeros(2, np.int64), np.zeros(2, np.uint64), values, texts, False)


def test_no_rows_are_written_without_events() -> None:
    assert written([], has_ids=True) == b""


@needs_writer
@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        (b"{}", True),
        (b'{"a":1.50,"b":[1, {"c d":"\\"}"}]}', True),
        (b'{"a":{"$event_id":1,"\\u0061":2}}', True),
        (b'{"a":"\\\\","$extr":1}', False),
        (b'{"$":1,"$a":2,"a":"$value"}', True),
        (b'{"$value":1}', False),
        (b'{"\\u0024value":1}', False),
        (b'{"a" :1}', False),
        (b'{"a":[1,\n2]}', False),
        (b'{"a":1', False),
        (b'{"a":"', False),
        (b'{"a', False),
        (b"{", False),
        (b" {}", False),
        (b"", False),
    ],
)
def test_plain_objects_are_told_from_those_that_take_python(text: bytes, is_plain: bool) -> None:
    assert find_verbatim(joined_texts([b"{}", text, b"x"])).tolist() == [True, is_plain, False]


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 1), st.sampled_from(["", "a", "ab", "é"]), st.sampled_from("ab")),
        max_size=20,
    ),
    st.booleans(),
)
def test_rows_of_a_second_are_sorted_by_their_names(rows: list[tuple[int, int, str, str]], is_descending: bool) -> None:
    rows = sorted(rows, key=lambda row: row[0], reverse=is_descending)
    seconds = [-row[0] if is_descending else row[0] for row in rows]
    columns = (
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.uint32),
        joined_texts([row[2].encode() for row in rows]),
        joined_texts([row[3].encode() for row in rows]),
    )
    places = sorted(range(len(rows)), key=lambda place: (seconds[place], *rows[place][1:]))
    assert order_within_seconds(*columns).tolist() == places
    with pytest.MonkeyPatch.context() as without:
        without.setattr(row_writer, "is_built", lambda: False)
        assert order_within_seconds(*columns).tolist() == places
