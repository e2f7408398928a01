"""The application: which operation a request asks for, who asks, whether it may, and the answer.

The order of the checks is the order in which a client can mend things: the path, the
method, the key, the revision, the scopes, the rate limit, and then what the operation
itself says of the request.
"""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

import structlog

from eventkeep.clock import Clock
from eventkeep.config import ServeSettings
from eventkeep.directory import Directory
from eventkeep.directory.keys import KeyRecord
from eventkeep.errors import Fault, MethodNotAllowed, NotFound, RequestRefused, StoreError, Unavailable
from eventkeep.limits import RETRY_AFTER_SECONDS
from eventkeep.protocol.operations import OPERATIONS, Operation
from eventkeep.protocol.problems import error_document, failure_document
from eventkeep.protocol.revisions import Revision, resolve_revision
from eventkeep.server.authorization import authenticate, authorize
from eventkeep.server.creates import Creates
from eventkeep.server.http import Request, Response
from eventkeep.server.probes import Probes
from eventkeep.server.ratelimits import RateLimits
from eventkeep.server.reads import Reads
from eventkeep.server.routing import Router

logger = structlog.get_logger(__name__)


class Call:
    """One call of an operation, past all checks that every operation has."""

    __slots__ = ("base_url", "key", "operation", "parameters", "request", "revision")

    def __init__(
        self,
        request: Request,
        operation: Operation,
        parameters: Mapping[str, str],
        key: KeyRecord,
        revision: Revision,
        base_url: str,
    ) -> None:
        self.request, self.operation, self.parameters = request, operation, parameters
        self.key, self.revision, self.base_url = key, revision, base_url


Handler = Callable[[Call], Awaitable[Response]]
