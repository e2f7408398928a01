"""Requests that have no answer yet: their ids, what a failure makes of them, and what is told of an answer."""

from __future__ import annotations

import structlog

from eventkeep.clock import Clock, SystemRandomness
from eventkeep.errors import RequestRefused, StoreError, Unavailable
from eventkeep.limits import RETRY_AFTER_SECONDS
from eventkeep.protocol.error_documents import error_document, failure_document
from eventkeep.server.http import Response
from eventkeep.server.request_ids import RequestIds
from eventkeep.server.telemetry import Telemetry

logger = structlog.get_logger(__name__)


class RequestLog:
    """``count`` is how many they are; whoever begins and ends one changes it."""

    def __init__(self, clock: Clock, telemetry: Telemetry, is_debugging: bool) -> None:
        self._clock, self._telemetry, self._is_debugging = clock, telemetry, is_debugging
        self._request_ids = RequestIds(SystemRandomness())
        self.count = 0

    def next_id(self) -> str:
        """The id of one more request."""
        return self._request_ids.next()

    def answer_to(self, failure: Exception, request_id: str, operation: str, media_type: str) -> Response:
        """What a request is told that was refused, or that failed; the log learns what the client does not."""
        if isinstance(failure, RequestRefused):
            if isinstance(failure, Unavailable) and failure.__cause__ is not None:
                logger.error(
                    "a request could not be kept",
                    cause=str(failure.__cause__),
                    request_id=request_id,
                    operation=operation,
                )
            return Response(*error_document(failure, request_id, media_type))
        if isinstance(failure, StoreError):
            logger.error("a store failed", request_id=request_id, operation=operation, exc_info=failure)
            refusal = Unavailable("The store is in trouble. Try again.", RETRY_AFTER_SECONDS)
            return Response(*error_document(refusal, request_id, media_type))
        logger.error("a request failed", request_id=request_id, operation=operation, exc_info=failure)
        return Response(*failure_document(request_id, media_type))

    def answered(self, operation: str, method: str, path: str, request_id: str, status: int, started: float) -> None:
        """Count an answer to what began at ``started`` (monotonic seconds), and log it where that is wanted."""
        seconds = self._clock.monotonic() - started
        self._telemetry.answered(operation, status, seconds)
        if self._is_debugging:
            logger.debug(
                "answered",
                method=method,
                path=path,
                operation=operation,
                status=status,
                milliseconds=round(seconds * 1000, 3),
                request_id=request_id,
            )
