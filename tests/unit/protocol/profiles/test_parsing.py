"""Bodies that create, update, import and merge single profiles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from eventkeep.errors import InvalidRequest, PayloadTooLarge
from eventkeep.limits import PROFILE_PAYLOAD_BYTES_MAX
from eventkeep.model.profile_edits import CreateProfile, ImportProfile, MergeProfiles, UpdateProfile
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.protocol.profiles.parsing import parse_create, parse_import, parse_merge, parse_update
from eventkeep.protocol.revisions import REVISIONS, Revision

ID = "01GDDKASAP8TKDDA2GRZDSVP4H"
OTHER_ID = "01GDDKASAP8TKDDA2GRZDSVP4J"
BY_DATE = {revision.date: revision for revision in REVISIONS}
NEWEST = REVISIONS[-1]
Parse = Callable[[bytes, Revision], Any]


def body(attributes: dict[str, Any], **members: Any) -> bytes:
    return json.dumps({"data": {"type": "profile", "attributes": attributes, **members}}).encode()


def update(content: bytes, revision: Revision) -> UpdateProfile:
    return parse_update(content, revision, ID)


def merge(destination: str, *sources: str) -> bytes:
    data = [{"type": "profile", "id": source} for source in sources]
    relationships = {"profiles": {"data": data}}
    return json.dumps({"data": {"type": "profile-merge", "id": destination, "relationships": relationships}}).encode()


def faults(parse: Parse, content: bytes, revision: Revision = NEWEST) -> list[tuple[str | None, str]]:
    with pytest.raises(InvalidRequest) as refusal:
        parse(content, revision)
    return [(fault.pointer, fault.detail) for fault in refusal.value.faults]


def test_a_create_is_a_write_in_normal_form() -> None:
    attributes = {
        "email": " Ada@Shop.example ",
        "phone_number": "+1 (500) 555-0006",
        "first_name": "Ada",
        "title": None,
        "location": {"city": "Bern", "zip": None},
        "properties": {"a": None},
    }
    assert parse_create(body(attributes), NEWEST) == CreateProfile(
        ProfileWrite(
            email="ada@shop.example",
            phone_number="+15005550006",
            attributes={"first_name": "Ada", "title": None},
            location={"city": "Bern", "zip": None},
            properties={"a": None},
        )
    )


def test_an_update_tells_null_from_absent() -> None:
    attributes = {"email": None, "external_id": "x", "location": None, "last_name": None}
    assert update(body(attributes, id=ID), NEWEST) == UpdateProfile(
        ID,
        ProfileWrite(external_id="x", attributes={"last_name": None}, clears_location=True),
        cleared=("email",),
    )


def test_patches_stand_beside_the_attributes() -> None:
    meta = {
        "patch_properties": {"append": {"a": 1}, "unappend": {"b": [2]}, "unset": "c"},
        "patch_identifiers": {
            "append": {"email": ["B@x.example", "c@x.example"]},
            "unappend": {"email": "d@x.example"},
        },
    }
    for parse, more in ((update, {"id": ID}), (parse_import, {})):
        write = parse(body({"email": "a@x.example"}, meta=meta, **more), NEWEST).write
        assert (write.append, write.unappend, write.unset) == ({"a": 1}, {"b": [2]}, ("c",))
        assert (write.added_emails, write.removed_emails) == (("b@x.example", "c@x.example"), ("d@x.example",))


def test_an_import_may_name_an_id() -> None:
    assert parse_import(body({}, id=ID), NEWEST) == ImportProfile(ProfileWrite(id=ID))
    old = parse_import(body({"anonymous_id": "x", "_kx": "k"}), BY_DATE["2025-07-15"])
    assert old == ImportProfile(ProfileWrite(anonymous_id="x", kx="k"))


def test_a_merge_has_a_destination_and_one_source() -> None:
    assert parse_merge(merge(ID, OTHER_ID), NEWEST) == MergeProfiles(ID, OTHER_ID)


@pytest.mark.parametrize("sources", [(), (OTHER_ID, OTHER_ID)])
def test_a_merge_with_another_number_of_sources_is_refused(sources: tuple[str, ...]) -> None:
    (fault,) = faults(parse_merge, merge(ID, *sources))
    assert fault[0] == "/data/relationships/profiles/data"


def test_what_programs_send_and_the_service_takes() -> None:
    write = parse_create(body({"external_id": 1, "properties": [], "location": []}), NEWEST).write
    assert (write.external_id, write.properties, write.location) == ("1", None, {})


@pytest.mark.parametrize(
    ("parse", "content", "pointer"),
    [
        (parse_create, body({}), "/data/attributes"),
        (parse_create, body({"first_name": "Ada"}), "/data/attributes"),
        (parse_create, body({"email": None}), "/data/attributes"),
        (parse_create, body({"email": "no"}), "/data/attributes/email"),
        (parse_create, body({"email": ""}), "/data/attributes/email"),
        (parse_create, body({"email": "a@x.example", "phone_number": "1"}), "/data/attributes/phone_number"),
        (parse_create, body({"email": "a@x.example", "anonymous_id": "x"}), "/data/attributes/anonymous_id"),
        (parse_create, body({"email": "a@x.example"}, id=ID), "/data/id"),
        (parse_create, body({"email": "a@x.example"}, meta={}), "/data/meta"),
        (parse_create, body({"external_id": "x" * 256}), "/data/attributes/external_id"),
        (parse_create, body({"external_id": True}), "/data/attributes/external_id"),
        (parse_create, body({"email": "a@x.example", "location": {"planet": "x"}}), "/data/attributes/location/planet"),
        (update, body({"first_name": "Ada"}), "/data/id"),
        (update, body({}, id=OTHER_ID), "/data/id"),
        (update, body({"_kx": "x"}, id=ID), "/data/attributes/_kx"),
        (update, body({}, id=ID, meta={"patch_identifiers": {"append": {"email": "no"}}}),
         "/data/meta/patch_identifiers/append/email"),
        (update, body({}, id=ID, meta={"patch_identifiers": {"append": {"email": ["a@x.example", "no"]}}}),
         "/data/meta/patch_identifiers/append/email/1"),
        (parse_import, body({}), "/data/attributes"),
        (parse_import, body({}, id="x"), "/data/id"),
        (parse_merge, body({}), "/data/type"),
    ],
)  # fmt: skip
def test_what_is_refused_where(parse: Parse, content: bytes, pointer: str) -> None:
    assert pointer in [place for place, _ in faults(parse, content)]


@pytest.mark.parametrize(
    ("parse", "attributes", "last", "first"),
    [
        (parse_create, {"locale": "de-CH"}, "2024-06-15", "2024-07-15"),
        (parse_create, {"location": {"ip": "127.0.0.1"}}, "2023-08-15", "2023-09-15"),
    ],
)
def test_members_come_with_a_revision(parse: Parse, attributes: dict[str, Any], last: str, first: str) -> None:
    content = body({"email": "a@x.example", **attributes})
    assert len(faults(parse, content, BY_DATE[last])) == 1
    parse(content, BY_DATE[first])


def test_an_anonymous_id_goes_with_a_revision() -> None:
    content = body({"email": "a@x.example", "anonymous_id": "x"}, id=ID)
    update(content, BY_DATE["2025-07-15"])
    assert len(faults(update, content, BY_DATE["2025-10-15"])) == 1


@pytest.mark.parametrize("parse", [parse_create, parse_import, update])
def test_a_body_past_its_size_is_refused(parse: Parse) -> None:
    with pytest.raises(PayloadTooLarge):
        parse(body({"email": "a@x.example", "properties": {"x": "y" * PROFILE_PAYLOAD_BYTES_MAX}}), NEWEST)
