"""Requests in a cluster: writes go to the node that leads, reads wait for the state that their client has seen.

Every response has in ``eventkeep-position`` the position up to which its node had applied the log. A client that sends
the number back reads no older state, through any node. For an API key that wrote through this node, the node does so
by itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import structlog

from eventkeep.errors import Fault, InvalidRequest, ServerUnreachable, Unavailable
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.stores import Stores
from eventkeep.limits import (
    BODY_BYTES_MAX,
    CLUSTER_FORWARD_SECONDS_MAX,
    CLUSTER_SESSIONS_MAX,
    RETRY_AFTER_SECONDS,
)
from eventkeep.server.node import Node
from eventkeep.server.node_connections import NodeConnections, NodeResponse
from eventkeep.server.node_routes import NodeRoutes
from eventkeep.server.node_settings import POSITION, SECRET
from eventkeep.server.services import Services

logger = structlog.get_logger(__name__)

STALENESS: Final = "eventkeep-staleness"
STALENESS_MAX: Final = "eventkeep-max-staleness"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POSITION_DIGITS_MAX: Final = 18
OF_ONE_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
)
NOT_PASSED_ON: Final = OF_ONE_CONNECTION | {"host", "content-length", SECRET}
NOT_PASSED_BACK: Final = OF_ONE_CONNECTION | {"content-length", "date", "server"}
CHANGE_SECONDS: Final = 0.1
"""How often the leader is checked while a request waits for its response."""


class ClusterRequests:
    """The steps before and after the application when requests reach a node. One event loop's."""

    def __init__(self, node: Node, committer: Committer, stores: Stores, is_stopping: Callable[[], bool]) -> None:
        self._node = node
        self._routes = NodeRoutes(node, committer, stores, is_stopping)
        self._connections = NodeConnections()
        self._written: OrderedDict[str, int] = OrderedDict()
        self.forwarded = 0

    @property
    def is_leading(self) -> bool:
        return self._node.member.is_leading

    async def prepare(self, request: Request) -> Response | None:
        """Wait until this node may serve a request, or have the leader do so, whose response is returned.

        Raises InvalidRequest for a header that is no number, Unavailable if the node is behind or nobody leads.
        """
        if request.method in READING:
            await self._wait(request)
            return None
        if self.is_leading:
            return None
        return await self._forward(request)

    def mark(self, response: Response) -> None:
        """Say in a response how far this node is."""
        node = self._node
        response.headers.setdefault(POSITION, str(node.position))
        if not self.is_leading:
            response.headers.setdefault(STALENESS, f"{node.member.staleness_seconds:.2f}")

    async def of_node(self, request: Request) -> Response:
        """The response to a request that only nodes make; see `NodeRoutes.respond`."""
        return await self._routes.respond(request)

    def close(self) -> None:
        self._connections.close()

    async def _wait(self, request: Request) -> None:
        """Wait until this node has applied the log up to the position that the client has seen."""
        wanted = number_header(request, POSITION)
        if (key := request.headers.get("authorization")) is not None:
            wanted = max(wanted, self._written.get(key, 0))
        if wanted > self._node.position:
            await self._node.wait_for(wanted)
        if STALENESS_MAX in request.headers:
            allowed, staleness = number_header(request, STALENESS_MAX), self._node.member.staleness_seconds
            if staleness > allowed:
                raise Unavailable(
                    f"This node is {staleness:.1f} seconds behind, and {allowed} are allowed.", RETRY_AFTER_SECONDS
                )

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
        body = await request.read_body(BODY_BYTES_MAX)
        path = quote(request.path)
        query = f"?{request.query_string}" if request.query_string else ""
        sending = asyncio.ensure_future(
            self._connections.send(leader.url, request.method, f"{path}{query}", headers, body)
        )
        try:
            response = await self._while_leading(sending, leader.run)
        finally:
            sending.cancel()
        self.forwarded += 1
        passed_back = {name: value for name, value in response.headers.items() if name not in NOT_PASSED_BACK}
        self._remember(request, response)
        return Response(response.status, passed_back, response.body)

    async def _while_leading(self, sending: asyncio.Future[NodeResponse], run: str) -> NodeResponse:
        """Wait for the leader's response for as long as it leads. Raises Unavailable."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CLUSTER_FORWARD_SECONDS_MAX
        while not sending.done() and loop.time() < deadline:
            leader = self._node.lease.leader
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
        """Note the position up to which a key has written."""
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
