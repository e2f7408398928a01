"""From a response that is no success to its error."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import httpx
import msgspec

from eventkeep.client.errors import (
    AuthenticationError,
    ErrorObject,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ResponseError,
    ServerError,
    ThrottledError,
    UnexpectedResponseError,
)
from eventkeep.client.retries import retry_after_seconds
from eventkeep.limits import ECHO_CHARACTERS_MAX

KINDS: Final[dict[int, type[ResponseError]]] = {
    HTTPStatus.UNAUTHORIZED: AuthenticationError,
    HTTPStatus.FORBIDDEN: PermissionDeniedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.TOO_MANY_REQUESTS: ThrottledError,
}
ADVICE: Final[dict[type[ResponseError], str]] = {
    AuthenticationError: "Give api_key (--api-key, EVENTKEEP_API_KEY) a key of this server.",
    PermissionDeniedError: "Use a key that has the scope.",
    ThrottledError: "Send less at once, allow more retries, or use client.batch().",
    UnexpectedResponseError: "Is base_url (--url, EVENTKEEP_URL) the address of the API?",
}
ERRORS_SHOWN_MAX: Final = 5
"""Errors of a response that the message repeats; the exception holds all of them."""


class _Source(msgspec.Struct):
    pointer: str | None = None
    parameter: str | None = None


class _Error(msgspec.Struct):
    id: str | None = None
    status: int | None = None
    code: str | None = None
    title: str | None = None
    detail: str | None = None
    source: _Source | None = None
    meta: dict[str, Any] | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error]


def response_error(response: httpx.Response, tries: int, now: float) -> ResponseError:
    """Return the error of a response. ``now`` is in Unix seconds."""
    status = response.status_code
    errors = read_errors(response.content)
    kind = _kind(status)
    request_id = response.headers.get("X-Request-Id") or (errors[0].id if errors else None)
    return kind(
        _message(response, kind, errors, tries, request_id),
        status,
        errors,
        request_id,
        retry_after_seconds(response, now),
    )


def unreadable(response: httpx.Response, expected: str, exc: Exception) -> UnexpectedResponseError:
    """The error for a success whose body is not the ``expected`` one."""
    return UnexpectedResponseError(
        f"{_called(response)}: expected {expected}, got {response.text[:ECHO_CHARACTERS_MAX]!r}: {exc}. "
        f"{ADVICE[UnexpectedResponseError]}",
        response.status_code,
    )


def read_errors(body: bytes) -> tuple[ErrorObject, ...]:
    """The error objects of a response; none if it is not an error document."""
    try:
        errors = msgspec.json.decode(body, type=_Errors).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    return tuple(
        ErrorObject(
            id=error.id,
            status=error.status,
            code=error.code,
            title=error.title,
            detail=error.detail or "",
            pointer=error.source.pointer if error.source else None,
            parameter=error.source.parameter if error.source else None,
            meta=error.meta or {},
        )
        for error in errors
    )


def _kind(status: int) -> type[ResponseError]:
    if status in KINDS:
        return KINDS[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError
    return InvalidRequestError if status >= HTTPStatus.BAD_REQUEST else UnexpectedResponseError


def _message(
    response: httpx.Response,
    kind: type[ResponseError],
    errors: tuple[ErrorObject, ...],
    tries: int,
    request_id: str | None,
) -> str:
    parts = [f"{_called(response)}:"]
    shown = [str(error).rstrip(".") for error in errors[:ERRORS_SHOWN_MAX]]
    if len(errors) > len(shown):
        shown.append(f"and {len(errors) - len(shown)} more errors")
    if not shown:
        shown.append(_shown_body(response))
    parts.append("; ".join(shown) + ".")
    if kind in ADVICE:
        parts.append(ADVICE[kind])
    if tries > 1:
        parts.append(f"({tries} tries)")
    if request_id:
        parts.append(f"(request id {request_id})")
    return " ".join(parts)


def _shown_body(response: httpx.Response) -> str:
    """The text of a response that is no error document of the API: that of a proxy, for example."""
    if location := response.headers.get("Location"):
        return f"it points to {location!r}, and redirects are not followed"
    if not response.content:
        return "the body is empty"
    return f"the body is no error document: {response.text[:ECHO_CHARACTERS_MAX]!r}"


def _called(response: httpx.Response) -> str:
    request = response.request
    return f"{request.method} {request.url.path} returned {response.status_code}"
