"""This server as a node of a cluster: it follows a replicated log, and leads it if it has the lease."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

import httpx
import msgspec
import structlog

from eventkeep.clock import Clock
from eventkeep.cluster.address import LogAddress, parse_log_address
from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.lease import Holder, Lease
from eventkeep.cluster.member import Member, Role
from eventkeep.cluster.registry import NodeState, Registry, removable
from eventkeep.cluster.server_checks import check_servers
from eventkeep.config import ServeSettings, server_url
from eventkeep.directory.changes import encode_changes
from eventkeep.errors import ConfigurationError, LogError, LogUnreachable, StoreError, Unavailable
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.stores import Stores
from eventkeep.limits import (
    CLUSTER_CHECK_SECONDS,
    CLUSTER_FORGET_SECONDS,
    CLUSTER_FORWARD_SECONDS_MAX,
    CLUSTER_POSITION_SECONDS_MAX,
    CLUSTER_START_SECONDS_MAX,
    CLUSTER_TELL_SECONDS,
    RETRY_AFTER_SECONDS,
)
from eventkeep.model.event_columns import EventColumns
from eventkeep.server.control import ControlResponse

logger = structlog.get_logger(__name__)

NAME_CHARACTERS_MAX: Final = 64
CONTROL_PATH: Final = "/cluster/control"
SECRET: Final = "eventkeep-node-secret"
"""The header with the secret that the nodes share."""


class NodeSettings(msgspec.Struct, frozen=True):
    """The settings that make a server a node."""

    address: LogAddress
    name: str
    url: str
    secret: str


def node_settings(settings: ServeSettings) -> NodeSettings | None:
    """The node's settings, None for a server with a log of its own. Raises ConfigurationError if one is missing."""
    if settings.log is None:
        return None
    if settings.node_secret is None:
        raise ConfigurationError(
            "a replicated log needs --node-secret (better: EVENTKEEP_NODE_SECRET), the same for all nodes, such as "
            "the output of: openssl rand -hex 32"
        )
    name = settings.node or "".join(
        letter if letter.isascii() and letter.isalnum() else "-" for letter in socket.gethostname()
    )
    url = settings.node_url or server_url(settings.host, settings.port)
    return NodeSettings(parse_log_address(settings.log), name[:NAME_CHARACTERS_MAX], url, settings.node_secret)


class Positions:
    """The tasks that wait until a position is applied. One event loop waits; any thread reports positions."""

    def __init__(self, position: Callable[[], int]) -> None:
        self._position = position
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def advanced(self) -> None:
        """The position has moved on."""
        if self._waiting and self._loop is not None:
            with contextlib.suppress(RuntimeError):
                # The loop ends while a record is applied: then no task waits any more.
                self._loop.call_soon_threadsafe(self._wake)

    async def wait(self, position: int, seconds: float) -> bool:
        """Wait until a position is applied; returns whether it is."""
        if self._position() >= position:
            return True
        self._loop = asyncio.get_running_loop()
        entry = (position, self._loop.create_future())
        self._waiting.append(entry)
        # It may have come in between.
        self._wake()
        try:
            await asyncio.wait_for(entry[1], seconds)
        except TimeoutError:
            return False
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
        return True

    def _wake(self) -> None:
        reached = self._position()
        for position, future in self._waiting:
            if position <= reached and not future.done():
                future.set_result(None)


class Node:
    """A node whose log is open. ``start`` it once the stores are open; ``stop`` it before they are closed."""

    def __init__(self, settings: NodeSettings, applied: int, clock: Clock) -> None:
        """Open the log for stores at the position ``applied``. Raises ConfigurationError, LogUnreachable, LogError."""
        self.settings, self._clock = settings, clock
        self.log = JetStreamLog.open(settings.address, settings.name, applied=applied)
        names, link = self.log.names, self.log.link
        own = Holder(settings.name, settings.url, os.urandom(8).hex())
        self.lease = Lease(link, names.bucket, names.key_subject, own, clock.monotonic)
        self.registry = Registry(link, names.bucket, names.key_subject)
        self.member = Member(self.log, self.lease, self._apply, clock)
        self.on_events: Callable[[EventColumns], None] = lambda _events: None
        self.on_failure: Callable[[Exception], None] = lambda _failure: None
        self._stopping = threading.Event()
        self._stores: Stores | None = None
        self._thread = threading.Thread(target=self._keep_house, name="node", daemon=True)

    def start(self, stores: Stores, committer: Committer) -> None:
        """Follow the log. Raises LogUnreachable if no node has made the first record in time."""
        self._stores, self._committer = stores, committer
        self.positions = Positions(lambda: min(stores.directory.position, stores.events.position))
        committer.on_applied = self.positions.advanced
        self.member.first_changes = lambda: encode_changes(stores.directory.first_changes())
        self.member.on_change = self._changed
        self.member.start()
        deadline = time.monotonic() + CLUSTER_START_SECONDS_MAX
        while stores.directory.position == 0:
            if self.member.failure is not None:
                raise self.member.failure
            if time.monotonic() > deadline:
                raise LogUnreachable("no node has begun the log yet: look at the servers of NATS, and start again")
            time.sleep(0.02)
        self._thread.start()

    def stop(self) -> None:
        """Lead and follow no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self.member.stop()

    @property
    def position(self) -> int:
        """The position up to which this node has applied the log."""
        stores = self._stores
        return 0 if stores is None else min(stores.directory.position, stores.events.position)

    @property
    def is_ready(self) -> bool:
        """Whether this node serves reads that are not stale, and knows a leader."""
        fresh = self.member.staleness_seconds < CLUSTER_CHECK_SECONDS
        return self.member.role is not Role.FAILED and fresh and self.lease.leader is not None

    async def wait_for(self, position: int) -> None:
        """Wait until a position is applied here. Raises Unavailable if that takes too long."""
        if not await self.positions.wait(position, CLUSTER_POSITION_SECONDS_MAX):
            raise Unavailable(
                f"This node has not come to position {position} yet; it is at {self.position}.", RETRY_AFTER_SECONDS
            )

    def _apply(self, contents: list[bytes]) -> None:
        assert self._stores is not None
        for events in self._stores.apply(contents):
            self.on_events(events)
        self.positions.advanced()

    def _changed(self) -> None:
        """In the member's thread: the role is another one."""
        if self.member.failure is not None:
            self.on_failure(self.member.failure)

    def _keep_house(self) -> None:
        """Report the state of this node, trim the log as the leader, and look at the servers, now and then."""
        checked_at = time.monotonic()
        while not self._stopping.wait(CLUSTER_TELL_SECONDS):
            try:
                self.log.link.run(self.registry.tell(self.state()))
                if time.monotonic() - checked_at > CLUSTER_CHECK_SECONDS:
                    checked_at = time.monotonic()
                    check_servers(self.settings.address)
            except ConfigurationError as exc:
                logger.error("a server of NATS is not safe", cause=str(exc))
                self.on_failure(exc)
                return
            except LogError as exc:
                logger.warning("this node could not tell of itself", cause=str(exc))

    def state(self) -> NodeState:
        """The state that this node reports to the others."""
        stores = self._stores
        assert stores is not None
        durable = min(stores.directory.durable_position(), stores.events.flushed_position)
        role, version = self.member.role.value, importlib.metadata.version("eventkeep")
        return NodeState(self.settings.name, self.settings.url, role, self.position, durable, version)

    def trim(self) -> None:
        """Make applied records durable; the leader removes unneeded ones. Raises StoreError and Unavailable."""
        stores, committer = self._stores, self._committer
        assert stores is not None
        if not self.member.is_leading:
            with self.member.applying_nothing():
                stores.trim(keep_from=1)
            return
        nodes = self.log.link.run(self.registry.nodes())
        keep_from = removable(nodes, self.position, CLUSTER_FORGET_SECONDS) + 1
        committer.call(lambda: stores.trim(keep_from))


def ask_leader(node: Node, content: bytes) -> ControlResponse:
    """Have the node that leads carry out a command. Raises Unavailable if that is not possible now."""
    leader = node.lease.leader
    if leader is None or leader.node == node.settings.name:
        raise Unavailable("no node of the cluster leads now: try again", RETRY_AFTER_SECONDS)
    try:
        response = httpx.post(
            f"{leader.url}{CONTROL_PATH}",
            content=content,
            headers={SECRET: node.settings.secret},
            timeout=CLUSTER_FORWARD_SECONDS_MAX,
            trust_env=False,
        )
        response.raise_for_status()
        return msgspec.json.decode(response.content, type=ControlResponse)
    except (httpx.HTTPError, msgspec.MsgspecError) as exc:
        raise Unavailable(f"the node that leads, {leader.url}, does not respond: {exc}", RETRY_AFTER_SECONDS) from exc


def failed_node(failure: Exception) -> StoreError:
    """The error with which the server ends after ``failure``."""
    return StoreError(f"this node can't follow the log any more, so the server stopped: {failure}")
