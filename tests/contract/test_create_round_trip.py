"""Properties come back equal to the request: by both creates and both reads, from the tail and from the table."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventkeep.server.control import ControlRequest, ask_server
from tests.contract.api import iso
from tests.contract.scrapes import Scraped, value
from tests.contract.shop import Shop
from tests.create_rules import bulk, event, item, profile, properties, single, text

START: Final = 1_718_452_800
EDGES: Final = (0, -1, 2**31, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63))
RESERVED: Final = frozenset({"$event_id", "$value", "$value_currency", "$extra"})
"""Names that the server writes or moves."""

texts: Final = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20) | st.sampled_from(
    ["", " ", '"', "\\", "\\u0000", "/", '":', "\u2028", "🙂", "e\u0301", "\x7f", "\x01", "null", "1"]
)
scalars: Final = (
    st.none()
    | st.booleans()
    | st.sampled_from(EDGES)
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, 1e16, 1e22, 5e-324, 1.7976931348623157e308, 0.1 + 0.2])
    | texts
)
keys: Final = texts.filter(lambda key: key not in RESERVED) | st.sampled_from(["$", "$e", "$email"])


def nested(levels: int) -> st.SearchStrategy[Any]:
    """Values with at most this number of levels of objects and arrays."""
    strategy: st.SearchStrategy[Any] = scalars
    for _ in range(levels):
        strategy = scalars | st.lists(strategy, max_size=3) | st.dictionaries(keys, strategy, max_size=3)
    return strategy


objects: Final = st.dictionaries(keys, nested(9), max_size=6)
layouts: Final = st.builds(
    lambda blank, is_ascii: {"separators": (f",{blank}", f":{blank}"), "ensure_ascii": is_ascii},
    st.sampled_from(["", " ", "\n\t"]),
    st.booleans(),
)


LITERALS: Final[dict[str, str]] = {
    "numbers": '{"a":1E+2,"b":-0,"c":-0.0,"d":1.0000000000000000000001,"e":0.1e-7,"f":1e-999,"g":123456789012345678.0}',
    "edges": '{"a":-9223372036854775808,"b":[9223372036854775807,9223372036854775808],"c":18446744073709551615}',
    "escapes": '{"\\u00e9":"\\/\\b\\f\\n\\r\\t\\"\\\\","\\ud83d\\ude42":"\\u2028\\u007f\\\\u0000"}',
    "blanks": ' \n{ "a" :\t[ 1 , { } , [ ] ] , "b" : "" }\r',
    "nothing": "{}",
    "nothing but blanks": "{ \n }",
    "empty keys": '{"":{"":{"":[]}}," ":0}',
    "equal keys in different objects": '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    "names near those of the server": '{"$":1,"$e":2,"$event":3,"$values":4,"x$value":5,"$EVENT_ID":6,"value":7}',
    "names of the server further in": '{"a":{"$event_id":1,"$value":2,"$extra":3},"b":[{"$value_currency":4}]}',
    "300 properties": json.dumps({f"p{number}": number for number in range(300)}),
    "4,000 elements": json.dumps({"a": list(range(4000))}),
    "10 levels": '{"a":' * 10 + "1" + "}" * 10,
    "100,000 bytes": json.dumps({"a": "é" * 50_000}, ensure_ascii=False),
    "escaped to six times its bytes": json.dumps({"a": "é" * 50_000}),
}


class Sent:
    """Events that were sent, each in a second of its own; ``texts`` are their properties by unique id."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.texts: dict[str, str] = {}

    def send(self, raws: list[str]) -> list[str]:
        """Create an event for each text: the first by a create, the others by one bulk create; returns their ids."""
        ids = [str(len(self.texts) + place) for place in range(len(raws))]
        self.texts |= zip(ids, raws, strict=True)
        first, *others = [event(unique_id=id, properties=f"@{id}@", time=iso(START + int(id))) for id in ids]
        self.keep(text(single(**first["attributes"])), ids)
        if others:
            self.keep(text(bulk(item(*others))), ids)
        return ids

    def keep(self, body: bytes, ids: list[str]) -> None:
        for id in ids:
            body = body.replace(f'"@{id}@"'.encode(), self.texts[id].encode())
        assert self.shop.keep(body).repeated == 0

    def check(self, ids: list[str]) -> None:
        """Compare the responses of get_events and get_event for these neighbours with the requests."""
        first, last = START + int(ids[0]), START + int(ids[-1])
        between = f"greater-or-equal(timestamp,{first}),less-or-equal(timestamp,{last})"
        query = {"filter": between, "sort": "timestamp", "page[size]": "1000"}
        page = self.shop.call("get_events", query=query).text
        found = json.loads(page)["data"]
        assert len(found) == len(ids)
        for id, each in zip(ids, found, strict=True):
            self.compare(id, each, page)
        chosen = found[len(found) // 2]
        document = self.shop.call("get_event", chosen["id"]).text
        self.compare(ids[len(found) // 2], json.loads(document)["data"], document)

    def compare(self, id: str, each: dict[str, Any], document: str) -> None:
        raw, properties = self.texts[id], each["attributes"]["event_properties"]
        assert properties.pop("$event_id") == id
        assert same(properties, json.loads(raw)), raw
        if "$" not in raw:
            # Not only equal, but the same text. Names that the server uses itself lose the blanks around them.
            assert raw.strip()[1:-1].strip() in document


def same(one: Any, other: Any) -> bool:
    """True if two values are equal also in their types, the signs of zeros and the order of keys."""
    return repr(one) == repr(other)


def move_to_segments(counted: Scraped) -> None:
    """Empty the tail: reads then come from segments."""
    ask_server(counted.server.data, ControlRequest("flush"))
    assert value(counted.samples(), "tail_events") == 0


@pytest.fixture
def sent(counted: Scraped) -> Iterator[Sent]:
    with Shop(counted.server, "round trip") as shop:
        yield Sent(shop)


@pytest.fixture
def shop(counted: Scraped) -> Iterator[Shop]:
    with Shop(counted.server, "names") as made:
        yield made


def test_same_compares_more_than_equality() -> None:
    assert not same({"a": 1}, {"a": True})
    assert not same([1], [1.0])
    assert not same(0.0, -0.0)
    assert not same({"a": 1, "b": 2}, {"b": 2, "a": 1})


def test_literals_come_back_as_they_were_sent(sent: Sent, counted: Scraped) -> None:
    ids = [id for raw in LITERALS.values() for id in sent.send([raw])]
    sent.check(ids)
    others = sent.send(["{}", *LITERALS.values()])
    sent.check(others)
    move_to_segments(counted)
    sent.check([*ids, *others])


def test_any_properties_come_back_as_they_were_sent(sent: Sent, counted: Scraped) -> None:
    raws = st.builds(lambda properties, layout: json.dumps(properties, **layout), objects, layouts)

    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(raws, min_size=1, max_size=5))
    def come_back(raws: list[str]) -> None:
        sent.check(sent.send(raws))

    come_back()
    move_to_segments(counted)
    sent.check(list(sent.texts)[:1000])


def test_any_properties_of_a_profile_come_back_equal(counted: Scraped) -> None:
    with Shop(counted.server, "round trip") as shop:

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(objects, layouts, st.booleans())
        def come_back(properties: dict[str, Any], layout: dict[str, Any], is_bulk: bool) -> None:
            id = str(next(numbers))
            person = profile({"external_id": id, "properties": properties})
            created = event(unique_id=id, time=iso(START + int(id)))
            body = bulk(item(created, profile=person)) if is_bulk else single(**created["attributes"], profile=person)
            shop.keep(json.dumps(body, **layout).encode())
            (found,) = shop.events(filter=f"greater-or-equal(timestamp,{START + int(id)})")
            document = shop.call("get_event_profile", found["id"]).json()
            assert same(document["data"]["attributes"]["properties"], properties)

        numbers = itertools.count()
        come_back()


def test_sent_names_of_the_server_are_overridden_or_stay(shop: Shop) -> None:
    """The captured order: the properties of the request, $value_currency, $event_id, $value, $extra."""
    sent = '{"$extra":{"a":[1]},"$value":"own","$event_id":"own","z":1,"$value_currency":"XXX","a":2}'
    shop.keep(properties(sent))
    (without,) = shop.events()
    assert list(without["attributes"]["event_properties"].items()) == [
        ("$value", "own"),
        ("z", 1),
        ("$value_currency", "XXX"),
        ("a", 2),
        ("$event_id", str(START)),
        ("$extra", {"a": [1]}),
    ]
    marked = text(single(properties="HERE", value=2.5, value_currency="eur", unique_id="1", time=iso(START + 1)))
    shop.keep(marked.replace(b'"HERE"', sent.encode()))
    (with_all, _) = shop.events()
    assert list(with_all["attributes"]["event_properties"].items()) == [
        ("z", 1),
        ("a", 2),
        ("$value_currency", "EUR"),
        ("$event_id", "1"),
        ("$value", 2.5),
        ("$extra", {"a": [1]}),
    ]
