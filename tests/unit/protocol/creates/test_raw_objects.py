"""Objects that are let pass by their bytes are what decoding them would let pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkeep.limits import PROPERTIES_MAX, PROPERTY_ARRAY_ELEMENTS_MAX, PROPERTY_LEVELS_MAX, PROPERTY_STRING_BYTES_MAX
from eventkeep.protocol.creates.documents import PropertiesObject
from eventkeep.protocol.creates.raw_objects import COLUMN_OBJECTS_MIN, doubtful_objects
from eventkeep.protocol.raw_json import has_no_telling_escape

PLAIN = b'{"ProductName":"Winnie the Pooh","Price":9.99,"Categories":["Fiction","Children"]}'

skip = msgspec.json.Decoder(list[msgspec.Raw]).decode
decode = msgspec.json.Decoder(PropertiesObject).decode


def in_doubt(objects: list[bytes]) -> list[bytes]:
    return doubtful_objects(b"".join(objects), list(map(len, objects)))


def doubtful(raw: bytes) -> bool:
    """Whether an object is in doubt among enough plain ones; those are not."""
    objects = [PLAIN] * 7 + [raw] + [PLAIN] * COLUMN_OBJECTS_MIN
    found = in_doubt(objects)
    if raw != PLAIN:
        assert found in ([], [raw], objects)
    return raw in found


def is_plain(raw: bytes) -> bool:
    """The truth of it: decodes within the limits, and no key twice."""
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        repeated |= len({key for key, _ in pairs}) < len(pairs)
        return dict(pairs)

    try:
        decode(raw)
        json.loads(raw, object_pairs_hook=members)
    except (msgspec.MsgspecError, ValueError):
        return False
    return not repeated


def nested(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"a":1,"a":2}', id="a key twice"),
        pytest.param(b'{"a":1,"b":2,"a":3}', id="a key twice, apart"),
        pytest.param(b'{"":1,"":2}', id="no name twice"),
        pytest.param(b'{"#a":1,"#a":2}', id="a mark beside the quote"),
        pytest.param(b'{"%s":1,"%s":2}' % (b"k" * 40, b"k" * 40), id="a long key twice"),
        pytest.param(b'{"a":{"b":1,"b":2}}', id="a key twice, within"),
        pytest.param(b'{"\\u0061":1,"a":2}', id="a key written in two ways"),
        pytest.param(b'{"xxxxxxxxxxxxxxxxxxxxxxxxx\\u0061":1,"xxxxxxxxxxxxxxxxxxxxxxxxxa":2}', id="long, in two ways"),
        pytest.param(b'{"a":1e999}', id="past a double"),
        pytest.param(b'{"a":-1.5E+999}', id="past a double, with a sign"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(b"3", id="a number"),
        pytest.param(b'{"a":"\\ud800 and more"}', id="half a character"),
        pytest.param(nested(PROPERTY_LEVELS_MAX + 1), id="too many levels"),
        pytest.param(b'{"a":[%s]}' % b",".join([b"1"] * (PROPERTY_ARRAY_ELEMENTS_MAX + 1)), id="too many elements"),
        pytest.param(
            b"{%s}" % b",".join(b'"%d":1' % number for number in range(PROPERTIES_MAX + 1)), id="too many members"
        ),
        pytest.param(b'{"a":"%s"}' % (b"x" * (PROPERTY_STRING_BYTES_MAX + 1)), id="too long a string"),
    ],
)
def test_what_breaks_a_rule_is_in_doubt(raw: bytes) -> None:
    assert doubtful(raw)


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN,
        b"{}",
        b'{"a":1,"b":2,"ab":3,"ba":4,"#a":5}',
        b'{"id":{"type":"x"},"items":[1,2,[3]],"url":"https:\\/\\/shop.example\\/","note":"caf\\u00e9"}',
        b'{"start_timestamp":1,"end_timestamp":2,"a":"3e12","b":1.5e-7}',
        nested(2),
        '{"grüße":"Łódź 🎈"}'.encode(),
    ],
)
def test_usual_properties_are_not_in_doubt(raw: bytes) -> None:
    assert not doubtful(raw)


def test_few_objects_are_all_looked_at() -> None:
    few = [PLAIN] * (COLUMN_OBJECTS_MIN - 1)
    assert in_doubt(few) == few


keys = st.text(alphabet=st.sampled_from("ab#:{[\\/e1é\u2028"), max_size=20)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
writers: st.SearchStrategy[Callable[[Any], str]] = st.sampled_from(
    [
        lambda value: json.dumps(value, separators=(",", ":")),
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: json.dumps(value).replace("/", "\\/"),
    ]
)
pieces = st.sampled_from(['"a":1', '"a":"x"', '"b":[{"a":1}]', '"e":1e400', '"c":"\\ud83c"', '"":{}', '"a#":":"'])


@settings(max_examples=300)
@given(
    st.lists(
        st.builds(lambda write, value: write(value), writers, st.dictionaries(keys, values, max_size=4)), max_size=6
    ),
    st.lists(pieces, max_size=4),
)
def test_what_is_not_in_doubt_is_plain(documents: list[str], members: list[str]) -> None:
    objects = [document.encode() for document in documents] + [b"{%s}" % ",".join(members).encode()]
    joined = b"[" + b",".join(objects) + b"]"
    try:
        skip(joined)
    except msgspec.MsgspecError:
        return
    if not has_no_telling_escape(joined) or b'" :' in joined:
        # What is asked of the whole body beforehand.
        return
    found = set(in_doubt(objects * COLUMN_OBJECTS_MIN))
    assert [raw for raw in objects if raw not in found and not is_plain(raw)] == []
