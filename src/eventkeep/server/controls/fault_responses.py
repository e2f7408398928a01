"""The responses of fault rules."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from eventkeep.http.broken_responses import Break, BrokenResponse
from eventkeep.http.response import Response
from eventkeep.limits import RETRY_AFTER_SECONDS
from eventkeep.protocol.error_documents import status_document
from eventkeep.server.pending_response import PARTIAL_FAILURE
from eventkeep.server.ratelimits import BURST_SECONDS, STEADY_SECONDS, throttled
from eventkeep.standin.faults import Effect, Kind

WINDOWS: Final = {"burst": BURST_SECONDS, "steady": STEADY_SECONDS}
FORBIDDEN_PAGE: Final = b"""<!DOCTYPE html>
<html><head><title>403 Forbidden</title></head>
<body><center><h1>403 Forbidden</h1></center><hr><center>proxy</center></body></html>
"""
BREAKS: Final = {
    Kind.RESET_BEFORE: Break.RESET,
    Kind.RESET_AFTER: Break.RESET,
    Kind.EMPTY: Break.EMPTY,
    Kind.GARBAGE: Break.GARBAGE,
    Kind.CUT_BODY: Break.CUT_BODY,
    Kind.SLOW_BODY: Break.SLOW_BODY,
}
DETAILS: Final = {
    Kind.EXPIRED_KEY: (HTTPStatus.UNAUTHORIZED, "Missing or invalid private key."),
    Kind.RETIRED_REVISION: (HTTPStatus.GONE, "The revision is retired."),
}


def response_instead(effect: Effect, request_id: str, media_type: str) -> Response:
    """The response to a request that is not executed."""
    kind = effect.kind
    if kind in BREAKS:
        return BrokenResponse(BREAKS[kind])
    if kind is Kind.HTML_FORBIDDEN:
        return Response(HTTPStatus.FORBIDDEN, {"Content-Type": "text/html"}, FORBIDDEN_PAGE)
    retry_after = None
    if kind is Kind.THROTTLED:
        retry_after = WINDOWS[effect.window]
        status, detail = HTTPStatus.TOO_MANY_REQUESTS, throttled(retry_after).faults[0].detail
    elif kind in DETAILS:
        status, detail = DETAILS[kind]
    else:
        status, detail = HTTPStatus(effect.status), "A fault rule made this request fail."
        if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            retry_after = RETRY_AFTER_SECONDS
    return Response(
        *status_document(status, status.phrase, detail, request_id, media_type, retry_after),
        lines=f"x-request-id: {request_id}\r\n",
    )


def response_with(effect: Effect, response: Response) -> Response:
    """The response to a request that was executed, with the fault."""
    if effect.kind in BREAKS:
        return BrokenResponse(BREAKS[effect.kind], response, effect.seconds)
    if effect.kind is Kind.PARTIAL_FAILURE:
        response.lines += f"{PARTIAL_FAILURE.lower()}: phone_number\r\n"
    return response
