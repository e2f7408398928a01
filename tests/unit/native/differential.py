"""Mutated create bodies through both parsers: the full one has to accept all that the native one does, as the same.

    python -m tests.unit.native.differential SEED BODIES

The same seed gives the same bodies. Prints the counts, or the first body about which the parsers differ.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Final

from eventkeep.errors import InvalidRequest
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates.native_parser import parse_natively
from eventkeep.protocol.creates.parser import parse_bulk_create, parse_create_event
from eventkeep.protocol.revisions import REVISIONS
from tests.create_rules import RULES, Rule, bulk, event, item, metric, profile, single
from tests.submitted import comparable

RECEIVED_AT: Final = 1_750_000_000
BODY_BYTES_MAX: Final = 4_000
"""Larger bodies of the rules are left out: they take most of the time, and no other way through the parsers."""
TOGETHER: Final = 200
"""Single creates that are parsed in one call, as a busy server does."""
MUTATIONS_MAX: Final = 3
MEMBERS: Final = (b"time", b"value", b"value_currency", b"unique_id", b"backfill", b"properties", b"profile", b"other")
MEMBER: Final = re.compile(
    rb'("(?:time|value|value_currency|unique_id|backfill|external_id|properties|location)": *)'
    rb'(?:"[^"]*"|[a-z0-9.+-]+|\[ *\]|\{[^{}]*\})'
)
"""A member of an event or of a profile with a simple value."""
VALUES: Final = tuple(
    text.encode()
    for text in (
        *("null", "true", "false", "0", "-0", "-0.0", "0.1", "1e5", "1e-7", "1e400", "123456789012345678", "1" * 19),
        *("9" * 19, f"-{'9' * 18}", f"-{2**63}", f"{2**64 - 1}", f"{2**64}", "1.0", "[ ]"),
        *(
            "12345678901234567.5",
            '""',
            '"a"',
            '"\\u00e9"',
            '"\\ud83d\\ude00"',
            '"\\ud83d"',
            '"\\u0000"',
            '"\\n"',
            '"EUR"',
        ),
        *(
            '"eur"',
            '"2024-06-15"',
            '"2024-06-15T12:00Z"',
            '"2024-06-15 12:00:00.5+01:30"',
            '"2024-02-30"',
            '"9999-01-01"',
        ),
        *("[]", "{}", "[[],{}]", '{"a":1}', '{"a":1,"a":2}', '{"\\u0061":1,"a":2}', '{"é":{"é":1}}', '"é🙂"', "[1,2,]"),
        *('"' + "x" * 240 + '"', '"' + "é" * 130 + '"', '"' + "x" * 256 + '"', '{"a":' * 10 + "1" + "}" * 10),
    )
)
PIECES: Final = (
    *(b'"', b":", b",", b"{", b"}", b"[", b"]", b"\\", b" ", b"\n", b"\x00", b"\xff", b"1", b"-", b".", b"e", b"E+"),
    *(b"9" * 20, b"e99", b"e999", b"null", b"true", b"\xc3\xa9", b'"a":1,', b'"type":"event",', b"\\u0041", b"\\ud800"),
)
FULL: Final = {"create_event": parse_create_event, "bulk_create_events": parse_bulk_create}

Parsed = tuple[str, bytes, Submission | None]
"""An operation, a body, and the native parser's result."""


def good_bodies() -> list[tuple[str, bytes]]:
    """Bodies of both operations to be mutated: those of the rules, and some with everything in them."""
    everything = {"value": 1.5, "value_currency": "USD", "unique_id": "x", "backfill": True}
    person = profile({"email": "a@example.org", "location": {"city": "Oslo"}, "properties": {"k": [1]}, "title": None})
    lax = profile({"external_id": 7, "properties": [], "location": []})
    properties: dict[str, object] = {"a": [1, {"b": "é\n"}], "": None, "c": '":', "d": {"e": {}}}
    made: list[tuple[str, object]] = [
        ("create_event", single(**everything, properties=properties, profile=person)),
        ("create_event", single(metric=metric("Viewed", service="shop"), time=None)),
        ("create_event", single(properties=[], profile=lax, unique_id="x")),
        ("bulk_create_events", bulk(item(event(properties=[]), event()), item(event(), profile=lax))),
        ("bulk_create_events", bulk(item(event(**everything), event(properties=properties)), item(event()))),
        ("bulk_create_events", bulk(item(event(metric=metric("A")), event(metric=metric("B")), profile=person))),
    ]
    texts = [(operation, json.dumps(body, ensure_ascii=False).encode()) for operation, body in made * 30]
    return texts + [(rule.operation, rule.body) for rule in RULES if is_small(rule)]


def is_small(rule: Rule) -> bool:
    return len(rule.body) <= BODY_BYTES_MAX and rule.revision == REVISIONS[-1].date


def mutated(body: bytes, choose: random.Random) -> bytes:
    """The body with a few changes: of bytes, of values, and of members that are given once more."""
    for _ in range(choose.randint(0, MUTATIONS_MAX)):
        value = choose.choice(VALUES)
        way = choose.random()
        if way < 0.4:
            found = choose.choice([*MEMBER.finditer(body), None])
            body = body if found is None else body[: found.end(1)] + value + body[found.end() :]
        elif way < 0.5:
            name = choose.choice(MEMBERS)
            body = body.replace(b'"metric":', b'"%b":%b,"metric":' % (name, value), 1)
        else:
            place = choose.randrange(len(body) + 1)
            piece = choose.choice(PIECES) if way < 0.85 else value
            body = body[:place] + piece + body[place + choose.choice((0, 0, 1, 2, 5)) :]
    return body


def parsed_natively(bodies: Sequence[tuple[str, bytes]]) -> list[Parsed]:
    """Each body with its submission: single creates together, bulk creates one by one."""
    singles = [body for operation, body in bodies if operation == "create_event"]
    submission, places = parse_natively(singles, False, REVISIONS[-1], RECEIVED_AT)
    alone = [] if submission is None else submission.separated()
    found = dict(zip(places, alone, strict=True))
    parsed: list[Parsed] = [("create_event", body, found.get(place)) for place, body in enumerate(singles)]
    for operation, body in bodies:
        if operation != "create_event":
            parsed.append((operation, body, parse_natively([body], True, REVISIONS[-1], RECEIVED_AT)[0]))
    return parsed


def outcome_of(operation: str, body: bytes, native: Submission | None) -> str:
    """The result of both parsers for a body. Raises AssertionError, with the body, if they differ."""
    try:
        full = FULL[operation](body, REVISIONS[-1], RECEIVED_AT)
    except InvalidRequest:
        assert native is None, (operation, body)
        return "refused"
    assert native is None or comparable(native) == comparable(full), (operation, body)
    return "accepted by the full parser alone" if native is None else "accepted by both"


def compare(seed: int, count: int, refused_share: float = 1.0) -> Counter[str]:
    """The outcomes of so many bodies, counted. Raises AssertionError, with the body, if the parsers differ about one.

    Of the bodies that the native parser refuses, this share goes to the full parser: it may accept or refuse them,
    but has to do one of the two.
    """
    choose = random.Random(seed)
    good = good_bodies()
    outcomes: Counter[str] = Counter()
    while outcomes.total() < count:
        chosen = [choose.choice(good) for _ in range(min(TOGETHER, count - outcomes.total()))]
        bodies = [(operation, mutated(body, choose)) for operation, body in chosen]
        for parsed in parsed_natively(bodies):
            is_checked = parsed[2] is not None or choose.random() < refused_share
            outcomes[outcome_of(*parsed) if is_checked else "refused by the native parser"] += 1
    return outcomes


if __name__ == "__main__":
    print(dict(compare(int(sys.argv[1]), int(sys.argv[2]))))
