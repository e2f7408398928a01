"""Requests in a cluster: writes go to the node that leads, reads wait for the state that their client has seen.

Requests of an account that lives in another shard go to a node of that shard.

Every response has in ``eventkeep-position`` the position up to which its node had applied the log (see
`eventkeep.server.positions`). A client that sends the number back reads no older state, through any node. For an API
key whose requests this node has passed on, the node does so by itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import structlog

from eventkeep.cluster.lease import Holder
from eventkeep.directory.moves import Home
from eventkeep.errors import Fault, InvalidRequest, NotFound, ServerUnreachable, Unavailable
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.stores import Stores
from eventkeep.limits import (
    BODY_BYTES_MAX,
    CLUSTER_FORWARD_SECONDS_MAX,
    CLUSTER_POSITION_SECONDS_MAX,
    CLUSTER_SESSIONS_MAX,
    FEED_WAIT_SECONDS_MAX,
    RETRY_AFTER_SECONDS,
    SHARD_HOPS_MAX,
)
from eventkeep.protocol.admin.operations import ADMIN_OPERATIONS
from eventkeep.server.node import Node
from eventkeep.server.node_connections import NodeConnections, NodeResponse
from eventkeep.server.node_routes import NodeRoutes
from eventkeep.server.node_settings import POSITION, SECRET
from eventkeep.server.positions import POSITION_DIGITS_MAX, seen_position, shown_position
from eventkeep.server.services import Services

logger = structlog.get_logger(__name__)

STALENESS: Final = "eventkeep-staleness"
STALENESS_MAX: Final = "eventkeep-max-staleness"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OF_ONE_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
)
NOT_PASSED_ON: Final = OF_ONE_CONNECTION | {"host", "content-length", SECRET}
NOT_PASSED_BACK: Final = (
    OF_ONE_CONNECTION
    | {"content-length", "date", "server", "x-request-id"}
    | {
        # This node adds its own to every response of a client route.
        "access-control-allow-origin"
    }
)
HOPS: Final = "eventkeep-node-hops"
"""The header that counts how often a request was passed on to another shard."""
SCAN_PATH: Final = ADMIN_OPERATIONS["scan"].path
READERS_TRIED_MAX: Final = 3
AVOIDED_SECONDS: Final = 1.0
"""How long a node that could not be reached is not asked."""
HOME_LOOK_SECONDS: Final = 0.02
"""Seconds between two looks whether an account has another home."""
CHANGE_SECONDS: Final = 0.1
"""How often the leader is checked while a request waits for its response."""


class ClusterRequests:
    """The steps before and after the application when requests reach a node. One event loop's."""

    def __init__(self, node: Node, committer: Committer, stores: Stores, is_stopping: Callable[[], bool]) -> None:
        self._node, self._shards = node, node.shards
        self._routes = NodeRoutes(node, committer, stores, is_stopping)
        self._connections = NodeConnections()
        self._own_home = Home(0, self._shards.own)
        self._written: OrderedDict[str, int] = OrderedDict()
        self.forwarded = 0

    @property
    def is_leading(self) -> bool:
        return self._node.member.is_leading

    def is_elsewhere(self, request: Request) -> bool:
        """Whether the account of a request lives in another shard, as far as this node knows."""
        if self._shards.is_single:
            return False
        account = self._shards.account_of(request)
        home = None if account is None else self._shards.home(account)
        return home is not None and home.shard != self._shards.own

    async def prepare(self, request: Request) -> Response | None:
        """Wait until this node may serve a request, or have another node do so, whose response is returned.

        Raises InvalidRequest for a header that is no number, Unavailable if the node is behind or nobody leads.
        """
        home = None if self._shards.is_single else await self._home(request)
        if home is not None and home.shard != self._shards.own:
            return await self._forward_to_shard(request, home.shard)
        if request.method in READING:
            await self._wait(request)
            return None
        if self.is_leading:
            return None
        return await self._forward(request)

    def mark(self, response: Response, request: Request) -> None:
        """Say in a response how far this node is, unless it comes from another one."""
        if POSITION in response.headers:
            return
        node, home = self._node, self._marked_home(request)
        if home is not None:
            response.headers[POSITION] = str(shown_position(home, node.position))
        if not self.is_leading:
            response.headers[STALENESS] = f"{node.member.staleness_seconds:.2f}"

    def _marked_home(self, request: Request) -> Home | None:
        """The home with which a position is shown; None if a position of this shard says nothing to the client."""
        own = self._own_home
        if self._shards.is_single:
            return own
        if request.refusal is not None:
            return None
        account = self._shards.account_of(request)
        if account is None:
            return None if "authorization" in request.headers else own
        return self._shards.shown_home(account)

    async def of_node(self, request: Request) -> Response:
        """The response to a request that only nodes make; see `NodeRoutes.respond`."""
        return await self._routes.respond(request)

    def close(self) -> None:
        self._connections.close()

    async def _wait(self, request: Request) -> None:
        """Wait until this node has applied the log up to the position that the client has seen."""
        seen = seen_position(self._seen(request))
        if seen.position > self._node.position and self._concerns(request, seen.home):
            await self._node.wait_for(seen.position)
        if STALENESS_MAX in request.headers:
            allowed, staleness = number_header(request, STALENESS_MAX), self._node.member.staleness_seconds
            if staleness > allowed:
                raise Unavailable(
                    f"This node is {staleness:.1f} seconds behind, and {allowed} are allowed.", RETRY_AFTER_SECONDS
                )

    def _seen(self, request: Request) -> int:
        """The highest number that the client has seen, as far as this node knows. Raises InvalidRequest."""
        key = request.headers.get("authorization")
        return max(number_header(request, POSITION), 0 if key is None else self._written.get(key, 0))

    def _concerns(self, request: Request, seen: Home) -> bool:
        """Whether a position of that home is one of this shard's log, and newer than the account's last move."""
        if self._shards.is_single:
            return seen == self._own_home
        account = self._shards.account_of(request)
        home = None if account is None else self._shards.home(account)
        return seen == (home or self._own_home)

    async def _home(self, request: Request) -> Home | None:
        """Where the account of a request lives; None for a request of no account that is known.

        Raises Unavailable if the client knows of a newer home than this node, and goes on to.
        """
        account = self._shards.account_of(request)
        if account is None:
            return None
        moves = seen_position(self._seen(request)).home.moves
        deadline = asyncio.get_running_loop().time() + CLUSTER_POSITION_SECONDS_MAX
        while (
            (home := self._shards.home(account)) is None or home.moves < moves or not self._shards.has_applied(account)
        ):
            if home is None and not moves:
                return None
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable("This node has not heard of the account's last move yet.", RETRY_AFTER_SECONDS)
            await asyncio.sleep(HOME_LOOK_SECONDS)
        return home

    async def _forward_to_shard(self, request: Request, shard: int) -> Response:
        """The response of a node of another shard. Raises Unavailable if there is none."""
        hops = number_header(request, HOPS)
        if hops >= SHARD_HOPS_MAX:
            raise Unavailable("The account is being moved; try again.", RETRY_AFTER_SECONDS)
        if request.path == SCAN_PATH:
            # A client that gets this reads pages, whose size is bounded, in place of the scan.
            raise NotFound([Fault(f"The account lives in shard {shard}: ask one of its nodes for a scan.")])
        headers = {name: value for name, value in request.headers.items() if name not in NOT_PASSED_ON}
        headers |= {SECRET: self._node.settings.secret, HOPS: str(hops + 1)}
        if (host := request.headers.get("host")) is not None:
            # Links in the response lead to the host that the client has asked.
            headers["host"] = host
        if seen := self._seen(request):
            headers[POSITION] = str(seen)
        if request.method in READING:
            response = await self._of_reader(request, shard, headers)
        else:
            leader = self._shards.leader(shard)
            if leader is None:
                raise nobody_leads()
            sending = await self._sending(request, leader.url, request.method, headers)
            response = await self._while_leading(sending, leader.run, lambda: self._shards.leader(shard))
        return self._passed_back(request, response)

    async def _of_reader(self, request: Request, shard: int, headers: dict[str, str]) -> NodeResponse:
        """The response of some node of a shard to a read. Raises Unavailable."""
        for _ in range(READERS_TRIED_MAX):
            reader = self._shards.reader(shard)
            if reader is None:
                break
            # Whether it is HEAD matters to the client's connection alone.
            sending = await self._sending(request, reader.url, "GET", headers)
            try:
                async with asyncio.timeout(CLUSTER_FORWARD_SECONDS_MAX + FEED_WAIT_SECONDS_MAX):
                    return await sending
            except (ServerUnreachable, TimeoutError) as exc:
                logger.warning("a node of another shard could not be reached", node=reader.node, cause=str(exc))
                self._shards.others[shard].avoid(reader.node, AVOIDED_SECONDS)
        raise Unavailable(f"No node of shard {shard} can be reached now; try again.", RETRY_AFTER_SECONDS)

    async def _sending(
        self, request: Request, url: str, method: str, headers: dict[str, str]
    ) -> asyncio.Future[NodeResponse]:
        """Begin to pass a request on to the node at ``url``."""
        body = await request.read_body(BODY_BYTES_MAX)
        path = quote(request.path)
        query = f"?{request.query_string}" if request.query_string else ""
        return asyncio.ensure_future(self._connections.send(url, method, f"{path}{query}", headers, body))

    def _passed_back(self, request: Request, response: NodeResponse) -> Response:
        """The response of another node, for the client."""
        self.forwarded += 1
        passed_back = {name: value for name, value in response.headers.items() if name not in NOT_PASSED_BACK}
        self._remember(request, response)
        return Response(response.status, passed_back, response.body)

    async def _forward(self, request: Request) -> Response:
        """The leader's response to a request. Raises Unavailable if there is none."""
        if SECRET in request.headers:
            # Another node believes that this one leads: the client, not the nodes, tries again.
            raise nobody_leads()
        leader = self._node.lease.leader
        if leader is None or leader.node == self._node.settings.name:
            raise nobody_leads()
        headers = {name: value for name, value in request.headers.items() if name not in NOT_PASSED_ON}
        headers[SECRET] = self._node.settings.secret
        sending = await self._sending(request, leader.url, request.method, headers)
        response = await self._while_leading(sending, leader.run, lambda: self._node.lease.leader)
        return self._passed_back(request, response)

    async def _while_leading(
        self, sending: asyncio.Future[NodeResponse], run: str, leader_now: Callable[[], Holder | None]
    ) -> NodeResponse:
        """Wait for the leader's response for as long as it leads. Raises Unavailable."""
        try:
            return await self._until_done(sending, run, leader_now)
        finally:
            sending.cancel()

    async def _until_done(
        self, sending: asyncio.Future[NodeResponse], run: str, leader_now: Callable[[], Holder | None]
    ) -> NodeResponse:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CLUSTER_FORWARD_SECONDS_MAX
        while not sending.done() and loop.time() < deadline:
            leader = leader_now()
            if leader is None or leader.run != run:
                break
            await asyncio.wait({sending}, timeout=CHANGE_SECONDS)
        if not sending.done():
            raise nobody_leads()
        try:
            return sending.result()
        except ServerUnreachable as exc:
            logger.warning("the leader could not be reached", cause=str(exc))
            raise nobody_leads() from exc

    def _remember(self, request: Request, response: NodeResponse) -> None:
        """Note the newest state that a key has seen."""
        key, position = request.headers.get("authorization"), response.headers.get(POSITION, "")
        if key is not None and position.isdigit():
            self._written[key] = max(int(position), self._written.pop(key, 0))
            while len(self._written) > CLUSTER_SESSIONS_MAX:
                self._written.popitem(last=False)


def cluster_requests(services: Services) -> ClusterRequests | None:
    """The `ClusterRequests` of a node, None if the server is no node of a cluster."""
    if services.node is None:
        return None
    return ClusterRequests(services.node, services.committer, services.stores, services.is_closing)


def nobody_leads() -> Unavailable:
    return Unavailable("No node of the cluster can store anything now; try again.", RETRY_AFTER_SECONDS)


def number_header(request: Request, name: str) -> int:
    """A whole number in a header, 0 if there is none. Raises InvalidRequest for anything else."""
    if name not in request.headers:
        return 0
    value = request.headers.get(name) or ""
    if not (value.isascii() and value.isdigit() and len(value) <= POSITION_DIGITS_MAX):
        raise InvalidRequest([Fault("Expected a whole number.", parameter=name)])
    return int(value)
