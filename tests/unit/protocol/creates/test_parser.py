"""The rules of the create operations, through the parser."""

from __future__ import annotations

import pytest

from eventkeep.errors import InvalidRequest
from eventkeep.limits import EVENT_FUTURE_SECONDS_MAX, FAULTS_MAX
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates.event_times import parse_time
from eventkeep.protocol.creates.native_parser import parse_natively
from eventkeep.protocol.creates.parser import parse_bulk_create, parse_create_event
from eventkeep.protocol.creates.profile_validation import IDENTIFIERS
from eventkeep.protocol.creates.profile_writes import PROFILE_ATTRIBUTES
from eventkeep.protocol.revisions import REVISIONS, Revision
from tests.create_rules import (
    NEWEST,
    PROPERTIES,
    RULES,
    ULID,
    Rule,
    bulk,
    event,
    item,
    metric,
    named,
    nested,
    profile,
    properties,
    single,
    text,
)
from tests.submitted import currencies, numbers, unique_ids, values

RECEIVED_AT = 1_750_000_000
PARSERS = {"create_event": parse_create_event, "bulk_create_events": parse_bulk_create}


def revision(date: str = NEWEST) -> Revision:
    return next(each for each in REVISIONS if each.date == date)


def parsed(body: object, operation: str = "create_event", date: str = NEWEST) -> Submission:
    return PARSERS[operation](text(body), revision(date), RECEIVED_AT)


def written(body: object) -> ProfileWrite:
    return parsed(body).profiles[0]


def refusal(body: object, operation: str = "create_event") -> list[str | None]:
    with pytest.raises(InvalidRequest) as caught:
        parsed(body, operation)
    return [fault.pointer for fault in caught.value.faults]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.operation}: {rule.name}")
def test_rule_holds(rule: Rule) -> None:
    if rule.pointer is None:
        assert len(parsed(rule.body, rule.operation, rule.revision)) > 0
        return
    with pytest.raises(InvalidRequest) as caught:
        parsed(rule.body, rule.operation, rule.revision)
    assert [fault.pointer for fault in caught.value.faults] == [rule.pointer]
    assert rule.says in caught.value.faults[0].detail


def test_an_event_becomes_a_row_of_the_columns() -> None:
    given = parsed(
        single(
            metric=metric("Placed Order", service="shop"),
            time="2024-06-15T14:00:00.9+02:00",
            value=9.99,
            value_currency="eur",
            unique_id="order-1",
        )
    )
    assert (given.metrics, numbers(given, "time"), values(given)) == ([("Placed Order", "shop")], [1718452800], [9.99])
    assert (currencies(given), unique_ids(given), numbers(given, "profile_index")) == (["EUR"], ["order-1"], [0])
    assert given.profiles == [ProfileWrite(email="sarah@example.org", only_identifier=("email", "sarah@example.org"))]


def test_missing_members_have_their_default() -> None:
    given = parsed(single(time=None))
    assert (given.metrics, numbers(given, "time"), values(given)) == ([("Placed Order", "api")], [RECEIVED_AT], [None])
    assert (currencies(given), unique_ids(given)) == ([""], [str(RECEIVED_AT)])


def test_properties_are_kept_as_they_were_sent() -> None:
    sent = '{ "z":1.50, "a" : [ 1e2, "\\u00e9\\/" ],"$extra":{} }'
    assert parsed(properties(sent)).texts["properties"].joined == sent.encode()


def test_events_of_a_bulk_create_point_to_their_profiles() -> None:
    second = profile({"external_id": "2"})
    given = parsed(bulk(item(event(), event()), item(event(unique_id="x"), profile=second)), "bulk_create_events")
    assert numbers(given, "profile_index") == [0, 0, 1]
    assert unique_ids(given) == ["1718452800", "1718452800", "x"]
    assert [write.external_id for write in given.profiles] == [None, "2"]
    assert given.pointers[1] == "/data/attributes/events-bulk-create/data/1/attributes/profile/data"


def test_profiles_that_are_only_named_are_told_from_others() -> None:
    def people(*attributes: dict[str, str]) -> Submission:
        return parsed(bulk(*[item(event(), profile=profile(each)) for each in attributes]), "bulk_create_events")

    given = people({"email": "Ada@shop.example"}, {"external_id": "2"})
    assert [write.only_identifier for write in given.profiles] == [("email", "ada@shop.example"), ("external_id", "2")]
    for second in (
        {"email": "bob@shop.example", "external_id": "2"},
        {"email": "bob@shop.example", "first_name": "Bob"},
        {"anonymous_id": "2"},
    ):
        assert people({"email": "ada@shop.example"}, second).profiles[1].only_identifier is None
    odd = people({"email": "ada@shop.example"}, {"email": "bob@shop.example", "phone_number": "7"})
    assert odd.ignored() == ["phone_number"]
    assert [write.only_identifier for write in odd.profiles] == [("email", "ada@shop.example"), None]


@pytest.mark.parametrize("sent", ["-0.0", "0.0", "-0.0e0", "-0", "0", "1e-400", "0.1", "1.7976931348623157e308"])
@pytest.mark.parametrize("is_bulk", [False, True])
def test_values_are_kept_to_the_last_bit(sent: str, is_bulk: bool) -> None:
    body = text(bulk(item(event(value="HERE"))) if is_bulk else single(value="HERE")).replace(b'"HERE"', sent.encode())
    # An integer has no negative zero.
    expected = 0.0 if sent == "-0" else float(sent)
    given = parsed(body, "bulk_create_events" if is_bulk else "create_event")
    assert repr(numbers(given, "value")) == repr([expected])
    native, _ = parse_natively([body], is_bulk, revision(), RECEIVED_AT)
    assert native is None or repr(numbers(native, "value")) == repr([expected])


def test_times_of_many_forms_in_one_bulk_create() -> None:
    times = ["2024-06-15T12:00:00Z", None, "2024-06-15 14:00+02:00", "2024-06-15"] * 10
    given = parsed(bulk(item(*[event(time=time) for time in times])), "bulk_create_events")
    assert numbers(given, "time") == [1718452800, RECEIVED_AT, 1718452800, 1718409600] * 10


def test_a_time_may_lie_a_year_ahead_and_no_second_more() -> None:
    latest = RECEIVED_AT + EVENT_FUTURE_SECONDS_MAX
    assert parse_time("2026-06-16T15:06:40Z") == latest
    assert numbers(parsed(single(time="2026-06-16T15:06:40Z")), "time") == [latest]
    assert refusal(single(time="2026-06-16T15:06:41Z")) == ["/data/attributes/time"]


def test_identifiers_are_in_normal_form() -> None:
    given = written(
        named({"email": " A@Example.ORG", "phone_number": "+1 500 555 0006", "external_id": " x ", "_kx": "K"}, id=ULID)
    )
    assert (given.id, given.email, given.phone_number) == (ULID, "a@example.org", "+15005550006")
    assert (given.external_id, given.kx, given.ignored) == (" x ", "K", ())


def test_a_phone_number_that_can_not_be_used_is_named() -> None:
    given = written(named({"email": "a@example.org", "phone_number": "12"}))
    assert (given.phone_number, given.ignored) == (None, ("phone_number",))


def test_attributes_tell_null_from_absent() -> None:
    given = written(
        named({"email": "a@example.org", "first_name": None, "title": "x", "location": {"city": None, "zip": "1"}})
    )
    assert given.attributes == {"first_name": None, "title": "x"}
    assert (given.location, given.clears_location) == ({"city": None, "zip": "1"}, False)
    assert written(named({"email": "a@example.org", "location": None})).clears_location


@pytest.mark.parametrize("name", sorted(PROFILE_ATTRIBUTES - set(IDENTIFIERS) - {"meta"}))
def test_no_attribute_is_passed_over(name: str) -> None:
    value: object = {"city": "Oslo"} if name in ("location", "properties") else "x"
    assert written(named({"email": "a@example.org"})).only_identifies()
    assert not written(named({"email": "a@example.org", name: value})).only_identifies()


@pytest.mark.parametrize("inside", [True, False])
def test_a_patch_is_read_in_both_places(inside: bool) -> None:
    meta = {"patch_properties": {"append": {"a": "x"}, "unappend": {"b": [1, True]}, "unset": "c"}}
    attributes = {"email": "a@example.org"}
    given = written(named({**attributes, "meta": meta}) if inside else named(attributes, meta=meta))
    assert (given.append, given.unappend, given.unset) == ({"a": "x"}, {"b": [1, True]}, ("c",))


def test_all_faults_are_reported_together() -> None:
    wrong = bulk(
        item(event(time="x", value="y"), event(properties=[1])),
        item(event(metric=metric("")), profile=profile({"email": "nobody"})),
    )
    items = "/data/attributes/events-bulk-create/data"
    assert refusal(wrong, "bulk_create_events") == [
        f"{items}/0/attributes/events/data/0/attributes/time",
        f"{items}/0/attributes/events/data/0/attributes/value",
        f"{items}/0/attributes/events/data/1/attributes/properties",
        f"{items}/1/attributes/profile/data/attributes/email",
        f"{items}/1/attributes/events/data/0/attributes/metric/data/attributes/name",
    ]


def test_faults_are_reported_up_to_a_cap() -> None:
    assert len(refusal(bulk(item(*[event(time="x")] * 1000)), "bulk_create_events")) == FAULTS_MAX
    assert len(refusal(properties('{"a":[' + ",".join(["1e999"] * 4000) + "]}"))) == FAULTS_MAX


def test_a_wrong_value_is_repeated_only_in_part() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed(single(time="x" * 1_000_000, **{"k" * 1_000_000: 1}))
    assert [fault.pointer for fault in caught.value.faults] == ["/data/attributes", "/data/attributes/time"]
    assert all(len(fault.detail) < 500 for fault in caught.value.faults)


HOSTILE = {
    "arrays": "[" + ",".join(["[]"] * 1_500_000) + "]",
    "objects": "[" + ",".join(["{}"] * 1_500_000) + "]",
    "numbers": "[" + "1," * 2_400_000 + "1]",
    "keys": "{" + ",".join(f'"{n}":1' for n in range(400_000)) + "}",
    "equal keys": "{" + ",".join(['"a":1'] * 700_000) + "}",
    "quotes": '{"a":"' + '\\"' * 2_400_000 + '"}',
    "an open string": '{"a":"' + '\\"' * 2_400_000,
    "blanks after quotes": '{"a":["' + '" ,"' * 1_200_000 + '"]}',
    "digits": '{"a":' + "1" * 4_900_000 + "}",
    "digits in a string": '{"a":": ' + "1" * 4_900_000 + '"}',
    "long runs": '{"a":"' + (": " + "1" * 30) * 150_000 + '"}',
    "levels": nested(800_000),
    "surrogates": '{"a":"' + "\\ud83d" * 800_000 + '"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_five_megabytes_of_malice_are_refused_in_time(name: str) -> None:
    pointers = refusal(properties(HOSTILE[name]))
    assert 0 < len(pointers) <= FAULTS_MAX
    assert all(pointer is not None and pointer.startswith("/data") for pointer in pointers)


def test_five_megabytes_of_blanks_are_json() -> None:
    sent = '{"a"' + " " * 4_900_000 + ":1}"
    assert parsed(properties(sent)).texts["properties"].joined == sent.encode()


def test_every_fault_of_an_event_points_into_it() -> None:
    pointers = refusal(properties('{"a":{"b":[1,{"c":1e999}]},"d":"\\u0000"}'))
    assert pointers == [f"{PROPERTIES}/a/b/1/c", f"{PROPERTIES}/d"]
