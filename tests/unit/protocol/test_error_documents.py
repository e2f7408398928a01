from __future__ import annotations

import json
from typing import Any

import pytest

from eventkeep import errors
from eventkeep.errors import Fault, InvalidRequest, MethodNotAllowed, RequestRefused, Throttled, Unavailable
from eventkeep.limits import FAULTS_MAX
from eventkeep.protocol.error_documents import PROBLEMS, error_document, failure_document

REQUEST_ID = "3f82700e-e8a4-4526-8bd5-402cb905f548"

TABLE: list[tuple[RequestRefused, int, str, str, str]] = [
    (errors.InvalidRequest("x"), 400, "invalid", "Invalid input.", "/data/"),
    (
        errors.NotAuthenticated("x"),
        401,
        "not_authenticated",
        "Authentication credentials were not provided.",
        "/data/",
    ),
    (
        errors.PermissionDenied("x"),
        403,
        "permission_denied",
        "You do not have permission to perform this action.",
        "/data/",
    ),
    (errors.NotFound("x"), 404, "not_found", "Not found.", "/data/"),
    (errors.Gone("x"), 410, "gone", "Gone.", "/data/"),
    (errors.MethodNotAllowed("x", ["GET"]), 405, "method_not_allowed", "Method not allowed.", "/data/"),
    (errors.DuplicateProfile("x", "P"), 409, "duplicate_profile", "Conflict.", "/data/attributes"),
    (errors.PayloadTooLarge("x"), 413, "payload_too_large", "Payload too large.", "/data/"),
    (errors.UnsupportedMediaType("x"), 415, "unsupported_media_type", "Unsupported media type.", "/data/"),
    (errors.HeadersTooLarge("x"), 431, "headers_too_large", "Request header fields too large.", "/data/"),
    (errors.Throttled("x", 1), 429, "throttled", "Request was throttled.", "/data"),
    (errors.Unavailable("x", 1), 503, "unavailable", "A server error occurred.", "/data/"),
]


def errors_of(body: bytes) -> list[dict[str, Any]]:
    document = json.loads(body)
    assert document.keys() == {"errors"}
    found: list[dict[str, Any]] = document["errors"]
    return found


@pytest.mark.parametrize(("exc", "status", "code", "title", "pointer"), TABLE)
def test_each_kind_of_refusal_has_its_status_and_code(
    exc: RequestRefused, status: int, code: str, title: str, pointer: str
) -> None:
    actual, headers, body = error_document(exc, REQUEST_ID)
    assert actual == status
    assert headers["Content-Type"] == "application/json"
    assert errors_of(body) == [
        {
            "id": REQUEST_ID,
            "status": status,
            "code": code,
            "title": title,
            "detail": "x",
            "source": {"pointer": pointer},
            "links": {},
            "meta": {"duplicate_profile_id": "P"} if status == 409 else {},
        }
    ]


def test_the_table_has_every_refusal() -> None:
    assert set(RequestRefused.__subclasses__()) == PROBLEMS.keys()
    assert {type(row[0]) for row in TABLE} == PROBLEMS.keys()


def test_every_fault_has_its_place() -> None:
    faults = [Fault("a", pointer="/data/id"), Fault("b", parameter="filter"), Fault("c"), Fault("d", code="special")]
    _, _, body = error_document(InvalidRequest(faults), REQUEST_ID)
    found = [(error["detail"], error["code"], error["source"]) for error in errors_of(body)]
    assert found == [
        ("a", "invalid", {"pointer": "/data/id"}),
        ("b", "invalid", {"parameter": "filter"}),
        ("c", "invalid", {"pointer": "/data/"}),
        ("d", "special", {"pointer": "/data/"}),
    ]


def test_faults_are_capped() -> None:
    _, _, body = error_document(InvalidRequest([Fault("x")] * (FAULTS_MAX + 1)), REQUEST_ID)
    assert len(errors_of(body)) == FAULTS_MAX


@pytest.mark.parametrize("exc", [Throttled("x", 7), Unavailable("x", 7)])
def test_waits_are_whole_seconds_in_a_header(exc: RequestRefused) -> None:
    assert error_document(exc, REQUEST_ID)[1]["Retry-After"] == "7"


def test_allowed_methods_are_in_a_header() -> None:
    assert error_document(MethodNotAllowed("x", ["GET", "POST"]), REQUEST_ID)[1]["Allow"] == "GET, POST"


def test_the_media_type_is_the_revisions() -> None:
    _, headers, _ = error_document(InvalidRequest("x"), REQUEST_ID, "application/vnd.api+json")
    assert headers["Content-Type"] == "application/vnd.api+json"


def test_invalid_unicode_is_shown_too() -> None:
    _, _, body = error_document(InvalidRequest([Fault("\udc80", pointer="/\ud800")]), REQUEST_ID)
    assert (errors_of(body)[0]["detail"], errors_of(body)[0]["source"]) == ("?", {"pointer": "/?"})


def test_a_failure_tells_its_request_id_and_nothing_more() -> None:
    status, _, body = failure_document(REQUEST_ID)
    (error,) = errors_of(body)
    assert (status, error["status"], error["code"], error["id"]) == (500, 500, "error", REQUEST_ID)
    assert REQUEST_ID in error["detail"]
