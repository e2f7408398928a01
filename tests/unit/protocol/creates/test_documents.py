"""The create bodies that a client makes: an encoded body is accepted."""

from __future__ import annotations

import json

import msgspec

from eventkeep.protocol.creates.documents import (
    Location,
    ProfileAttributes,
    SingleEventAttributes,
    event_create,
    metric,
    profile,
)
from eventkeep.protocol.creates.parser import parse_create_event
from eventkeep.protocol.revisions import REVISIONS


def test_an_encoded_create_holds_only_given_values() -> None:
    document = event_create(
        SingleEventAttributes(
            metric=metric("Placed Order"),
            properties=msgspec.Raw(b'{"a":1}'),
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
