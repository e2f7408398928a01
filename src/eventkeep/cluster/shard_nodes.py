"""The nodes of another shard, as they tell of themselves, and the one that leads it, as it renews its lease."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from eventkeep.cluster.lease import KEY, Holder, decode_holder
from eventkeep.cluster.link import Link
from eventkeep.cluster.member import Role
from eventkeep.cluster.registry import NODES, NodeState
from eventkeep.cluster.streams import StreamNames
from eventkeep.limits import CLUSTER_LEASE_SECONDS, CLUSTER_SILENT_SECONDS


class ShardNodes:
    """What is heard of the nodes of one shard. It changes in the link's loop; any thread reads."""

    def __init__(self, link: Link, names: StreamNames, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._link, self._subject, self._monotonic = link, names.key_subject, monotonic
        self._nodes: dict[str, tuple[NodeState, float]] = {}
        self._holder, self._renewed_at = Holder(""), float("-inf")
        self._avoided: dict[str, float] = {}

    async def listen(self) -> None:
        """Hear of the nodes from now on: all of them tell of themselves once a second, the leader more often."""
        await self._link.subscribe(f"{self._subject}.{KEY}", self._take_holder)
        await self._link.subscribe(f"{self._subject}.{NODES}.*", self._take_node)

    @property
    def leader(self) -> Holder | None:
        """The node that leads as far as is known here; None if none does."""
        is_held = self._monotonic() - self._renewed_at < CLUSTER_LEASE_SECONDS
        return self._holder if is_held and self._holder.node else None

    def readers(self) -> list[NodeState]:
        """The nodes that can be asked for reads."""
        now = self._monotonic()
        return [
            state
            for state, at in list(self._nodes.values())
            if now - at < CLUSTER_SILENT_SECONDS
            and state.role in (Role.FOLLOWING.value, Role.LEADING.value)
            and now > self._avoided.get(state.node, float("-inf"))
        ]

    def avoid(self, node: str, seconds: float) -> None:
        """Ask this node for nothing for a while: it could not be reached."""
        self._avoided[node] = self._monotonic() + seconds

    def _take_holder(self, payload: bytes) -> None:
        self._holder, self._renewed_at = decode_holder(payload), self._monotonic()

    def _take_node(self, payload: bytes) -> None:
        try:
            state = msgspec.json.decode(payload, type=NodeState)
        except msgspec.MsgspecError:
            return
        self._nodes[state.node] = (state, self._monotonic())
