"""The responses of an operation: its success, every refusal, and the headers of each."""

from __future__ import annotations

from typing import Any, Final

from eventkeep.errors import (
    InvalidRequest,
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
from eventkeep.protocol.error_documents import FAILURE, PROBLEMS, Problem
from eventkeep.protocol.openapi.schemas import (
    ANY_OBJECT,
    INTEGER,
    STRING,
    Schema,
    array_of,
    object_of,
    one_of_names,
    reference,
)
from eventkeep.protocol.operations import Operation

Response = dict[str, Any]

_EVERY_REFUSAL: Final = (InvalidRequest, NotAuthenticated, PermissionDenied, NotFound, Throttled, Unavailable)
_BODY_REFUSALS: Final = (PayloadTooLarge, UnsupportedMediaType)
_WAITING: Final = (Throttled, Unavailable)

_BEFORE_THE_API: Final[dict[str, Response]] = {
    "414": {"description": "The URL is longer than the server reads. The body is empty."},
    "431": {"description": "The headers are more than the server reads. The body is empty."},
}
"""What the HTTP layer answers by itself; it knows no error documents."""

_SECONDS: Final[Schema] = {"type": "integer", "minimum": 0}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_REQUEST_ID: Final = {
    "X-Request-Id": {
        "description": "The request's id, the same in the server's log.",
        "required": True,
        "schema": STRING,
    }
}
_RATE_LIMIT_HEADERS: Final = {
    "RateLimit-Limit": {"description": "The limits, such as `350, 350;w=1, 3500;w=60`.", "schema": STRING},
    "RateLimit-Remaining": {"description": "Calls left in this second.", "schema": _COUNT},
    "RateLimit-Reset": {"description": "Seconds until the next second's calls.", "schema": _SECONDS},
}
"""Sent where the server has rate limits."""
_CREATE_HEADERS: Final = {
    "Eventkeep-Events-Stored": {
        "description": "How many events of the request were stored.",
        "required": True,
        "schema": _COUNT,
    },
    "Eventkeep-Events-Repeated": {
        "description": "How many events of the request were there before, and were not stored again.",
        "required": True,
        "schema": _COUNT,
    },
    "X-Klaviyo-Partial-Failure": {
        "description": "Identifiers that were passed over: a phone number that is none, or another profile's.",
        "schema": STRING,
    },
}


class ResponseSchemas:
    """Responses of one revision. The error document's schema goes to ``components``."""

    def __init__(self, media_type: str, components: dict[str, Schema]) -> None:
        self._media_type = media_type
        components["ErrorDocument"] = error_document_schema()

    def responses(self, operation: Operation, answer: Schema | None) -> dict[str, Response]:
        """By status: ``answer`` is the body of the operation's success, None where it has none."""
        success: Response = {"description": "Success", "headers": {**_REQUEST_ID, **_RATE_LIMIT_HEADERS}}
        if answer is not None:
            found = {"200": {**success, "content": {self._media_type: {"schema": answer}}}}
        else:
            kept = "The events are kept. The body is empty."
            found = {"202": {"description": kept, "headers": {**success["headers"], **_CREATE_HEADERS}}}
        kinds: tuple[type[RequestRefused], ...] = _EVERY_REFUSAL
        if operation.method == "POST":
            kinds += _BODY_REFUSALS
        refusals = {str(PROBLEMS[kind].status): self._refusal(PROBLEMS[kind], kind in _WAITING) for kind in kinds}
        refusals |= {str(FAILURE.status): self._refusal(FAILURE, False), **_BEFORE_THE_API}
        return found | dict(sorted(refusals.items()))

    def _refusal(self, problem: Problem, has_wait: bool) -> Response:
        refusal: Response = {
            "description": f"{problem.title.removesuffix('.')} ({problem.code})",
            "headers": dict(_REQUEST_ID),
            "content": {self._media_type: {"schema": reference("ErrorDocument")}},
        }
        if has_wait:
            wait = {"description": "Seconds to wait before the next try.", "required": True, "schema": _SECONDS}
            refusal["headers"]["Retry-After"] = wait
        return refusal


def error_document_schema() -> Schema:
    """What every refusal is told in: all that is wrong with the request, up to FAULTS_MAX."""
    members = {
        "id": {**STRING, "description": "The request's id, the same in the server's log."},
        "status": INTEGER,
        "code": one_of_names(sorted({problem.code for problem in (*PROBLEMS.values(), FAILURE)})),
        "title": STRING,
        "detail": STRING,
        "source": object_of({"pointer": STRING, "parameter": STRING}),
        "links": ANY_OBJECT,
        "meta": ANY_OBJECT,
    }
    errors = {**array_of(object_of(members, members)), "minItems": 1, "maxItems": FAULTS_MAX}
    return object_of({"errors": errors}, ("errors",))
