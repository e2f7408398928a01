"""Every error that the SDK raises.

::

    EventkeepError
    ├── ConfigurationError                a setting of the client that can't be used
    └── ClientError
        ├── ArgumentError                 an argument that can't become a request; nothing was sent
        ├── ClosedError                   the client or the batch is closed
        ├── ConnectionFailedError         no response came, after all the tries
        ├── ResponseError                 a response that is no success
        │   ├── InvalidRequestError       400 and other 4xx; names the places
        │   ├── AuthenticationError       401
        │   ├── PermissionDeniedError     403
        │   ├── NotFoundError             404
        │   ├── ThrottledError            429, carries the seconds to wait
        │   ├── ServerError               5xx, carries the seconds to wait if the server named them
        │   └── UnexpectedResponseError   a redirect, or a body that the API does not have
        └── BatchError
            ├── BufferFullError           no room in a batch that refuses when it is full
            ├── EventsRefusedError        events that a batch could not deliver, if no callback was given
            └── SpoolError                a spool file that can't be used
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from eventkeep.errors import EventkeepError

if TYPE_CHECKING:
    from eventkeep.client.drafts import BatchedEvent


class ErrorObject(msgspec.Struct, frozen=True, kw_only=True):
    """One error of a response. ``pointer`` is a JSON pointer into the request's body, ``parameter`` a name."""

    id: str | None = None
    status: int | None = None
    code: str | None = None
    title: str | None = None
    detail: str = ""
    pointer: str | None = None
    parameter: str | None = None
    meta: dict[str, Any] = {}

    def __str__(self) -> str:
        place = self.pointer or self.parameter
        text = self.detail or self.title or self.code or "no details"
        return f"{text.rstrip('.')} (at {place})" if place not in (None, "/data", "/data/") else text


class ClientError(EventkeepError):
    """The root of the SDK's errors. All four attributes are None or empty if no response was received.

    ``status`` is the response's, ``code`` that of its first error, ``errors`` are all of
    them, and ``request_id`` identifies the request in the server's log.
    """

    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    errors: tuple[ErrorObject, ...] = ()


class ArgumentError(ClientError, ValueError):
    """An argument that can't become a request; the message names it. Nothing was sent."""


class ClosedError(ClientError):
    """The client or the batch is closed."""


class ConnectionFailedError(ClientError):
    """No response came. The server may have carried out the request or not; a create may safely be sent again."""

    def __init__(self, message: str, tries: int) -> None:
        super().__init__(message)
        self.tries = tries


class ResponseError(ClientError):
    """A response that is no success."""

    def __init__(
        self,
        message: str,
        status: int,
        errors: Sequence[ErrorObject] = (),
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errors = tuple(errors)
        self.code = self.errors[0].code if self.errors else None
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds


class InvalidRequestError(ResponseError):
    """The request breaks a rule of the API; another try would fail, too."""

    @property
    def pointers(self) -> tuple[str, ...]:
        """The places of the errors in the body, as far as they name one."""
        return tuple(error.pointer for error in self.errors if error.pointer is not None)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The query parameters and headers that the errors are about."""
        return tuple(error.parameter for error in self.errors if error.parameter is not None)


class AuthenticationError(ResponseError):
    """No API key, or one that is unknown or revoked."""


class PermissionDeniedError(ResponseError):
    """The API key is valid and lacks a scope."""


class NotFoundError(ResponseError):
    """The resource does not exist, or the client's revision does not have the operation."""


class ThrottledError(ResponseError):
    """Over the rate limit, after all the retries; ``retry_after_seconds`` is the wait that the server asked for."""


class ServerError(ResponseError):
    """The server failed, or had no room for the request during all tries."""


class UnexpectedResponseError(ResponseError):
    """A response that the API does not have: more likely from another program at that address."""


class BatchError(ClientError):
    """An error of a batch itself."""


class BufferFullError(BatchError):
    """The batch has no room, and was told to refuse rather than to wait. The event was not taken."""


class EventsRefusedError(BatchError):
    """Events that were not delivered. ``count`` is their number, ``refusals`` are the first of them with the reason."""

    def __init__(self, count: int, refusals: Sequence[tuple[BatchedEvent, ClientError]]) -> None:
        event, reason = refusals[0]
        super().__init__(
            f"{count} {'event was' if count == 1 else 'events were'} not delivered; the first is {event}: {reason} "
            "Give client.batch() an on_refused to be told of each."
        )
        self.count = count
        self.refusals = tuple(refusals)
        self.__cause__ = reason


class SpoolError(BatchError):
    """A spool file that can't be read or written, or that another process uses."""
