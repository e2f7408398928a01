"""The application: finds the operation of a request, checks whether the client may call it, and has it respond.

The checks come in the order in which a client can correct its request: the path, the method, the key, the revision, the
scopes, the rate limit, and then those of the operation itself.
"""

from __future__ import annotations

import asyncio
import datetime
from contextlib import suppress
from functools import cached_property, lru_cache

from eventkeep.clock import Clock, SystemRandomness
from eventkeep.config import RateLimit, ServeSettings
from eventkeep.directory import KeyRecord
from eventkeep.directory.keys import Known
from eventkeep.errors import Fault, InvalidRequest, RequestRefused, Unavailable
from eventkeep.http.application import Respond
from eventkeep.http.hosts import is_host
from eventkeep.http.refusals import wrong_host
from eventkeep.http.request import Request
from eventkeep.http.response import Response, header_lines
from eventkeep.limits import RETRY_AFTER_SECONDS
from eventkeep.protocol.admin.documents import AdminFrame
from eventkeep.protocol.admin.operations import ADMIN_OPERATIONS, PREFIX, AdminOperation
from eventkeep.protocol.operations import OPERATIONS, Operation
from eventkeep.protocol.queries import parse_query
from eventkeep.protocol.revisions import OPT_OUT_HEADER, REVISION_HEADER, Revision, resolve_revision
from eventkeep.server.admin_routes import AdminRoutes
from eventkeep.server.admission import CREATES, DAY_SECONDS, Admission, authenticate, authorize, missing_scopes
from eventkeep.server.call import Call
from eventkeep.server.control_parts import ControlParts
from eventkeep.server.creates import Creates
from eventkeep.server.feed import Feed
from eventkeep.server.forwarding import cluster_requests
from eventkeep.server.handlers import handlers
from eventkeep.server.node_settings import PREFIX as NODE_PREFIX
from eventkeep.server.pending_response import PendingResponse
from eventkeep.server.probes import Probes
from eventkeep.server.request_log import RequestLog
from eventkeep.server.routing import Router, with_single_slashes
from eventkeep.server.scans import Scans
from eventkeep.server.services import Services
from eventkeep.server.shards import CLIENT_PREFIX, COMPANY_ID
from eventkeep.server.telemetry import Telemetry
from eventkeep.server.traffic_log import TrafficLog

API_PREFIXES = ("/api/", CLIENT_PREFIX)
BROWSER_LINES = header_lines({"Access-Control-Allow-Origin": "*"})
"""Pages of any origin may call the client routes, without cookies."""
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}
"""The response to a browser that asks whether it may call a client route; see the Fetch standard, 3.2."""
SCHEMES = ("http", "https")
REVISIONS_REMEMBERED_MAX = 100
NO_TEXT = "\N{REPLACEMENT CHARACTER}"
"""Stands for the value of a header that is not text."""


class App:
    """Responds to requests. Belongs to one event loop."""

    def __init__(self, services: Services, settings: ServeSettings, controls: ControlParts | None = None) -> None:
        """``controls`` replaces and adds parts for a stand-in that tests control."""
        controls = controls or ControlParts()
        self._services, self._settings = services, settings
        self._clock = services.clock
        self._router = Router(OPERATIONS.values())
        self._limits = controls.limits(limits_table(settings))
        self._probes = Probes(lambda: services.is_ready)
        self._cluster = cluster_requests(services)
        self.telemetry = Telemetry(services, [operation.name for operation in controls.operations])
        self.traffic_log = TrafficLog(services.clock, self.telemetry, services.committer.counters)
        is_debugging = settings.log_level == "debug"
        self._request_log = RequestLog(services.clock, self.telemetry, self.traffic_log, is_debugging)
        self._creates = Creates(services, self._limits)
        if self._cluster is not None:
            self._request_log.mark = self._cluster.mark
        self._own_router = Router([*ADMIN_OPERATIONS.values(), *controls.operations])
        self._feed = Feed(self._clock, SystemRandomness())
        self._scans = Scans(services)
        own = AdminRoutes(services, self._feed).handlers
        self._admin_handlers = {**own, **self._scans.handlers, **controls.handlers}
        services.committer.follow(controls.following(self._feed.add))
        if services.node is not None:
            services.node.on_events = self._feed.add
        self._handlers = handlers(services)
        self._draining = False

    def begin(self, request: Request, respond: Respond) -> PendingResponse:
        """Start to respond. ``respond`` is called once, after this returned, with a refusal or a failure too."""
        started = self._clock.monotonic()
        pending = PendingResponse(self._request_log, self._loop, request, respond, started)
        try:
            admission = self._creates.admitted(request, started)
            if admission is None or not self._may_store:
                self._route(request, pending)
            else:
                pending.admit(admission.operation, admission.revision)
                self._creates.start(admission, request, pending)
        except RequestRefused as refusal:
            # A traceback would keep the body in memory until the garbage collector runs.
            pending.fail_soon(refusal.with_traceback(None))
        except Exception as failure:
            pending.fail_soon(failure)
        return pending

    def refuse(self, refusal: RequestRefused) -> Response:
        """The response to a message that is not a request."""
        return self._request_log.refused(refusal)

    @property
    def requests_in_flight(self) -> int:
        """The number of requests without a response."""
        return self._request_log.in_flight

    async def drain(self, seconds_max: float) -> None:
        """Refuse new requests and wait up to ``seconds_max`` for those that have no response yet."""
        self._draining = True
        self._creates.close()
        self._probes.stopping = True
        self._feed.close()
        self._scans.stop()
        self.traffic_log.stop()
        deadline = self._clock.monotonic() + seconds_max
        while (self._request_log.in_flight or self._scans.running) and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.01)
        if self._cluster is not None:
            self._cluster.close()

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    @property
    def _may_store(self) -> bool:
        """Whether this node stores events itself."""
        return self._cluster is None or self._cluster.is_leading or self._draining

    def _is_elsewhere(self, request: Request) -> bool:
        """Whether a node of another shard has to store what a request brings."""
        return self._cluster is not None and not self._draining and self._cluster.is_elsewhere(request)

    def _route(self, request: Request, pending: PendingResponse) -> None:
        """Find the operation and have it respond. Raises RequestRefused."""
        path = request.path = with_single_slashes(request.path)
        if path.startswith(CLIENT_PREFIX):
            pending.all_lines = BROWSER_LINES
        is_options = request.method == "OPTIONS" and path.startswith((*API_PREFIXES, PREFIX))
        if path.startswith(API_PREFIXES) and not is_options:
            operation, id = self._router.find(request.method, path)
            pending.operation = operation.name
            if operation.name not in CREATES:
                pending.run(self._call(request, operation.name, id or "", pending))
            elif self._may_store and not self._is_elsewhere(request):
                self._start_create(request, operation.name, pending)
            else:
                pending.run(self._forward_create(request, operation.name, pending))
        elif path.startswith(PREFIX) and not is_options:
            own, id = self._own_router.find(request.method, path)
            pending.operation = own.name
            pending.run(self._call_admin(request, own, id or "", pending))
        else:
            pending.run(self._other(request, is_options))

    async def _other(self, request: Request, is_options: bool) -> Response:
        """A probe, a request of another node, or the methods of a path, which nobody needs a key to ask for."""
        if is_options:
            return self._options(request)
        if self._cluster is not None and request.path.startswith(NODE_PREFIX):
            return await self._cluster.of_node(request)
        return await self._probes.respond(request, self._base_url(request))

    def _start_create(self, request: Request, name: str, pending: PendingResponse) -> None:
        """Admit a create and have it stored. Raises RequestRefused."""
        known, revision = self._admit(request, name, pending)
        operation = revision.operation(name)
        authorize(known.record, operation.scopes)
        day = today(self._clock)
        admission = Admission(known, revision, day, name, limit_name(operation, revision.date))
        request.memo = admission
        self._creates.start(admission, request, pending)

    async def _forward_create(self, request: Request, name: str, pending: PendingResponse) -> Response | None:
        """The response of the node that leads, if this one does not do so by now. Raises RequestRefused."""
        response = await self._of_leader(request)
        if response is None:
            self._start_create(request, name, pending)
        return response

    async def _of_leader(self, request: Request) -> Response | None:
        """The response of the node that leads, for a request that only that node can carry out."""
        if self._cluster is None or self._draining:
            return None
        return await self._cluster.prepare(request)

    def _options(self, request: Request) -> Response:
        """The methods of a path. Nobody needs a key to ask. Raises NotFound for an unknown path."""
        path = request.path
        router = self._own_router if path.startswith(PREFIX) else self._router
        headers = {"Allow": ", ".join(router.allowed(path))}
        return Response(204, headers | (PREFLIGHT if path.startswith(CLIENT_PREFIX) else {}))

    async def _call(self, request: Request, name: str, id: str, pending: PendingResponse) -> Response:
        if (response := await self._of_leader(request)) is not None:
            return response
        if OPERATIONS[name].is_public:
            return await self._call_publicly(request, name, pending)
        known, revision = self._admit(request, name, pending)
        key = known.record
        operation = revision.operation(name)
        call = Call(request, operation, id, key, revision, self._base_url)
        if missing_scopes(key, operation.scopes):
            # The refusal names all missing scopes at once, those of included types too.
            authorize(key, (*operation.scopes, *included_scopes(call)))
        limit = lower_limit_name(call) or limit_name(operation, revision.date)
        pending.lines = self._limits.take(key.account, name, self._clock.now(), limit)
        return await self._handlers[name](call)

    async def _call_publicly(self, request: Request, name: str, pending: PendingResponse) -> Response:
        """An operation that names its account by a ``company_id`` and needs no key."""
        self._check_draining()
        revision = self._revision(request, self._clock)
        pending.admit(name, revision)
        operation = revision.operation(name)
        query = parse_query(request.query_string.encode("utf-8", "surrogateescape"), operation, revision)
        account = self._services.directory.accounts.find_public_id(query.texts[COMPANY_ID])
        if account is None:
            raise InvalidRequest([Fault("Expected the public id of an account.", parameter=COMPANY_ID)])
        pending.lines = self._limits.take(account, name, self._clock.now(), limit_name(operation, revision.date))
        nobody = KeyRecord(id="", account=account, scopes=frozenset(), label="", created=0)
        return await self._handlers[name](Call(request, operation, "", nobody, revision, self._base_url))

    async def _call_admin(
        self, request: Request, operation: AdminOperation, id: str, pending: PendingResponse
    ) -> Response:
        """One of our own operations, which the hosted rate limits do not apply to."""
        if (response := await self._of_leader(request)) is not None:
            return response
        self._check_draining()
        key = authenticate(self._services.directory.keys, request.headers.get("authorization")).record
        # By the clock that nothing moves: otherwise a moved one could lock its own controls.
        revision = self._revision(request, self._clock)
        pending.admit(operation.name, revision)
        authorize(key, operation.scopes)
        frame = AdminFrame(base_url=self._base_url(request), path=request.path, revision=revision)
        return await self._admin_handlers[operation.name](request, key, frame, id)

    def _admit(self, request: Request, operation: str, pending: PendingResponse) -> tuple[Known, Revision]:
        """The key of the client, and its revision. Raises RequestRefused."""
        self._check_draining()
        known = authenticate(self._services.directory.keys, request.headers.get("authorization"))
        revision = self._revision(request, self._clock.of(known.record.account))
        pending.admit(operation, revision)
        return known, revision

    def _check_draining(self) -> None:
        if self._draining:
            raise Unavailable("The server is stopping.", RETRY_AFTER_SECONDS)

    def serve_metrics(self) -> None:
        """Open the port for scrapes, if the settings have one."""
        if self._settings.metrics_port is not None:
            self.telemetry.serve(self._settings.host, self._settings.metrics_port)

    def _revision(self, request: Request, clock: Clock) -> Revision:
        sent = request.headers.get(REVISION_HEADER)
        if sent is None and REVISION_HEADER in request.headers:
            sent = NO_TEXT
        falls_forward = request.headers.get(OPT_OUT_HEADER.lower()) != "1"
        return revision_on(sent, self._settings.default_revision, today(clock), falls_forward)

    def _base_url(self, request: Request) -> str:
        """The start of links. Raises InvalidRequest for a forwarded host that is not a host."""
        settings = self._settings
        if settings.public_url is not None:
            return settings.public_url
        scheme, host = request.scheme, request.headers.get("host")
        if settings.trust_forwarded:
            forwarded = first_of_list(request.headers.get("x-forwarded-proto"))
            scheme = forwarded if forwarded in SCHEMES else scheme
            host = first_of_list(request.headers.get("x-forwarded-host")) or host
            if host is not None and not is_host(host.encode()):
                raise wrong_host("X-Forwarded-Host holds other characters")
        return f"{scheme}://{host or f'{settings.host}:{settings.port}'}"


def today(clock: Clock) -> int:
    """The day, counted from 1970-01-01 UTC."""
    return int(clock.now()) // DAY_SECONDS


@lru_cache(REVISIONS_REMEMBERED_MAX)
def revision_on(sent: str | None, default: str, day: int, falls_forward: bool) -> Revision:
    """The result of ``resolve_revision`` on a day, counted from 1970-01-01 UTC: clients repeat the header all day."""
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
        for lower in operation.lower_limits:
            if isinstance(chosen, str) or operation.name not in chosen:
                table[f"{operation.name} {lower.parameter}"] = RateLimit(lower.limit.burst, lower.limit.steady)
    return {name: limit for name, limit in table.items() if limit is not None}


def limit_name(operation: Operation, date: str) -> str:
    """The operation's name, or, if the limit of the revision is a later one, that with the date since when it holds."""
    since = [since for since, _ in operation.limit.later if since <= date]
    return f"{operation.name} {since[-1]}" if since else operation.name


def lower_limit_name(call: Call) -> str | None:
    """The name of the lower limit that applies to the parameters of the call, or None if the usual one does."""
    operation, revision = call.operation, call.revision
    if not operation.lower_limits or not call.query_string:
        return None
    with suppress(InvalidRequest):
        query = parse_query(call.query_string, operation, revision)
        for lower in operation.lower_limits:
            asked = query.lists.get(lower.parameter, ())
            if lower.since <= revision.date and not set(lower.values).isdisjoint(asked):
                return f"{operation.name} {lower.parameter}"
    return None


def included_scopes(call: Call) -> tuple[str, ...]:
    """The scopes that the call's ``include`` needs, if its query can be understood."""
    with suppress(InvalidRequest):
        return parse_query(call.query_string, call.operation, call.revision).scopes
    return ()


def first_of_list(header: str | None) -> str | None:
    """The first entry of a comma-separated header, which is that of the outermost proxy."""
    return header.partition(",")[0].strip() if header else None
