"""The create bodies that a client makes: an encoded body is accepted."""

from __future__ import annotations

import json

import msgspec

from eventkeep.protocol.creates.documents import (
    EventAttributes,
    Location,
    ProfileAttributes,
    SingleEventAttributes,
    bulk_create,
    event_create,
    metric,
    profile,
    raw_properties,
)
from eventkeep.protocol.creates.parser import parse_bulk_create, parse_create_event
from eventkeep.protocol.revisions import REVISIONS
from tests.submitted import numbers, values


def test_an_encoded_create_holds_only_given_values() -> None:
    document = event_create(
        SingleEventAttributes(
            metric=metric("Placed Order"),
            properties=raw_properties({"a": 1}),
            profile=profile(ProfileAttributes(kx="k", location=Location(city="Oslo"))),
        )
    )
    body = msgspec.json.encode(document)
    assert json.loads(body) == {
        "data": {
            "type": "event",
            "attributes": {
                "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
                "properties": {"a": 1},
                "profile": {
                    "data": {"type": "profile", "attributes": {"_kx": "k", "location": {"city": "Oslo"}}},
                },
            },
        }
    }
    assert parse_create_event(body, REVISIONS[-1], 1_750_000_000).texts["properties"].joined == b'{"a":1}'


def test_an_encoded_bulk_create_is_accepted() -> None:
    events = [
        EventAttributes(
            metric=metric("Viewed", "shop"), properties=raw_properties({}), unique_id=str(number), value=number
        )
        for number in range(3)
    ]
    people = [profile(ProfileAttributes(email=f"{name}@example.org", title=None)) for name in "ab"]
    body = msgspec.json.encode(bulk_create([(people[0], events[:2]), (people[1], events[2:])]))
    submission = parse_bulk_create(body, REVISIONS[-1], 1_750_000_000)
    assert numbers(submission, "profile_index") == [0, 0, 1]
    assert values(submission) == [0.0, 1.0, 2.0]
    assert [write.attributes for write in submission.profiles] == [{"title": None}, {"title": None}]
