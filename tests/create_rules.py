"""The rules of the two create operations, one per row: the body, and its result.

``RULES`` is meant to be read. Each row gives the difference between a body and a valid one. For a
refused body it also gives the JSON pointer of its one fault and a part of the message. The unit
tests run the rows through the parser, the contract tests through a server over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

NEWEST: Final = "2026-07-15"
ULID: Final = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
ABSENT: Final = object()
"""Stands for a member that is left out."""


@dataclass(frozen=True)
class Rule:
    """One rule. ``pointer`` is None if the body is accepted; ``says`` is a part of the fault's message."""

    name: str
    body: bytes
    pointer: str | None = None
    says: str = ""
    operation: str = "create_event"
    revision: str = NEWEST

    @property
    def status(self) -> int:
        return 202 if self.pointer is None else 400

    @property
    def code(self) -> str | None:
        """The code of the error; None if there is none."""
        return None if self.pointer is None else "invalid"


def without_absent(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ABSENT}


def metric(name: Any = "Placed Order", **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "metric", "attributes": without_absent({"name": name, **attributes})}}


def profile(attributes: Any = None, **members: Any) -> dict[str, Any]:
    """A profile; ``members`` are added beside its attributes."""
    given = {"email": "sarah@example.org"} if attributes is None else attributes
    return {"data": without_absent({"type": "profile", "attributes": given, **members})}


def event(**changes: Any) -> dict[str, Any]:
    """An event of a bulk create, with other attributes."""
    attributes = {"metric": metric(), "properties": {"Brand": "Kids Book"}, "time": "2024-06-15T12:00:00+00:00"}
    return {"type": "event", "attributes": without_absent({**attributes, **changes})}


def single(**changes: Any) -> dict[str, Any]:
    """The body of a create, with other attributes of its event."""
    return {"data": event(**{"profile": profile(), **changes})}


def item(*events: Any, **changes: Any) -> dict[str, Any]:
    """An item of a bulk create."""
    attributes = {"profile": profile(), "events": {"data": list(events)}}
    return {"type": "event-bulk-create", "attributes": without_absent({**attributes, **changes})}


def bulk(*items: Any, **changes: Any) -> dict[str, Any]:
    """The body of a bulk create."""
    attributes = {"events-bulk-create": {"data": list(items)}}
    return {"data": {"type": "event-bulk-create-job", "attributes": without_absent({**attributes, **changes})}}


def text(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()


def properties(raw: str | bytes) -> bytes:
    """The body of a create whose properties are exactly this text."""
    marked = text(single(properties="HERE"))
    return marked.replace(b'"HERE"', raw.encode() if isinstance(raw, str) else raw)


def accepts(name: str, body: Any, **options: Any) -> Rule:
    return Rule(name, text(body), **options)


def refuses(name: str, body: Any, pointer: str, says: str, **options: Any) -> Rule:
    return Rule(name, text(body), pointer, says, **options)


ATTRIBUTES: Final = "/data/attributes"
PROFILE: Final = "/data/attributes/profile/data"
PROPERTIES: Final = "/data/attributes/properties"
ITEMS: Final = "/data/attributes/events-bulk-create/data"


def nested(levels: int) -> str:
    """Properties with this number of nested levels."""
    return '{"a":' * levels + "1" + "}" * levels


def named(attributes: Any = None, **members: Any) -> dict[str, Any]:
    """The body of a create whose profile has other attributes, or members beside them."""
    return single(profile=profile(attributes, **members))


def patched(patch: Any) -> dict[str, Any]:
    return named(meta={"patch_properties": patch})


BODY_RULES: Final = (
    accepts("a create", single()),
    accepts("blanks between all tokens", json.dumps(single(), indent=2, separators=(" ,", " : ")).encode()),
    refuses("nothing", b"", "/data", "The body is empty"),
    refuses("only blanks", b" \r\n\t", "/data", "The body is empty"),
    refuses("a body that stops halfway", text(single())[:-20], "/data", "The body is not JSON"),
    refuses("more than one document", text(single()) * 2, "/data", "Extra data"),
    refuses("a byte order mark", b"\xef\xbb\xbf" + text(single()), "/data", "byte order mark"),
    refuses("bytes that are no UTF-8", properties(b'{"a":"\xff"}'), "/data", "not UTF-8: invalid start byte"),
    refuses("surrogates as UTF-8", properties(b'{"a":"\xed\xa0\x80"}'), "/data", "not UTF-8"),
    refuses("10,000 levels", properties("[" * 10_000 + "]" * 10_000), "/data", "nested deeper"),
    refuses("an array for the document", [], "/data", "Expected an object, got an array"),
    refuses("no data", {}, "/data", "'data' is missing"),
    refuses("data that is null", {"data": None}, "/data", "Expected an object, got null"),
    refuses("a member beside data", {**single(), "meta": {}}, "/meta", "'meta' is not known here"),
    refuses("no type", {"data": {"attributes": single()["data"]["attributes"]}}, "/data/type", "'type' is missing"),
    refuses("another type", {"data": {**single()["data"], "type": "events"}}, "/data/type", "the string 'event', got"),
    refuses("no attributes", {"data": {"type": "event"}}, "/data/attributes", "'attributes' is missing"),
    refuses("an id of an event", {"data": {**single()["data"], "id": "1"}}, "/data/id", "'id' is not known here"),
    refuses("an unknown attribute", single(colour="red"), f"{ATTRIBUTES}/colour", "'colour' is not known here"),
    refuses(
        "a name that a pointer escapes", single(**{"a/b~c": 1}), f"{ATTRIBUTES}/a~1b~0c", "'a/b~c' is not known here"
    ),
    refuses(
        "an attribute given twice",
        text(single()).replace(b'"time"', b'"time": "2024-01-01", "time"'),
        f"{ATTRIBUTES}/time",
        "more than once",
    ),
)

METRIC_RULES: Final = (
    accepts("a name of 127 characters", single(metric=metric("é" * 127))),
    accepts("a service", single(metric=metric(service="shop"))),
    accepts("a service that is null", single(metric=metric(service=None))),
    refuses("no metric", single(metric=ABSENT), f"{ATTRIBUTES}/metric", "'metric' is missing"),
    refuses("a metric that is null", single(metric=None), f"{ATTRIBUTES}/metric", "Expected an object, got null"),
    refuses(
        "a metric without a name",
        single(metric=metric(ABSENT)),
        f"{ATTRIBUTES}/metric/data/attributes/name",
        "'name' is missing",
    ),
    refuses("an empty name", single(metric=metric("")), f"{ATTRIBUTES}/metric/data/attributes/name", "at least 1"),
    refuses(
        "a name of 128 characters",
        single(metric=metric("x" * 128)),
        f"{ATTRIBUTES}/metric/data/attributes/name",
        "at most 127 characters, got 128",
    ),
    refuses("a number for a name", single(metric=metric(7)), f"{ATTRIBUTES}/metric/data/attributes/name", "number 7"),
    refuses(
        "another type than metric",
        single(metric={"data": {"type": "Metric", "attributes": {"name": "x"}}}),
        f"{ATTRIBUTES}/metric/data/type",
        "Expected the string 'metric', got the string 'Metric'",
    ),
    refuses(
        "an id of a metric",
        single(metric={"data": {**metric()["data"], "id": "abcDEF"}}),
        f"{ATTRIBUTES}/metric/data/id",
        "'id' is not known here",
    ),
)

TIME: Final = f"{ATTRIBUTES}/time"
TIME_RULES: Final = (
    accepts("no time: when the request was received", single(time=ABSENT)),
    accepts("a time that is null: likewise", single(time=None)),
    accepts("a time with an offset", single(time="2024-06-15T14:00:00+02:00")),
    accepts("an offset without colon", single(time="2024-06-15T14:00:00+0200")),
    accepts("an offset in hours", single(time="2024-06-15T14:00:00+02")),
    accepts("a time in UTC", single(time="2024-06-15T12:00:00Z")),
    accepts("a blank for the T", single(time="2024-06-15 12:00:00")),
    accepts("a fraction, which is cut off", single(time="2024-06-15T12:00:00.999999999Z")),
    accepts("no seconds", single(time="2024-06-15T12:00")),
    accepts("a date alone: its midnight", single(time="2024-06-15")),
    accepts("the first second of 2000", single(time="2000-01-01T00:00:00Z")),
    refuses(
        "the second before 2000",
        single(time="1999-12-31T23:59:59Z"),
        TIME,
        "not before 2000-01-01",
        revision="2026-04-15",
    ),
    refuses(
        "before 2000 by its offset",
        single(time="2000-01-01T00:30:00+01:00"),
        TIME,
        "not before 2000-01-01",
        revision="2026-04-15",
    ),
    accepts("the first second of 1990", single(time="1990-01-01T00:00:00Z"), revision="2026-07-15"),
    refuses(
        "the second before 1990",
        single(time="1989-12-31T23:59:59Z"),
        TIME,
        "not before 1990-01-01",
        revision="2026-07-15",
    ),
    refuses("a time far ahead", single(time="2999-01-01T00:00:00Z"), TIME, "at most 366 days ahead"),
    refuses("a date that does not exist", single(time="2023-02-29T12:00:00Z"), TIME, "ISO 8601"),
    refuses("an hour that does not exist", single(time="2024-06-15T24:00:00Z"), TIME, "ISO 8601"),
    refuses("an offset of a day", single(time="2024-06-15T12:00:00+24:00"), TIME, "ISO 8601"),
    refuses("Unix seconds as a number", single(time=1718452800), TIME, "got the number 1718452800"),
    refuses("Unix seconds as text", single(time="1718452800"), TIME, "got the string '1718452800'"),
    refuses("an empty time", single(time=""), TIME, "ISO 8601"),
    refuses("a time in words", single(time="yesterday"), TIME, "got the string 'yesterday'"),
    refuses("other digits", single(time="２０２４-06-15T12:00:00Z"), TIME, "ISO 8601"),  # noqa: RUF001
)

VALUE: Final = f"{ATTRIBUTES}/value"
CURRENCY: Final = f"{ATTRIBUTES}/value_currency"
UNIQUE_ID: Final = f"{ATTRIBUTES}/unique_id"
VALUE_RULES: Final = (
    accepts("a value", single(value=9.99)),
    accepts("a whole value", single(value=10)),
    accepts("a value below zero", single(value=-0.5)),
    accepts("a value that is null", single(value=None)),
    refuses("a value as text", single(value="9.99"), VALUE, "Expected a number, got the string '9.99'"),
    refuses("a boolean for a value", single(value=True), VALUE, "Expected a number, got true"),
    refuses("NaN", text(single(value=float("nan"))), VALUE, "Expected a finite number, got the number NaN"),
    refuses("an infinity", text(single(value=float("-inf"))), VALUE, "got the number -Infinity"),
    refuses(
        "a value past all floats",
        text(single(value="HERE")).replace(b'"HERE"', b"1e999"),
        VALUE,
        "too large for a float",
    ),
    refuses("a value past 64 bits", single(value=2**64), VALUE, "Expected an integer from"),
    accepts("a currency", single(value=1, value_currency="EUR")),
    accepts("a currency in lower case", single(value=1, value_currency="eur")),
    accepts("a currency of former years", single(value=1, value_currency="DEM")),
    accepts("a currency that is null", single(value_currency=None)),
    refuses("an unknown currency", single(value_currency="ABC"), CURRENCY, "ISO 4217 currency code such as 'USD', got"),
    refuses("an empty currency", single(value_currency=""), CURRENCY, "ISO 4217"),
    refuses("a sign for a currency", single(value_currency="$"), CURRENCY, "ISO 4217"),
    accepts("a unique_id", single(unique_id="order-1")),
    accepts("a unique_id of 255 characters", single(unique_id="🙂" * 255)),
    accepts("a unique_id that is null", single(unique_id=None)),
    refuses("a unique_id of 256 characters", single(unique_id="x" * 256), UNIQUE_ID, "at most 255 characters, got 256"),
    refuses("an empty unique_id", single(unique_id=""), UNIQUE_ID, "at least 1 character"),
    refuses("a number for a unique_id", single(unique_id=1), UNIQUE_ID, "Expected a string, got the number 1"),
    refuses("a NUL in a unique_id", single(unique_id="a\x00b"), UNIQUE_ID, "without NUL"),
)

PROPERTY_RULES: Final = (
    accepts("no properties in the object", properties("{}")),
    accepts("300 properties", properties(json.dumps({f"p{n}": n for n in range(300)}))),
    accepts("a string of 100,000 bytes", properties(json.dumps({"a": "x" * 100_000}))),
    accepts("an array of 4,000 elements", properties(json.dumps({"a": [0] * 4000}))),
    accepts("10 levels", properties(nested(10))),
    accepts("the ends of 64 bits", properties('{"a":-9223372036854775808,"b":18446744073709551615}')),
    accepts("many digits in a string", properties('{"a":"123456789012345678901234567890, 99999999999999999999"}')),
    accepts("many digits in a fraction", properties('{"a":0.12345678901234567890123456789}')),
    accepts("emoji, as they are and escaped", properties('{"a":"🙂","b":"\\ud83d\\ude42"}')),
    accepts("an escaped backslash before u0000", properties('{"a":"\\\\u0000"}')),
    accepts("the look of a repeated key, in a string", properties('{"a":"{\\"b\\":1,\\"b\\":2}","c":":"}')),
    accepts("equal keys in different objects", properties('{"a":{"b":1},"c":[{"b":1},{"b":1}],"b":1}')),
    accepts("a number that is too small to tell from zero", properties('{"a":1e-999}')),
    refuses("no properties", single(properties=ABSENT), PROPERTIES, "'properties' is missing"),
    refuses("properties that are null", single(properties=None), PROPERTIES, "Expected an object, got null"),
    accepts("an empty array for properties, which PHP sends", single(properties=[])),
    refuses("an array for properties", single(properties=[1]), PROPERTIES, "Expected an object, got an array"),
    refuses(
        "301 properties",
        properties(json.dumps({f"p{n}": n for n in range(301)})),
        PROPERTIES,
        "at most 300 properties, got 301",
        revision="2025-01-15",
    ),
    accepts("400 properties", properties(json.dumps({f"p{n}": n for n in range(400)})), revision="2025-04-15"),
    refuses(
        "401 properties",
        properties(json.dumps({f"p{n}": n for n in range(401)})),
        PROPERTIES,
        "at most 400 properties, got 401",
        revision="2025-04-15",
    ),
    refuses(
        "a string of 100,001 bytes",
        properties(json.dumps({"a": "é" + "x" * 99_999}, ensure_ascii=False)),
        f"{PROPERTIES}/a",
        "at most 100000 bytes, got 100001",
    ),
    refuses("a key of 100,001 bytes", properties(json.dumps({"x" * 100_001: 1})), PROPERTIES, "at most 100000 bytes"),
    refuses(
        "an array of 4,001 elements",
        properties(json.dumps({"a": [0] * 4001})),
        f"{PROPERTIES}/a",
        "at most 4000 elements, got 4001",
    ),
    refuses("11 levels", properties(nested(11)), PROPERTIES + "/a" * 10, "at most 10 nested levels"),
    refuses("a repeated key", properties('{"a":1,"a":1}'), f"{PROPERTIES}/a", "more than once"),
    refuses("a key repeated by an escape", properties('{"a":1,"\\u0061":2}'), f"{PROPERTIES}/a", "more than once"),
    refuses("a repeated key in a list", properties('{"a":[{"b":1,"b":2}]}'), f"{PROPERTIES}/a/0/b", "more than once"),
    refuses(
        "a repeated key hidden by blanks and colons",
        properties('{"a" :1,"a" :2,"b":":","c":"\\u0022:\\u0022:"}'),
        f"{PROPERTIES}/a",
        "more than once",
    ),
    refuses(
        "one past 64 bits", properties('{"a":18446744073709551616}'), f"{PROPERTIES}/a", "Expected an integer from"
    ),
    refuses("one below 64 bits", properties('{"a":[-9223372036854775809]}'), f"{PROPERTIES}/a/0", "an integer from"),
    refuses("a million digits", properties('{"a":' + "9" * 1_000_000 + "}"), f"{PROPERTIES}/a", "an integer from"),
    refuses("a float past all floats", properties('{"a":1e999}'), f"{PROPERTIES}/a", "too large for a float"),
    refuses("NaN in the properties", properties('{"a":NaN}'), f"{PROPERTIES}/a", "got the number NaN"),
    refuses("a NUL", properties('{"a":"\\u0000"}'), f"{PROPERTIES}/a", "without NUL"),
    refuses("a NUL in a key", properties('{"a\\u0000":1}'), f"{PROPERTIES}/a\x00", "without NUL"),
    refuses("half of a surrogate pair", properties('{"a":"\\ud83d"}'), f"{PROPERTIES}/a", "half of a surrogate pair"),
    refuses("a control character", properties('{"a":"\x01"}'), "/data", "Invalid control character"),
    refuses("an escape that does not exist", properties('{"a":"\\x41"}'), "/data", "Invalid \\escape"),
)

IDENTIFIER_RULES: Final = (
    accepts("an email with blanks around it and capitals", named({"email": " Sarah.Mason@Example.ORG "})),
    accepts("an external_id", named({"external_id": "63f64a2b"})),
    accepts("an anonymous_id", named({"anonymous_id": "a-1"})),
    accepts("a _kx", named({"_kx": "cZGEg9"})),
    accepts("a phone number", named({"phone_number": "+15005550006"})),
    accepts("a phone number with separators", named({"phone_number": "+1 (500) 555-0006"})),
    accepts("a wrong phone number beside an email", named({"email": "a@example.org", "phone_number": "12"})),
    accepts("other identifiers that are null", named({"email": "a@example.org", "phone_number": None, "_kx": None})),
    accepts("an identifier of 255 characters", named({"external_id": "é" * 255})),
    refuses("no identifier", named({}), f"{PROFILE}/attributes", "Expected an identifier of the profile"),
    refuses("only one that is null", named({"email": None}), f"{PROFILE}/attributes", "Expected an identifier"),
    refuses(
        "a wrong phone number alone", named({"phone_number": "0500"}), f"{PROFILE}/attributes/phone_number", "E.164"
    ),
    refuses("no address", named({"email": "sarah"}), f"{PROFILE}/attributes/email", "an email address of at most 254"),
    refuses("an empty email", named({"email": ""}), f"{PROFILE}/attributes/email", "got the string ''"),
    refuses(
        "a malformed email beside another identifier",
        named({"email": "a@b@example.org", "external_id": "1"}),
        f"{PROFILE}/attributes/email",
        "an email address",
    ),
    refuses(
        "a number for a phone", named({"phone_number": 15005550006}), f"{PROFILE}/attributes/phone_number", "string"
    ),
    accepts("an integer for external_id", named({"external_id": 12345})),
    accepts("empty arrays in a profile", named({"email": "a@example.org", "properties": [], "location": []})),
    refuses(
        "true for external_id", named({"external_id": True}), f"{PROFILE}/attributes/external_id", "Expected a string"
    ),
    refuses("an empty external_id", named({"external_id": ""}), f"{PROFILE}/attributes/external_id", "at least 1"),
    refuses("an identifier of 256 characters", named({"_kx": "x" * 256}), f"{PROFILE}/attributes/_kx", "at most 255"),
    refuses(
        "an id that is no ULID", named({}, id="42"), f"{PROFILE}/id", "a ULID of 26 characters, got the string '42'"
    ),
    refuses("an id in lower case", named(id=ULID.lower()), f"{PROFILE}/id", "a ULID of 26 characters"),
    refuses(
        "_kx before revision 2023-09-15",
        named({"_kx": "x", "email": "a@example.org"}),
        f"{PROFILE}/attributes/_kx",
        "not known here",
        revision="2023-08-15",
    ),
)

PROFILE_RULES: Final = (
    accepts(
        "all the plain attributes",
        named(
            {"email": "a@example.org", "first_name": "Sarah", "last_name": "", "organization": None, "title": "x"}
            | {"image": "https://example.org/x.png", "locale": "en-US"}
        ),
    ),
    accepts(
        "a location", named({"email": "a@example.org", "location": {"city": "Oslo", "latitude": 59.9, "ip": None}})
    ),
    accepts("a coordinate as text", named({"email": "a@example.org", "location": {"longitude": "10.7"}})),
    accepts("a location that is null", named({"email": "a@example.org", "location": None})),
    accepts("properties of a profile", named({"email": "a@example.org", "properties": {"a": [1, {"b": None}]}})),
    refuses("no profile", single(profile=ABSENT), f"{ATTRIBUTES}/profile", "'profile' is missing"),
    refuses(
        "another type than profile",
        single(profile={"data": {"type": "person", "attributes": {"email": "a@example.org"}}}),
        f"{PROFILE}/type",
        "Expected the string 'profile'",
    ),
    refuses(
        "an unknown attribute of a profile",
        named({"email": "a@example.org", "age": 4}),
        f"{PROFILE}/attributes/age",
        "'age' is not known here",
    ),
    refuses(
        "a locale before revision 2024-07-15",
        named({"email": "a@example.org", "locale": "en-US"}),
        f"{PROFILE}/attributes/locale",
        "not known here",
        revision="2024-06-15",
    ),
    refuses(
        "a name that is no text",
        named({"email": "a@example.org", "first_name": ["Sarah"]}),
        f"{PROFILE}/attributes/first_name",
        "Expected a string, got an array",
    ),
    refuses(
        "a name of 10,001 characters",
        named({"email": "a@example.org", "first_name": "x" * 10_001}),
        f"{PROFILE}/attributes/first_name",
        "at most 10000 characters",
    ),
    refuses(
        "an unknown member of a location",
        named({"email": "a@example.org", "location": {"planet": "Earth"}}),
        f"{PROFILE}/attributes/location/planet",
        "not known here; expected address1, address2",
    ),
    refuses(
        "a coordinate that is no number",
        named({"email": "a@example.org", "location": {"latitude": True}}),
        f"{PROFILE}/attributes/location/latitude",
        "Expected a number, got true",
    ),
    refuses(
        "properties of a profile that are no object",
        named({"email": "a@example.org", "properties": "x"}),
        f"{PROFILE}/attributes/properties",
        "Expected an object",
    ),
    refuses(
        "properties of a profile of 11 levels",
        named({"email": "a@example.org", "properties": json.loads(nested(11))}),
        f"{PROFILE}/attributes/properties" + "/a" * 10,
        "at most 10 nested levels",
    ),
)

PATCH: Final = f"{PROFILE}/meta/patch_properties"
PATCH_RULES: Final = (
    accepts("a patch beside the attributes", patched({"append": {"skus": "92538"}, "unset": "colour"})),
    accepts(
        "a patch inside the attributes",
        named({"email": "a@example.org", "meta": {"patch_properties": {"unappend": {"skus": ["1", 2, True]}}}}),
    ),
    accepts("keys to unset", patched({"unset": ["a", "b"]})),
    accepts("a patch that is null", named(meta={"patch_properties": None})),
    accepts("operations that are null", patched({"append": None, "unappend": None, "unset": None})),
    refuses(
        "a patch in both places",
        named({"email": "a@example.org", "meta": {"patch_properties": {"unset": "a"}}}, meta={"patch_properties": {}}),
        f"{PROFILE}/attributes/meta",
        "got both",
    ),
    refuses("an unknown operation", patched({"prepend": {}}), f"{PATCH}/prepend", "expected append, unappend, unset"),
    refuses("an operation that is no object", patched({"append": "a"}), f"{PATCH}/append", "Expected an object"),
    refuses(
        "an object to append",
        patched({"append": {"a": {"b": 1}}}),
        f"{PATCH}/append/a",
        "a string, a number or a boolean",
    ),
    refuses("null to append", patched({"append": {"a": [1, None]}}), f"{PATCH}/append/a/1", "got null"),
    refuses("a number to unset", patched({"unset": 3}), f"{PATCH}/unset", "a key or an array of keys"),
    refuses("a number among keys to unset", patched({"unset": ["a", 3]}), f"{PATCH}/unset/1", "Expected a string"),
    refuses(
        "identifiers to patch, which nobody has here",
        named(meta={"patch_identifiers": {"append": {"email": ["a@example.org"]}}}),
        f"{PROFILE}/meta/patch_identifiers",
        "not known here; expected patch_properties",
    ),
)

REVISION_RULES: Final = (
    accepts("a backfill", single(backfill=True)),
    refuses("a backfill that is no boolean", single(backfill=1), f"{ATTRIBUTES}/backfill", "Expected true or false"),
    refuses(
        "a backfill before revision 2026-04-15",
        single(backfill=False),
        f"{ATTRIBUTES}/backfill",
        "not known here",
        revision="2026-01-15",
    ),
    refuses(
        "a currency before revision 2024-02-15",
        single(value_currency="USD"),
        CURRENCY,
        "not known here",
        revision="2023-12-15",
    ),
)

EVENTS: Final = f"{ITEMS}/0/attributes/events/data"
BULK_BODIES: Final = (
    accepts("a bulk create", bulk(item(event(), event(unique_id="2")), item(event()))),
    accepts("1,000 events", bulk(item(*[event()] * 600), item(*[event()] * 400))),
    accepts("a backfill of an item", bulk(item(event(backfill=None), backfill=True))),
    refuses(
        "1,001 events", bulk(item(*[event()] * 600), item(*[event()] * 401)), ITEMS, "at most 1000 events over all"
    ),
    refuses("no items", bulk(), ITEMS, "at least one element"),
    refuses("an item without events", bulk(item()), EVENTS, "at least one element"),
    refuses("items that are no array", bulk(**{"events-bulk-create": {"data": {}}}), ITEMS, "Expected an array"),
    refuses(
        "a create instead of a bulk create",
        single(),
        "/data/type",
        "Expected the string 'event-bulk-create-job'",
    ),
    refuses(
        "another type of an item",
        bulk({**item(event()), "type": "event"}),
        f"{ITEMS}/0/type",
        "Expected the string 'event-bulk-create', got the string 'event'",
    ),
    refuses(
        "a profile in an event of a bulk create",
        bulk(item(event(profile=profile()))),
        f"{EVENTS}/0/attributes/profile",
        "not known here",
    ),
    refuses(
        "one wrong time of many",
        bulk(item(event(), event(), event(), event(time="soon"))),
        f"{EVENTS}/3/attributes/time",
        "got the string 'soon'",
    ),
    refuses(
        "a second item whose profile has no identifier",
        bulk(item(event()), item(event(), profile=profile({}))),
        f"{ITEMS}/1/attributes/profile/data/attributes",
        "Expected an identifier",
    ),
    refuses(
        "a repeated key in the third event",
        text(bulk(item(event(), event(), event(properties="HERE")))).replace(b'"HERE"', b'{"a":1,"a":2}'),
        f"{EVENTS}/2/attributes/properties/a",
        "more than once",
    ),
    refuses(
        "a backfill of an item before revision 2026-04-15",
        bulk(item(event(), backfill=True)),
        f"{ITEMS}/0/attributes/backfill",
        "not known here",
        revision="2026-01-15",
    ),
)
BULK_RULES: Final = tuple(
    Rule(rule.name, rule.body, rule.pointer, rule.says, "bulk_create_events", rule.revision) for rule in BULK_BODIES
)

RULES: Final[tuple[Rule, ...]] = (
    *BODY_RULES,
    *METRIC_RULES,
    *TIME_RULES,
    *VALUE_RULES,
    *PROPERTY_RULES,
    *IDENTIFIER_RULES,
    *PROFILE_RULES,
    *PATCH_RULES,
    *REVISION_RULES,
    *BULK_RULES,
)
