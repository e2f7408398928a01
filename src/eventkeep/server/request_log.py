"""The requests of a server: their ids, how many have no response yet, and their lines in the log."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import structlog

from eventkeep.clock import Clock, Randomness, SystemRandomness
from eventkeep.errors import InvalidRequest, RequestRefused, StoreError, Unavailable
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.limits import RETRY_AFTER_SECONDS
from eventkeep.protocol.error_documents import error_document, failure_document
from eventkeep.server.telemetry import NO_OPERATION, Telemetry
from eventkeep.server.traffic_log import TrafficLog

logger = structlog.get_logger(__name__)

BAD_REQUEST: Final = int(HTTPStatus.BAD_REQUEST)
COUNTER_BITS: Final = 48
PLACE_BITS: Final = 12
"""The counter's lowest bits, whose texts are precomputed: formatting numbers takes longer than the rest."""
PLACES: Final = tuple(f"{place:03x}" for place in range(1 << PLACE_BITS))
UPPER_MAX: Final = (1 << COUNTER_BITS - PLACE_BITS) - 1


class RequestLog:
    """Belongs to the loop's thread. ``in_flight`` counts the requests without a response."""

    def __init__(self, clock: Clock, telemetry: Telemetry, traffic: TrafficLog, is_debugging: bool) -> None:
        self._clock, self._telemetry, self._traffic, self._is_debugging = clock, telemetry, traffic, is_debugging
        self._request_ids = RequestIds(SystemRandomness())
        self.in_flight = 0
        self.mark: Callable[[Response, Request], None] = lambda _response, _request: None
        """Adds the headers of the node to each response."""

    def start(self) -> str:
        """Count one more request. Returns its id."""
        self.in_flight += 1
        return self._request_ids.next()

    def end(self) -> None:
        """A request has its response, or needs none any more."""
        self.in_flight -= 1

    def refused(self, refusal: RequestRefused) -> Response:
        """The response to a message that is not a request."""
        request_id = self._request_ids.next()
        response = Response(*error_document(refusal, request_id), lines=f"x-request-id: {request_id}\r\n")
        self._telemetry.responded(NO_OPERATION, response.status, 0.0)
        self._traffic.refused(refusal, "", "", NO_OPERATION, response.status, request_id)
        return response

    def failed(self, failure: Exception, request_id: str, operation: str, media_type: str) -> Response:
        """The response to a request that was refused, or that failed; the log gets details that clients may not see."""
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

    def responded(
        self,
        operation: str,
        request: Request,
        request_id: str,
        status: int,
        started: float,
        failure: Exception | None,
    ) -> None:
        """Count a response to a request that started at ``started`` (monotonic seconds). ``failure`` is its reason."""
        seconds = self._clock.monotonic() - started
        self._telemetry.responded(operation, status, seconds)
        if self._is_debugging:
            logger.debug(
                "responded",
                method=request.method,
                path=path_of(request),
                operation=operation,
                status=status,
                milliseconds=round(seconds * 1000, 3),
                request_id=request_id,
            )
        elif status >= BAD_REQUEST:
            self._traffic.refused(failure, request.method, path_of(request), operation, status, request_id)


def path_of(request: Request) -> str:
    """The path of the request, or its target if that is not a URL."""
    try:
        return request.path
    except InvalidRequest:
        return request.head.target.decode("latin-1")


class RequestIds:
    """Hands out distinct UUIDs: 74 random bits that a process draws once, and a counter behind them.

    This costs a tenth of drawing each one; the ids need not be unpredictable.
    """

    def __init__(self, randomness: Randomness) -> None:
        drawn = uuid.UUID(bytes=randomness.token_bytes(16), version=4)
        self._start = str(drawn)[: -COUNTER_BITS // 4]
        self._upper, self._place = drawn.int >> PLACE_BITS & UPPER_MAX, drawn.int % len(PLACES)
        self._front = ""

    def next(self) -> str:
        """An id that was not handed out before."""
        if self._place == len(PLACES):
            self._upper = (self._upper + 1) & UPPER_MAX
            self._place, self._front = 0, ""
        if not self._front:
            self._front = f"{self._start}{self._upper:09x}"
        self._place += 1
        return self._front + PLACES[self._place - 1]
