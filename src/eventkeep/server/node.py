"""This server as a node of a cluster: it follows a replicated log, and leads it if it has the lease."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
import msgspec
import structlog

from eventkeep.clock import Clock
from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.lease import Holder, Lease
from eventkeep.cluster.member import Member, Role
from eventkeep.cluster.registry import NodeState, Registry, removable
from eventkeep.cluster.server_checks import check_servers
from eventkeep.directory.changes import encode_changes
from eventkeep.errors import ConfigurationError, LogError, LogUnreachable, NotBegun, StoreError, Unavailable
from eventkeep.files import Files
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.joining import check_room
from eventkeep.ingest.snapshot import Snapshot, take_snapshot
from eventkeep.ingest.stores import Stores
from eventkeep.limits import (
    CLUSTER_CHECK_SECONDS,
    CLUSTER_FORWARD_SECONDS_MAX,
    CLUSTER_POSITION_SECONDS_MAX,
    CLUSTER_START_SECONDS_MAX,
    CLUSTER_TELL_SECONDS,
    RETRY_AFTER_SECONDS,
)
from eventkeep.model.event_columns import EventColumns
from eventkeep.server.arrivals import Arrivals
from eventkeep.server.control import ControlResponse
from eventkeep.server.departures import Departures, ShardLeaders
from eventkeep.server.node_settings import CONTROL_PATH, POSITION, SECRET, NodeSettings
from eventkeep.server.node_snapshots import NodeSnapshots
from eventkeep.server.positions import seen_position
from eventkeep.server.shard_secret import secret_of_shards
from eventkeep.server.shards import MapKeeper, Shards

logger = structlog.get_logger(__name__)

HOUR_SECONDS: Final = 3_600.0
APPLIED_LOOK_SECONDS: Final = 0.005
"""Seconds between two looks whether a position is applied."""


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

    def __init__(self, settings: NodeSettings, log: JetStreamLog, joined: int, clock: Clock) -> None:
        """``joined`` is the position of the snapshot that the folder was made from just now, 0 if there was none."""
        self.settings, self.log, self.joined, self._clock = settings, log, joined, clock
        names, link = self.log.names, self.log.link
        own = Holder(settings.name, settings.url, os.urandom(8).hex())
        self.lease = Lease(link, names.bucket, names.key_subject, own, clock.monotonic)
        self.registry = Registry(link, names.bucket, names.key_subject)
        self.shards = Shards(settings, link, names)
        self.member = Member(self.log, self.lease, self._apply, clock)
        self.on_events: Callable[[EventColumns], None] = lambda _events: None
        self.on_failure: Callable[[Exception], None] = lambda _failure: None
        self._stopping = threading.Event()
        self._stores: Stores | None = None
        self.snapshots: NodeSnapshots | None = None
        self._thread = threading.Thread(target=self._keep_house, name="node", daemon=True)

    def start(self, stores: Stores, committer: Committer, folder: Path) -> None:
        """Follow the log. Raises LogUnreachable if no node has made the first record in time."""
        self._stores, self._committer, self._folder = stores, committer, folder
        self.snapshots = NodeSnapshots(folder, self.take_snapshot, self._clock.monotonic)
        self.positions = Positions(lambda: min(stores.directory.position, stores.events.position))
        committer.on_applied = self.positions.advanced
        self.arrivals = Arrivals(stores, committer)
        leaders = ShardLeaders(self.shards, self.settings.secret)
        self.departures = Departures(leaders, stores, committer, lambda: self.member.is_leading)
        self._keeper = MapKeeper(self.shards, self.log.link, stores.directory, lambda: self.member.is_leading)
        shard = self.shards.own
        secret = secret_of_shards(self.settings, self.log.link).hex() if shard and not self.log.last else ""
        self.member.first_changes = lambda: encode_changes(stores.directory.first_changes(shard, secret))
        self.member.on_change = self._changed
        self.member.start()
        deadline = time.monotonic() + CLUSTER_START_SECONDS_MAX
        while stores.directory.position == 0:
            if self.member.failure is not None:
                raise self.member.failure
            if time.monotonic() > deadline:
                raise LogUnreachable("no node has begun the log yet: look at the servers of NATS, and start again")
            time.sleep(0.02)
        self.shards.start(stores.directory)
        self._keeper.start()
        self._keeper.look()
        self.departures.begin()
        self._thread.start()

    def stop(self) -> None:
        """Lead and follow no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.snapshots is not None:
            self.snapshots.close()
            self._keeper.stop()
            self.departures.stop()
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

    def wait_applied(self, position: int) -> None:
        """Wait until a position is applied here, but not for long. In any thread but that of an event loop."""
        deadline = time.monotonic() + CLUSTER_POSITION_SECONDS_MAX
        while self.position < position and time.monotonic() < deadline and not self._stopping.is_set():
            time.sleep(APPLIED_LOOK_SECONDS)

    def _apply(self, contents: list[bytes]) -> None:
        assert self._stores is not None
        for events in self._stores.apply(contents):
            self.on_events(events)
        self.positions.advanced()

    def _changed(self) -> None:
        """In the member's thread: the role is another one."""
        self._keeper.look()
        if self.member.failure is not None:
            self.on_failure(self.member.failure)

    def _keep_house(self) -> None:
        """Report the state of this node, trim the log as the leader, and look at the servers, now and then."""
        checked_at = time.monotonic()
        while not self._stopping.wait(CLUSTER_TELL_SECONDS):
            try:
                if self.snapshots is not None:
                    self.snapshots.expire()
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
        held = self._held()
        note = f"joined at record {self.joined}" if self.joined else ""
        return NodeState(
            node=self.settings.name,
            url=self.settings.url,
            role=self.member.role.value,
            position=self.position,
            # The node that loads a snapshot needs the records behind it, as the move of an account does.
            durable=durable if held is None else min(durable, held),
            version=importlib.metadata.version("eventkeep"),
            note=note,
        )

    def _held(self) -> int | None:
        """The position behind which the records of the log are needed, whatever is durable; None if none are."""
        positions = [None if self.snapshots is None else self.snapshots.oldest_position, self.departures.held]
        return min((position for position in positions if position is not None), default=None)

    def take_snapshot(self, target: Path) -> Snapshot:
        """Write a snapshot into a folder, whether or not this node leads. Raises StoreError and Unavailable."""
        assert self._stores is not None
        check_room(self._folder, Files())
        return take_snapshot(self._stores, target, self._between_records)

    def _between_records(self, act: Callable[[], None]) -> None:
        """Call ``act`` while nothing is applied. Raises its errors."""
        if self.member.is_leading:
            # Under load the commit thread keeps the turn: only there is time between two records.
            with contextlib.suppress(Unavailable):
                self._committer.call(act)
                return
        with self.member.applying_nothing():
            act()

    def trim(self) -> None:
        """Make applied records durable; the leader removes unneeded ones. Raises StoreError and Unavailable."""
        stores, committer, settings = self._stores, self._committer, self.settings
        assert stores is not None
        if not self.member.is_leading:
            with self.member.applying_nothing():
                stores.trim(keep_from=1)
            return
        others = [each for each in self.log.link.run(self.registry.nodes()) if each.state.node != settings.name]
        held = self._held()
        own = self.position if held is None else min(self.position, held)
        needed = removable(others, own, settings.follower_hours * HOUR_SECONDS)

        def trim() -> None:
            stores.trim(keep_from=needed + 1)
            first = self.log.trim_to_size(settings.follower_bytes, self.state().durable)
            if first > needed + 1:
                logger.warning(
                    "the log is larger than it may be: nodes that need records before this one join anew",
                    first=first,
                    nodes=[each.state.node for each in others if each.state.durable + 1 < first],
                )

        committer.call(trim)


def ask_leader(node: Node, content: bytes, shard: int) -> ControlResponse:
    """Have the node that leads a shard carry out a command, and wait a moment until this one has applied it.

    Raises NotBegun if nobody leads it now, Unavailable if its response is missing.
    """
    is_own = shard == node.shards.own
    leader = node.lease.leader if is_own else node.shards.leader(shard)
    if leader is None or (is_own and leader.node == node.settings.name):
        raise NotBegun(f"no node of shard {shard} leads now: try again", RETRY_AFTER_SECONDS)
    try:
        response = httpx.post(
            f"{leader.url}{CONTROL_PATH}",
            content=content,
            headers={SECRET: node.settings.secret},
            timeout=CLUSTER_FORWARD_SECONDS_MAX,
            trust_env=False,
        )
        response.raise_for_status()
        decoded = msgspec.json.decode(response.content, type=ControlResponse)
    except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
        raise NotBegun(f"the node that leads, {leader.url}, can't be reached: {exc}", RETRY_AFTER_SECONDS) from exc
    except (httpx.HTTPError, msgspec.MsgspecError) as exc:
        raise Unavailable(f"the node that leads, {leader.url}, does not respond: {exc}", RETRY_AFTER_SECONDS) from exc
    if decoded.is_not_begun:
        raise NotBegun(decoded.error, RETRY_AFTER_SECONDS)
    if is_own:
        node.wait_applied(seen_position(int(response.headers[POSITION])).position)
    return decoded


def failed_node(failure: Exception) -> StoreError:
    """The error with which the server ends after ``failure``."""
    return StoreError(f"this node can't follow the log any more, so the server stopped: {failure}")
