"""The responses of an operation: its success, every refusal, and the headers of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from eventkeep.errors import (
    DuplicateProfile,
    Gone,
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
    COUNT,
    INTEGER,
    STRING,
    Schema,
    array_of,
    object_of,
    one_of_names,
    reference,
)
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.revisions import USED_HEADER

Response = dict[str, Any]

_EVERY_REFUSAL: Final = (InvalidRequest, NotAuthenticated, PermissionDenied, NotFound, Gone, Throttled, Unavailable)
_BODY_REFUSALS: Final = (PayloadTooLarge, UnsupportedMediaType)
_WAITING: Final = (Throttled, Unavailable)

_BEFORE_THE_API: Final[dict[str, Response]] = {
    "414": {"description": "The URL is longer than the server accepts. The body is empty."},
    "431": {"description": "The headers are larger than the server accepts. The body is empty."},
}
"""Responses of the HTTP layer, which have no error documents."""

_SECONDS: Final[Schema] = {"type": "integer", "minimum": 0}
_REQUEST_ID: Final = {
    "X-Request-Id": {
        "description": "The request's id, the same in the server's log.",
        "required": True,
        "schema": STRING,
    }
}
_REVISION: Final = {
    USED_HEADER: {"description": "The revision that the response is in.", "required": True, "schema": STRING}
}
_RATE_LIMIT_HEADERS: Final = {
    "RateLimit-Limit": {"description": "The limits, such as `350, 350;w=1, 3500;w=60`.", "schema": STRING},
    "RateLimit-Remaining": {"description": "Calls left in this second.", "schema": COUNT},
    "RateLimit-Reset": {"description": "Seconds until the next second of the limit begins.", "schema": _SECONDS},
}
"""Sent if the server has rate limits."""


class ResponseSchemas:
    """Responses of one revision. The error document's schema goes to ``components``."""

    def __init__(self, media_type: str, components: dict[str, Schema]) -> None:
        self._media_type = media_type
        components["ErrorDocument"] = error_document_schema()

    def responses(
        self, operation: Operation, statuses: Sequence[int], success_body: Schema | None, headers: Mapping[str, Any]
    ) -> dict[str, Response]:
        """By status: ``success_body`` is None for an empty one; ``headers`` are those of a success."""
        found: dict[str, Response] = {}
        for status in statuses:
            success: Response = {
                "description": "Success" if success_body is not None else "Accepted. The body is empty.",
                "headers": {**_REQUEST_ID, **_REVISION, **_RATE_LIMIT_HEADERS, **headers},
            }
            if success_body is not None:
                success["content"] = {self._media_type: {"schema": success_body}}
            found[str(status)] = success
        kinds: tuple[type[RequestRefused], ...] = _EVERY_REFUSAL
        if operation.method in ("POST", "PATCH"):
            kinds += _BODY_REFUSALS
        if operation.may_conflict:
            kinds += (DuplicateProfile,)
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
    """The document of every refusal: all faults of the request, up to FAULTS_MAX."""
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
