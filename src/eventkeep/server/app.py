"""The application: which operation a request asks for, who asks, whether it may, and the answer.

The checks come in the order in which a client can mend things: the path, the method,
the key, the revision, the scopes, the rate limit, and then what the operation itself
says of the request.
"""

from __future__ import annotations

import asyncio
import datetime
from contextlib import suppress
from functools import lru_cache

from eventkeep.clock import SystemRandomness
from eventkeep.config import RateLimit, ServeSettings
from eventkeep.directory import KeyRecord
from eventkeep.directory.keys import Known
from eventkeep.errors import Fault, InvalidRequest, RequestRefused, Unavailable
from eventkeep.limits import RETRY_AFTER_SECONDS
from eventkeep.protocol.admin.documents import AdminFrame
from eventkeep.protocol.admin.operations import ADMIN_OPERATIONS, PREFIX, AdminOperation
from eventkeep.protocol.error_documents import error_document
from eventkeep.protocol.operations import OPERATIONS, Operation
from eventkeep.protocol.queries import parse_query
from eventkeep.protocol.revisions import OPT_OUT_HEADER, REVISION_HEADER, USED_HEADER, Revision, resolve_revision
from eventkeep.server.admin_routes import AdminRoutes
from eventkeep.server.authorization import authenticate, authorize, missing_scopes
from eventkeep.server.call import Call
from eventkeep.server.create_gatherer import SINGLE_CREATE, Admission, Singles
from eventkeep.server.feed import Feed
from eventkeep.server.forwarding import cluster_requests
from eventkeep.server.handlers import handlers
from eventkeep.server.http import IDENTITY, Request, Response
from eventkeep.server.node import CONTROL_PATH
from eventkeep.server.probes import Probes
from eventkeep.server.ratelimits import RateLimits
from eventkeep.server.request_log import RequestLog
from eventkeep.server.routing import Router, with_single_slashes
from eventkeep.server.services import Services
from eventkeep.server.telemetry import NO_OPERATION, Telemetry

CLIENT_PREFIX = "/client/"
API_PREFIXES = ("/api/", CLIENT_PREFIX)
COMPANY_ID = "company_id"
FOR_BROWSERS = {"Access-Control-Allow-Origin": "*"}
"""The client routes are called from pages of any origin, without cookies."""
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
"""What a browser asks before it calls a client route; see the Fetch standard, 3.2."""
DAY_SECONDS = 24 * 60 * 60
REVISIONS_REMEMBERED_MAX = 100
REQUEST_ID = "X-Request-Id"
NO_TEXT = "\N{REPLACEMENT CHARACTER}"
"""Stands for the value of a header that is no text."""


class App:
    """Answers requests, whichever interface they come through."""

    def __init__(self, services: Services, settings: ServeSettings) -> None:
        self._services, self._settings = services, settings
        self._clock = services.clock
        self._router = Router(OPERATIONS.values())
        self._limits = RateLimits(limits_table(settings))
        self._probes = Probes(lambda: services.is_ready)
        self._cluster = cluster_requests(services)
        self.telemetry = Telemetry(services)
        self._request_log = RequestLog(services.clock, self.telemetry, settings.log_level == "debug")
        self._singles = Singles(services, self._standing_of, self._limits, self._request_log)
        self.begin_single = self._singles.begin
        if self._cluster is not None:
            self._singles.serve_cluster(self._cluster)
        self._own_router = Router(ADMIN_OPERATIONS.values())
        self._feed = Feed(self._clock, SystemRandomness())
        self._own_routes = AdminRoutes(services, self._feed)
        services.committer.follow(self._feed.add)
        if services.node is not None:
            services.node.on_events = self._feed.add
        self._handlers = handlers(services)
        self._draining = False

    async def handle(self, request: Request) -> Response:
        """The answer to a request; a refusal and a failure of our own are answers too."""
        started = self._clock.monotonic()
        operation = NO_OPERATION
        request.request_id = self._request_log.next_id()
        self._request_log.count += 1
        try:
            request.path = with_single_slashes(request.path)
            if request.method == "OPTIONS" and request.path.startswith((*API_PREFIXES, PREFIX)):
                response = self._options(request)
            elif request.path.startswith(API_PREFIXES):
                found, id = self._router.find(request.method, request.path)
                operation = found.name
                response = await self._of_leader(request) or await self._call(request, operation, id or "")
            elif request.path.startswith(PREFIX):
                own, id = self._own_router.find(request.method, request.path)
                operation = own.name
                response = await self._of_leader(request) or await self._call_own(request, own, id or "")
            elif self._cluster is not None and request.path == CONTROL_PATH:
                response = await self._cluster.control(request)
            else:
                response = await self._probes.answer(request, self._base_url(request))
        except Exception as failure:
            response = self._request_log.answer_to(failure, request.request_id, operation, request.error_media_type)
        finally:
            self._request_log.count -= 1
        response.headers[REQUEST_ID] = request.request_id
        if request.revision:
            response.headers[USED_HEADER] = request.revision
        if self._cluster is not None:
            self._cluster.mark(response)
        if request.path.startswith(CLIENT_PREFIX):
            response.headers.update(FOR_BROWSERS)
        self._request_log.answered(
            operation, request.method, request.path, request.request_id, response.status, started
        )
        return response

    def refuse(self, refusal: RequestRefused) -> Response:
        """The answer to what came as a request and is none."""
        request_id = self._request_log.next_id()
        status, headers, body = error_document(refusal, request_id)
        self.telemetry.answered(NO_OPERATION, status, 0.0)
        return Response(status, {**headers, REQUEST_ID: request_id}, body)

    @property
    def requests_in_flight(self) -> int:
        """How many requests have no answer yet."""
        return self._request_log.count

    def now(self) -> float:
        """Unix seconds, by the clock of the server."""
        return self._clock.now()

    async def drain(self, seconds_max: float) -> None:
        """Refuse new requests and wait for those under way, ``seconds_max`` at the most."""
        self._draining = True
        self._singles.close()
        self._probes.stopping = True
        self._feed.close()
        deadline = self._clock.monotonic() + seconds_max
        while self._request_log.count and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.01)
        if self._cluster is not None:
            self._cluster.close()

    async def _of_leader(self, request: Request) -> Response | None:
        """The response of the node that leads, for what only that node can do."""
        if self._cluster is None or self._draining:
            return None
        return await self._cluster.prepare(request)

    def _options(self, request: Request) -> Response:
        """The methods of a path. Nobody needs a key to ask. Raises NotFound for an unknown path."""
        path = request.path
        router = self._own_router if path.startswith(PREFIX) else self._router
        headers = {"Allow": ", ".join(router.allowed(path))}
        return Response(204, headers | (PREFLIGHT if path.startswith(CLIENT_PREFIX) else {}))

    async def _call(self, request: Request, name: str, id: str) -> Response:
        if OPERATIONS[name].is_public:
            return await self._call_publicly(request, name)
        known, revision = self._admit(request)
        key = known.record
        operation = revision.operation(name)
        call = Call(request, operation, id, key, revision, self._base_url)
        if missing_scopes(key, operation.scopes):
            # Whoever lacks some learns of all at once, those of what is included too.
            authorize(key, (*operation.scopes, *included_scopes(call)))
        limit_headers = self._limits.take(key.account, name, self._clock.now(), limit_name(operation, revision.date))
        response = await self._handlers[name](call)
        response.headers.update(limit_headers)
        return response

    async def _call_publicly(self, request: Request, name: str) -> Response:
        """An operation that names its account by a ``company_id`` and needs no key."""
        if self._draining:
            raise Unavailable("The server is stopping.", RETRY_AFTER_SECONDS)
        revision = self._revision(request)
        request.revision, request.error_media_type = revision.date, revision.media_type
        operation = revision.operation(name)
        query = parse_query(request.query_string.encode("utf-8", "surrogateescape"), operation, revision)
        account = self._services.directory.accounts.find_public_id(query.texts[COMPANY_ID])
        if account is None:
            raise InvalidRequest([Fault("Expected the public id of an account.", parameter=COMPANY_ID)])
        limit_headers = self._limits.take(account, name, self._clock.now(), limit_name(operation, revision.date))
        nobody = KeyRecord(id="", account=account, scopes=frozenset(), label="", created=0)
        response = await self._handlers[name](Call(request, operation, "", nobody, revision, self._base_url))
        response.headers.update(limit_headers)
        return response

    async def _call_own(self, request: Request, operation: AdminOperation, id: str) -> Response:
        """One of our own operations; the hosted rate limits know nothing of them."""
        known, revision = self._admit(request)
        key = known.record
        authorize(key, operation.scopes)
        frame = AdminFrame(base_url=self._base_url(request), path=request.path, revision=revision)
        return await self._own_routes.answer(operation.name, request, key, frame, id)

    def _standing_of(self, request: Request) -> Admission | None:
        """What the head of a single create says by itself; None where there is more to it. Raises RequestRefused."""
        operation, _ = self._router.find(request.method, with_single_slashes(request.path))
        if operation.name != SINGLE_CREATE:
            return None
        known, revision = self._admit(request)
        authorize(known.record, revision.operation(operation.name).scopes)
        if request.body_encoding() != IDENTITY:
            return None
        return Admission(known, revision, int(self._clock.now()) // DAY_SECONDS, request.method, request.path)

    def _admit(self, request: Request) -> tuple[Known, Revision]:
        """Who asks, and in which revision. Raises RequestRefused."""
        if self._draining:
            raise Unavailable("The server is stopping.", RETRY_AFTER_SECONDS)
        known = authenticate(self._services.directory.keys, request.headers.get("authorization"))
        revision = self._revision(request)
        request.revision, request.error_media_type = revision.date, revision.media_type
        return known, revision

    def serve_metrics(self) -> None:
        """Open the port for scrapes, where the settings have one."""
        if self._settings.metrics_port is not None:
            self.telemetry.serve(self._settings.host, self._settings.metrics_port)

    def _revision(self, request: Request) -> Revision:
        sent = request.headers.get(REVISION_HEADER)
        if sent is None and REVISION_HEADER in request.headers:
            sent = NO_TEXT
        falls_forward = request.headers.get(OPT_OUT_HEADER.lower()) != "1"
        return revision_on(sent, self._settings.default_revision, int(self._clock.now()) // DAY_SECONDS, falls_forward)

    def _base_url(self, request: Request) -> str:
        settings = self._settings
        if settings.public_url is not None:
            return settings.public_url
        scheme, host = request.scheme, request.headers.get("host")
        if settings.trust_forwarded:
            scheme = first_of_list(request.headers.get("x-forwarded-proto")) or scheme
            host = first_of_list(request.headers.get("x-forwarded-host")) or host
        return f"{scheme}://{host or f'{settings.host}:{settings.port}'}"


@lru_cache(REVISIONS_REMEMBERED_MAX)
def revision_on(sent: str | None, default: str, day: int, falls_forward: bool) -> Revision:
    """What ``resolve_revision`` says on a day, counted from 1970-01-01 UTC: clients send the same header all day."""
    today = datetime.date(1970, 1, 1) + datetime.timedelta(days=day)
    return resolve_revision(sent, default, today, falls_forward=falls_forward)


def limits_table(settings: ServeSettings) -> dict[str, RateLimit] | None:
    """Every limit by its name: the hosted figures, changed as the settings say."""
    chosen = settings.rate_limits
    if chosen == "off":
        return None
    table: dict[str, RateLimit | None] = {}
    for operation in OPERATIONS.values():
        for date in ("", *(since for since, _ in operation.limit.later)):
            limit = operation.limit.at(date)
            table[limit_name(operation, date)] = RateLimit(limit.burst, limit.steady)
            if not isinstance(chosen, str) and operation.name in chosen:
                table[limit_name(operation, date)] = chosen[operation.name]
    return {name: limit for name, limit in table.items() if limit is not None}


def limit_name(operation: Operation, date: str) -> str:
    """The operation's name, or, if the limit of the revision is a later one, that with the date since when it holds."""
    since = [since for since, _ in operation.limit.later if since <= date]
    return f"{operation.name} {since[-1]}" if since else operation.name


def included_scopes(call: Call) -> tuple[str, ...]:
    """The scopes that the call's ``include`` needs, if its query can be understood."""
    with suppress(InvalidRequest):
        return parse_query(call.query_string, call.operation, call.revision).scopes
    return ()


def first_of_list(header: str | None) -> str | None:
    """The first entry of a comma-separated header: what the outermost proxy was asked for."""
    return header.partition(",")[0].strip() if header else None
