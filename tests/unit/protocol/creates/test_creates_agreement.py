"""The full parser accepts all that the native one does, as the same submission; others it accepts, or names faults."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.model.submission import Submission
from eventkeep.native.library import is_built
from eventkeep.protocol.creates.native_parser import parse_natively
from eventkeep.protocol.creates.parser import parse_bulk_create, parse_create_event
from eventkeep.protocol.creates.validation import faults_of_bulk_create, faults_of_create_event
from eventkeep.protocol.revisions import REVISIONS, Revision
from tests.create_rules import ABSENT, RULES, ULID, bulk, event, item, metric, profile, single, text
from tests.submitted import comparable, currencies, unique_ids, values

RECEIVED_AT = 1_750_000_000

Parse = Callable[[bytes, Revision, int], Submission]
FindFaults = Callable[[bytes, Revision, int], list[Fault]]
WAYS: dict[str, tuple[FindFaults, Parse]] = {
    "create_event": (faults_of_create_event, parse_create_event),
    "bulk_create_events": (faults_of_bulk_create, parse_bulk_create),
}


def parsed_natively(operation: str, body: bytes, revision: Revision) -> Submission | None:
    return parse_natively([body], operation == "bulk_create_events", revision, RECEIVED_AT)[0]


def agree(operation: str, body: bytes, revision: Revision) -> None:
    """Compare the two parsers, and the faults that are found with the result of the full parser."""
    faults_of, parse = WAYS[operation]
    native = parsed_natively(operation, body, revision)
    faults = faults_of(body, revision, RECEIVED_AT)
    try:
        submission = parse(body, revision, RECEIVED_AT)
    except InvalidRequest as refusal:
        # Not the words for a case that should never come: a body without faults that can't be decoded.
        assert list(refusal.faults) == faults
        assert all(fault.pointer for fault in faults)
        assert native is None
    else:
        assert faults == []
        assert native is None or comparable(native) == comparable(submission)
        assert {len(column) for column in submission.numbers.values()} == {len(submission)}
        assert len(unique_ids(submission)) == len(currencies(submission)) == len(values(submission)) == len(submission)


scalars = (
    st.none()
    | st.booleans()
    | st.sampled_from(
        [0, -1, 2**63, 2**64, 1.5, 1e300, 10**30, float("inf"), "", "a", "\x00", "🙂", "\ud800", '":', ":"]
    )
    | st.sampled_from(["USD", "usd", "+15005550006", "+1", "A@b.org", "a@b", ULID, "2024-06-15T12:00:00Z", "2024"])
    | st.text(max_size=5)
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
sometimes = st.just(ABSENT) | scalars
attributes = st.fixed_dictionaries(
    {"email": st.sampled_from(["a@example.org", " B@Example.org "]) | sometimes},
    optional={name: scalars for name in ("phone_number", "external_id", "anonymous_id", "_kx", "first_name", "locale")}
    | {
        "location": st.none() | st.dictionaries(st.sampled_from(["city", "latitude", "ip", "x"]), scalars, max_size=2),
        "properties": st.none() | st.dictionaries(st.text(max_size=3), anything, max_size=3),
        "meta": st.none() | st.fixed_dictionaries({"patch_properties": anything}),
    },
).map(lambda members: {name: value for name, value in members.items() if value is not ABSENT})
profiles = st.builds(
    lambda given, id, patch: profile(given, id=id, meta=patch),
    attributes,
    st.just(ABSENT) | st.just(ULID) | scalars,
    st.just(ABSENT)
    | st.none()
    | st.dictionaries(st.just("patch_properties"), st.dictionaries(st.sampled_from(["append", "unset"]), anything)),
)
event_changes = st.fixed_dictionaries(
    {},
    optional={
        "metric": st.builds(metric, st.just("Placed Order") | scalars, service=sometimes),
        "properties": st.dictionaries(st.text(max_size=3), anything, max_size=4) | anything,
        "time": st.sampled_from(["2024-06-15", "2024-06-15 12:00:00+01:00", ABSENT]) | scalars,
        "value": sometimes,
        "value_currency": sometimes,
        "unique_id": sometimes,
        "backfill": sometimes,
        "other": scalars,
    },
)
singles = st.builds(
    lambda changes, person: single(**{**changes, "profile": person}), event_changes, st.just(profile()) | profiles
)
bulks = st.lists(
    st.builds(
        lambda changes, person: item(*[event(**change) for change in changes], profile=person),
        st.lists(st.just({}) | event_changes, max_size=3),
        st.just(profile()) | profiles,
    ),
    max_size=3,
).map(lambda items: bulk(*items))
layouts = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])
revisions = st.sampled_from(REVISIONS)


def encoded(body: Any, layout: tuple[str, str], is_ascii: bool) -> bytes:
    return json.dumps(body, separators=layout, ensure_ascii=is_ascii).encode(errors="surrogatepass")


@settings(max_examples=300)
@given(singles, layouts, st.booleans(), revisions)
def test_both_ways_agree_on_creates(body: Any, layout: tuple[str, str], is_ascii: bool, revision: Revision) -> None:
    agree("create_event", encoded(body, layout, is_ascii), revision)


@settings(max_examples=200)
@given(bulks, layouts, st.booleans(), revisions)
def test_both_ways_agree_on_bulk_creates(
    body: Any, layout: tuple[str, str], is_ascii: bool, revision: Revision
) -> None:
    agree("bulk_create_events", encoded(body, layout, is_ascii), revision)


GOOD = {
    "create_event": text(
        single(
            properties={"a": [1, {"b": "é\\u0041"}], "": None, "c": '":'},
            value=1.5,
            value_currency="USD",
            unique_id="x",
            profile=profile({"email": "a@example.org", "location": {"city": "Oslo"}, "properties": {"k": 1}}, id=ULID),
        )
    ),
    "bulk_create_events": text(
        bulk(
            item(event(), event(value=2, properties={"a": [1, {"b": "é\\u0041"}], "": {}, "c": '":'})),
            item(event(unique_id="y", value_currency="eur", time="2024-06-15 12:00:00.5+01:30"), event(time=None)),
        )
    ),
}
pieces = st.sampled_from(
    [
        b'"',
        b":",
        b",",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\\",
        b"\\u0000",
        b"\\u003a",
        b"\\ud800",
        b" ",
        b"\x00",
        b"\xff",
        b"1",
        b"9" * 20,
        b"e999",
        b"-",
        b".",
        b"null",
        b"true",
        b"NaN",
        b'"a":1,',
        b'"type":"event",',
        b"\xc3\xa9",
    ]
)


@settings(max_examples=1000)
@given(st.sampled_from(sorted(GOOD)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), pieces), max_size=3))
def test_both_ways_agree_on_damaged_bodies(operation: str, damages: list[tuple[float, int, bytes]]) -> None:
    body = GOOD[operation]
    for share, removed, piece in damages:
        place = int(share * len(body))
        body = body[:place] + piece + body[place + removed :]
    agree(operation, body, REVISIONS[-1])


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_both_ways_agree_where_a_member_is_repeated(operation: str, data: st.DataObject) -> None:
    """A member of any object of a good body is given twice, in the plain text of that object."""
    document = json.loads(GOOD[operation])
    objects = [found for found in objects_in(document) if found]
    chosen = data.draw(st.sampled_from(range(len(objects))))
    key = data.draw(st.sampled_from(sorted(objects[chosen])))
    marked = copy.deepcopy(document)
    target = [found for found in objects_in(marked) if found][chosen]
    repeated = json.dumps(target[key])
    target["\x01"] = "\x01"
    mark = json.dumps("\x01") + ": " + json.dumps("\x01")
    body = json.dumps(marked).replace(mark, f"{json.dumps(key)}: {repeated}").encode()
    agree(operation, body, REVISIONS[-1])
    assert WAYS[operation][0](body, REVISIONS[-1], RECEIVED_AT) != []


def objects_in(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for member in value.values() for found in objects_in(member))]
    if isinstance(value, list):
        return [found for element in value for found in objects_in(element)]
    return []


def test_both_ways_agree_on_every_rule() -> None:
    for rule in RULES:
        agree(rule.operation, rule.body, next(each for each in REVISIONS if each.date == rule.revision))


def test_good_bodies_are_parsed_natively() -> None:
    """Otherwise the tests above would compare nothing."""
    for operation, body in GOOD.items():
        assert not is_built() or parsed_natively(operation, body, REVISIONS[-1]) is not None
