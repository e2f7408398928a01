from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from eventkeep.client.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ResponseError,
    ServerError,
    ThrottledError,
    UnexpectedResponseError,
)
from eventkeep.client.responses import read_errors, response_error
from eventkeep.errors import Fault, InvalidRequest, Throttled
from eventkeep.protocol.error_documents import error_document

REQUEST = httpx.Request("POST", "http://127.0.0.1:8340/api/events/?sort=datetime")


def error(status: int, *errors: dict[str, Any], tries: int = 1, **headers: str) -> ResponseError:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    content = msgspec.json.encode({"errors": list(errors)}) if errors else b"<html>"
    return response_error(httpx.Response(status, headers=names, content=content, request=REQUEST), tries, 0.0)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, UnexpectedResponseError),
        (204, UnexpectedResponseError),
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, InvalidRequestError),
        (413, InvalidRequestError),
        (415, InvalidRequestError),
        (429, ThrottledError),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_every_status_means_one_error(status: int, kind: type[ResponseError]) -> None:
    found = error(status)
    assert type(found) is kind
    assert found.status == status


def test_all_errors_of_a_response_are_kept_with_their_places() -> None:
    faults = [Fault("too early", pointer="/data/attributes/time"), Fault("unknown", parameter="filter")]
    status, headers, content = error_document(InvalidRequest(faults), "request-7")
    found = response_error(httpx.Response(status, headers=headers, content=content, request=REQUEST), 1, 0.0)
    assert isinstance(found, InvalidRequestError)
    assert (found.code, found.request_id, len(found.errors)) == ("invalid", "request-7", 2)
    assert (found.pointers, found.parameters) == (("/data/attributes/time",), ("filter",))
    assert str(found) == (
        "POST /api/events/ returned 400: too early (at /data/attributes/time); unknown (at filter). "
        "(request id request-7)"
    )


def test_throttling_tells_its_wait() -> None:
    status, headers, content = error_document(Throttled("Request was throttled.", 7), "r")
    found = response_error(httpx.Response(status, headers=headers, content=content, request=REQUEST), 3, 0.0)
    assert (found.retry_after_seconds, found.code) == (7.0, "throttled")
    assert "(3 tries)" in str(found)


def test_message_of_many_errors_is_short() -> None:
    found = error(400, *({"detail": f"wrong {number}"} for number in range(12)))
    assert "wrong 4; and 7 more errors." in str(found)
    assert len(found.errors) == 12


def test_messages_say_what_to_do() -> None:
    assert "Give api_key (--api-key, EVENTKEEP_API_KEY) a key" in str(
        error(401, {"detail": "Missing or invalid private key."})
    )
    assert "it points to 'https://elsewhere.example/'" in str(error(301, Location="https://elsewhere.example/"))
    assert "the body is no error document: '<html>'." in str(error(502))
    empty = response_error(httpx.Response(413, request=REQUEST), 1, 0.0)
    assert str(empty) == "POST /api/events/ returned 413: the body is empty."
    assert str(error(204)).endswith("Is base_url (--url, EVENTKEEP_URL) the address of the API?")


def test_request_id_comes_from_the_header_if_there_is_one() -> None:
    assert (
        error(400, {"id": "of the error", "detail": "x"}, X_Request_Id="of the request").request_id == "of the request"
    )


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff", b"[]", b'{"errors":{}}', b'{"errors":[{"detail":7}]}'])
def test_body_that_is_no_error_document_has_no_errors(content: bytes) -> None:
    assert read_errors(content) == ()


def test_members_that_are_missing_or_null_are_fine() -> None:
    (found,) = read_errors(b'{"errors":[{"source":null,"meta":null,"detail":null,"more":1,"title":"Bad"}]}')
    assert (str(found), found.pointer, found.meta) == ("Bad", None, {})
