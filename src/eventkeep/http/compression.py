"""Content coding of responses: gzip, for clients that accept it and bodies that are large (RFC 9110, 12.5.3)."""

from __future__ import annotations

import asyncio
import gzip
import re
from typing import Final

from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.limits import GZIP_BYTES_MIN

LEVEL: Final = 1
"""Of a page of events it leaves a tenth, in a quarter of the time of the usual level."""
_CODING: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?", re.IGNORECASE)


async def compressed(request: Request, response: Response) -> Response:
    """Return the response, its body compressed if it is large and the client accepts that."""
    if len(response.body) < GZIP_BYTES_MIN or any(name.lower() == "content-encoding" for name in response.headers):
        return response
    response.headers["Vary"] = "Accept-Encoding"
    if accepts_gzip(request.headers.get("accept-encoding") or ""):
        # In a thread, so that others are responded to in the meantime.
        response.body = await asyncio.to_thread(gzip.compress, response.body, LEVEL, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
    return response


def accepts_gzip(accepted: str) -> bool:
    """Return whether a client whose ``Accept-Encoding`` is this wants gzip; one without the header gets none."""
    weights: dict[str, float] = {}
    for part in accepted.split(","):
        if found := _CODING.fullmatch(part):
            weights[found[1].lower()] = float(found[2] or 1)
    wanted = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return wanted > 0 and wanted >= weights.get("identity", 0.0)
