"""Bodies of bulk imports: faults that refuse the request, and faults of only one of its profiles."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eventkeep.errors import InvalidRequest
from eventkeep.limits import BULK_IMPORT_PROFILES_MAX, PROFILE_PAYLOAD_BYTES_MAX
from eventkeep.protocol.profiles.imports import parse_import_job
from eventkeep.protocol.revisions import REVISIONS

NEWEST = REVISIONS[-1]
PLACE = "/data/attributes/profiles/data"


def job(*profiles: dict[str, Any], lists: tuple[str, ...] = ()) -> bytes:
    data: dict[str, Any] = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": [{"type": "profile", **profile} for profile in profiles]}},
    }
    if lists:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": each} for each in lists]}}
    return json.dumps({"data": data}).encode()


def test_profiles_and_lists() -> None:
    request = parse_import_job(
        job(
            {"attributes": {"email": "A@x.example"}}, {"attributes": {"external_id": 7, "properties": []}}, lists=("L",)
        ),
        NEWEST,
    )
    assert [(place, edit.write.email, edit.write.external_id) for place, edit in request.edits] == [
        (0, "a@x.example", None),
        (1, None, "7"),
    ]
    assert (request.failures, request.lists) == ([], ("L",))


def test_a_value_that_breaks_a_rule_fails_its_profile_alone() -> None:
    request = parse_import_job(
        job(
            {"attributes": {"email": "no"}},
            {"attributes": {"email": "a@x.example"}},
            {"attributes": {}},
            {"attributes": {"email": "b@x.example", "properties": {"x": "y" * 60_000, "z": "y" * 60_000}}},
        ),
        NEWEST,
    )
    assert [place for place, _ in request.edits] == [1]
    assert [(each.place, each.code, each.pointer) for each in request.failures] == [
        (0, "invalid", f"{PLACE}/0/attributes/email"),
        (2, "invalid", f"{PLACE}/2/attributes"),
        (3, "invalid", f"{PLACE}/3"),
    ]
    assert request.failures[0].original_payload == {"type": "profile", "attributes": {"email": "no"}}
    assert str(PROFILE_PAYLOAD_BYTES_MAX) in request.failures[2].detail


@pytest.mark.parametrize(
    ("profiles", "pointer"),
    [
        ([], PLACE),
        ([{"attributes": {"email": 1}}], f"{PLACE}/0/attributes/email"),
        ([{"attributes": {"email": "a@x.example", "nonsense": 1}}], f"{PLACE}/0/attributes/nonsense"),
        ([{}], f"{PLACE}/0/attributes"),
        ([{"attributes": {"email": "a@x.example"}}] * (BULK_IMPORT_PROFILES_MAX + 1), PLACE),
    ],
)
def test_what_has_another_shape_refuses_the_request(profiles: list[dict[str, Any]], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_import_job(job(*profiles), NEWEST)
    assert [fault.pointer for fault in refusal.value.faults] == [pointer]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"data":[]}', b'{"data":{"attributes":3}}'])
def test_what_is_no_job_at_all(content: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_import_job(content, NEWEST)
