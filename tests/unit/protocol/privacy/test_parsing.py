"""Bodies of requests to delete a profile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eventkeep.errors import InvalidRequest
from eventkeep.protocol.privacy.parsing import parse_deletion

ID = "01GDDKASAP8TKDDA2GRZDSVP4H"
PROFILE = "/data/attributes/profile/data"


def body(**profile: Any) -> bytes:
    data = {"type": "profile", **profile}
    job = {"type": "data-privacy-deletion-job", "attributes": {"profile": {"data": data}}}
    return json.dumps({"data": job}).encode()


@pytest.mark.parametrize(
    ("content", "person"),
    [
        (body(id=ID), ("id", ID)),
        (body(id=ID, attributes={}), ("id", ID)),
        (body(id=None, attributes={"email": " A@x.example"}), ("email", "a@x.example")),
        (body(attributes={"email": None, "phone_number": "+1 500 555 0006"}), ("phone_number", "+15005550006")),
    ],
)
def test_one_identifier_says_who(content: bytes, person: tuple[str, str]) -> None:
    assert parse_deletion(content) == person


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (body(), PROFILE),
        (body(attributes={"email": None}), PROFILE),
        (body(id=ID, attributes={"email": "a@x.example"}), PROFILE),
        (body(id="x"), f"{PROFILE}/id"),
        (body(attributes={"email": "no"}), f"{PROFILE}/attributes/email"),
        (body(attributes={"phone_number": "no"}), f"{PROFILE}/attributes/phone_number"),
        (body(attributes={"external_id": "x"}), f"{PROFILE}/attributes/external_id"),
        (b"{}", "/data"),
    ],
)
def test_anything_else_is_refused(content: bytes, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_deletion(content)
    assert [fault.pointer for fault in refusal.value.faults] == [pointer]
