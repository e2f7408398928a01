"""Error documents, and the one table from an exception to its status and code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eventkeep.errors import (
    DuplicateProfile,
    Fault,
    Gone,
    HeadersTooLarge,
    InvalidRequest,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    RequestRefused,
    Throttled,
    Unavailable,
    UnsupportedMediaType,
)
from eventkeep.limits import FAULTS_MAX

DEFAULT_MEDIA_TYPE: Final = "application/json"
"""The media type of errors if the request's revision is unknown."""


class Problem(msgspec.Struct, frozen=True):
    """The form of a kind of error in a document; ``pointer`` is its place unless the fault has one."""

    status: int
    code: str
    title: str
    pointer: str = "/data/"


PROBLEMS: Final[Mapping[type[RequestRefused], Problem]] = {
    InvalidRequest: Problem(400, "invalid", "Invalid input."),
    NotAuthenticated: Problem(401, "not_authenticated", "Authentication credentials were not provided."),
    PermissionDenied: Problem(403, "permission_denied", "You do not have permission to perform this action."),
    NotFound: Problem(404, "not_found", "Not found."),
    MethodNotAllowed: Problem(405, "method_not_allowed", "Method not allowed."),
    DuplicateProfile: Problem(409, "duplicate_profile", "Conflict.", "/data/attributes"),
    Gone: Problem(410, "gone", "Gone."),
    PayloadTooLarge: Problem(413, "payload_too_large", "Payload too large."),
    UnsupportedMediaType: Problem(415, "unsupported_media_type", "Unsupported media type."),
    Throttled: Problem(429, "throttled", "Request was throttled.", "/data"),
    HeadersTooLarge: Problem(431, "headers_too_large", "Request header fields too large."),
    Unavailable: Problem(503, "unavailable", "A server error occurred."),
}
"""The one table from an exception to status, code and title."""

FAILURE: Final = Problem(500, "error", "A server error occurred.")
"""The form of every unexpected exception."""

_encode = msgspec.json.Encoder().encode


def error_document(
    exc: RequestRefused, request_id: str, media_type: str = DEFAULT_MEDIA_TYPE
) -> tuple[int, dict[str, str], bytes]:
    """The response to a refused request: status, headers, body.

    Every error of the document has the request's id, so that it can be found in the log.
    """
    problem = problem_of(exc)
    headers = {"Content-Type": media_type}
    if isinstance(exc, Throttled | Unavailable):
        headers["Retry-After"] = str(exc.retry_after_seconds)
    if isinstance(exc, MethodNotAllowed):
        headers["Allow"] = ", ".join(exc.allowed)
    meta = {"duplicate_profile_id": exc.profile_id} if isinstance(exc, DuplicateProfile) else {}
    return problem.status, headers, _document(problem, exc.faults[:FAULTS_MAX], request_id, meta)


def failure_document(request_id: str, media_type: str = DEFAULT_MEDIA_TYPE) -> tuple[int, dict[str, str], bytes]:
    """The response to a failure of the server. It has the request's id and no internal details."""
    fault = Fault(f"The server failed on this request. Its log tells more under the request id {request_id}.")
    return FAILURE.status, {"Content-Type": media_type}, _document(FAILURE, (fault,), request_id)


def status_document(
    status: int, phrase: str, detail: str, request_id: str, media_type: str, retry_after: int | None = None
) -> tuple[int, dict[str, str], bytes]:
    """The response with a status that was chosen, in the form of that status if the service has one.

    ``phrase`` is the status in words, such as ``Bad Gateway``.
    """
    problem = next((each for each in (*PROBLEMS.values(), FAILURE) if each.status == status), None)
    if problem is None:
        problem = Problem(status, phrase.lower().replace(" ", "_"), f"{phrase}.")
    headers = {"Content-Type": media_type}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return status, headers, _document(problem, (Fault(detail),), request_id)


def problem_of(exc: RequestRefused) -> Problem:
    """The table's line for an exception, or for its nearest base class in the table."""
    for kind in type(exc).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind]
    return FAILURE


def _document(
    problem: Problem, faults: tuple[Fault, ...], request_id: str, meta: Mapping[str, str] | None = None
) -> bytes:
    return _encode({"errors": [_error(problem, fault, request_id, meta or {}) for fault in faults]})


def _error(problem: Problem, fault: Fault, request_id: str, meta: Mapping[str, str]) -> dict[str, Any]:
    if fault.parameter is not None:
        source = {"parameter": _text(fault.parameter)}
    else:
        source = {"pointer": problem.pointer if fault.pointer is None else _text(fault.pointer)}
    return {
        "id": request_id,
        "status": problem.status,
        "code": fault.code or problem.code,
        "title": problem.title,
        "detail": _text(fault.detail),
        "source": source,
        "links": {},
        "meta": dict(meta),
    }


def _text(text: str) -> str:
    # Messages quote requests, which may hold lone surrogates; UTF-8 can't encode them.
    return text.encode("utf-8", "replace").decode()
