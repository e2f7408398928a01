"""Bodies of the client routes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.protocol.client_routes.parsing import (
    bulk_create_of,
    parse_client_profile,
    parse_client_subscription,
    with_own_pointers,
)
from eventkeep.protocol.revisions import REVISIONS

NOW = 1_750_000_000_000_000
BY_DATE = {revision.date: revision for revision in REVISIONS}
NEWEST = REVISIONS[-1].date
LIST = {"list": {"data": {"type": "list", "id": "L"}}}
PROFILE = "/data/attributes/profile/data"


def subscription(attributes: dict[str, Any], relationships: dict[str, Any] | None = None, **members: Any) -> bytes:
    profile = {"type": "profile", "attributes": attributes, **members}
    data: dict[str, Any] = {"type": "subscription", "attributes": {"profile": {"data": profile}}}
    if relationships is not None:
        data["relationships"] = relationships
    return json.dumps({"data": data}).encode()


def test_one_item_becomes_a_bulk_create() -> None:
    item = {"type": "event-bulk-create", "attributes": {"x": 1}}
    wrapped = json.loads(bulk_create_of(json.dumps({"data": item}).encode()))
    assert wrapped["data"]["attributes"] == {"events-bulk-create": {"data": [item]}}


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"data":1,"more":2}', b"{"])
def test_what_is_no_item_is_left_as_it_is(content: bytes) -> None:
    assert bulk_create_of(content) == content


def test_faults_point_into_the_body_that_was_sent() -> None:
    place = "/data/attributes/events-bulk-create/data/0"
    refusal = with_own_pointers(InvalidRequest([Fault("x", f"{place}/attributes/events"), Fault("y")]))
    assert [fault.pointer for fault in refusal.faults] == ["/data/attributes/events", None]


def test_a_client_write_keeps_identifiers() -> None:
    body = {"data": {"type": "profile", "attributes": {"email": "A@x.example", "anonymous_id": "v"}}}
    write = parse_client_profile(json.dumps(body).encode(), BY_DATE[NEWEST]).write
    assert (write.email, write.anonymous_id, write.keeps_identifiers) == ("a@x.example", "v", True)


def test_a_subscription_is_for_every_address_unless_channels_are_named() -> None:
    person = {"email": "a@x.example", "phone_number": "+15005550006"}
    change = parse_client_subscription(subscription(person, LIST), BY_DATE[NEWEST], NOW)
    assert change.write.keeps_identifiers
    assert change.write.consent is not None
    assert set(change.write.consent.permissions) == {"email.marketing", "sms.marketing"}
    named = {**person, "subscriptions": {"sms": {"marketing": {"consent": "SUBSCRIBED"}}}}
    change = parse_client_subscription(subscription(named, LIST), BY_DATE[NEWEST], NOW)
    assert change.write.consent is not None
    assert set(change.write.consent.permissions) == {"sms.marketing"}


@pytest.mark.parametrize(
    ("revision", "is_required"),
    [("2023-08-15", False), ("2023-09-15", True), ("2024-02-15", True), ("2024-05-15", False), ("2025-01-15", True)],
)
def test_some_revisions_need_a_list(revision: str, is_required: bool) -> None:
    body = subscription({"email": "a@x.example"})
    if not is_required:
        parse_client_subscription(body, BY_DATE[revision], NOW)
        return
    with pytest.raises(InvalidRequest) as refusal:
        parse_client_subscription(body, BY_DATE[revision], NOW)
    assert [fault.pointer for fault in refusal.value.faults] == ["/data/relationships/list"]


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"external_id": "x"}, f"{PROFILE}/attributes"),
        ({"email": "no"}, f"{PROFILE}/attributes/email"),
        ({"email": "a@x.example", "nonsense": 1}, f"{PROFILE}/attributes/nonsense"),
        ({"email": "a@x.example", "subscriptions": {"sms": {"marketing": {"consent": "SUBSCRIBED"}}}},
         f"{PROFILE}/attributes/phone_number"),
    ],
)  # fmt: skip
def test_what_is_refused_where(attributes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_client_subscription(subscription(attributes, LIST), BY_DATE[NEWEST], NOW)
    assert [fault.pointer for fault in refusal.value.faults] == [pointer]


def test_meta_moves_with_the_revision() -> None:
    meta = {"patch_properties": {"append": {"a": 1}}}
    inside, beside = (
        subscription({"email": "a@x.example", "meta": meta}, LIST),
        subscription({"email": "a@x.example"}, LIST, meta=meta),
    )
    for revision, body in (("2023-12-15", inside), ("2024-10-15", beside), ("2025-01-15", inside)):
        assert parse_client_subscription(body, BY_DATE[revision], NOW).write.append == {"a": 1}
