"""The states that nodes report: a key for each node in the key-value bucket of the log.

From it everybody knows which nodes there are and how far they have come, and the leader knows which records it may
remove. Ages are differences of times of the servers of NATS: clocks of the nodes are not used.
"""

from __future__ import annotations

import datetime
from typing import Final

import msgspec

from eventkeep.cluster.link import Link
from eventkeep.errors import LogError

NODES: Final = "nodes"
JOINING: Final = "joining"
"""The role of a node that loads a snapshot of another one."""


class NodeState(msgspec.Struct, frozen=True):
    """A node as it tells of itself.

    ``position`` is that of the last record applied, ``durable`` that of the last record that it does not need from the
    log any more. ``note`` is for people: how far a snapshot is loaded, for example.
    """

    node: str
    url: str
    role: str
    position: int
    durable: int
    version: str = ""
    note: str = ""


class SeenNode(msgspec.Struct, frozen=True):
    """A node, and how many seconds ago it told of itself."""

    state: NodeState
    age_seconds: float


class Registry:
    """The nodes of one log."""

    def __init__(self, link: Link, stream: str, subject: str) -> None:
        self._link, self._stream, self._subject = link, stream, f"{subject}.{NODES}"

    async def tell(self, state: NodeState) -> None:
        """Tell of a node. Raises LogUnreachable, LogError."""
        reply = await self._link.request(f"{self._subject}.{state.node}", msgspec.json.encode(state))
        if reply.fault is not None:
            raise LogError(f"the state of the node can't be told: {reply.fault.description}")

    async def nodes(self) -> list[SeenNode]:
        """All nodes that have ever told of themselves and did not leave. Raises LogUnreachable, LogError."""
        info = await self._link.api(f"STREAM.INFO.{self._stream}", {"subjects_filter": f"{self._subject}.>"})
        if info.fault is not None:
            raise LogError(f"the nodes can't be listed: {info.fault.description}")
        now = parse_time(str(info.document["ts"]))
        found: list[SeenNode] = []
        for subject in sorted(info.document["state"].get("subjects") or {}):
            message = await self._link.last_message(self._stream, subject)
            if message is None:
                continue
            try:
                state = msgspec.json.decode(message.content, type=NodeState)
            except msgspec.MsgspecError:
                continue
            found.append(SeenNode(state, max((now - parse_time(message.time)).total_seconds(), 0.0)))
        return found

    async def forget(self, node: str) -> bool:
        """Remove a node, so that no record is kept for it any more; returns whether it was there."""
        reply = await self._link.api(f"STREAM.PURGE.{self._stream}", {"filter": f"{self._subject}.{node}"})
        if reply.fault is not None:
            raise LogError(f"the node can't be removed: {reply.fault.description}")
        return bool(reply.document.get("purged"))


def removable(nodes: list[SeenNode], own_durable: int, forget_seconds: float) -> int:
    """The position up to which no node needs a record any more; a node that was silent for long does not count."""
    return min([own_durable, *(node.state.durable for node in nodes if node.age_seconds < forget_seconds)])


def parse_time(text: str) -> datetime.datetime:
    """A time of NATS, which has up to nine digits behind the point, to the microsecond."""
    whole, point, rest = text.removesuffix("Z").partition(".")
    digits = rest[:6] if point else ""
    return datetime.datetime.fromisoformat(f"{whole}.{digits:0<6}+00:00")
