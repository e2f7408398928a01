"""A cluster as it stands: its log, the servers of NATS that hold it, the node that leads, and the others."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Final

import msgspec

from eventkeep.cluster.address import LogAddress
from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.lease import Holder, Lease
from eventkeep.cluster.registry import Registry
from eventkeep.cluster.streams import Replica
from eventkeep.limits import CLUSTER_LEASE_SECONDS

COMMAND: Final = "eventkeep-cluster"


class NodeRow(msgspec.Struct, frozen=True):
    """A node as it told of itself ``age_seconds`` ago; ``lag`` is in records, and ``note`` is for people."""

    node: str
    url: str
    role: str
    position: int
    lag: int
    age_seconds: float
    version: str
    note: str = ""


class Overview(msgspec.Struct, frozen=True):
    """A cluster. ``first`` and ``last`` are positions; ``bytes`` is the size of the records on each server."""

    log: str
    identity: str
    first: int
    last: int
    bytes: int
    stream_leader: str
    replicas: list[Replica]
    leader: str | None
    nodes: list[NodeRow]


def overview(address: LogAddress) -> Overview:
    """Look at a cluster. Raises ConfigurationError, LogError."""
    with closing(JetStreamLog.open(address, COMMAND)) as log:
        names, link = log.names, log.link
        info = log.status()
        seen = link.run(Registry(link, names.bucket, names.key_subject).nodes())
        lease = lease_of_command(log)
        holder = link.run(lease.holder())
        last = info.state.last_seq
        rows = [
            NodeRow(
                node=state.node,
                url=state.url,
                role=state.role,
                position=state.position,
                lag=max(last - state.position, 0),
                age_seconds=age,
                version=state.version,
                note=state.note,
            )
            for state, age in ((node.state, node.age_seconds) for node in seen)
        ]
        return Overview(
            address.name,
            f"{log.identity:016x}",
            info.state.first_seq,
            last,
            info.state.bytes,
            info.cluster.leader,
            list(info.cluster.replicas),
            holder.node or None,
            rows,
        )


def fail_over(address: LogAddress) -> tuple[str | None, str | None]:
    """Have another node lead; returns the one that led and the one that leads now, None if there is none.

    Raises ConfigurationError, LogError.
    """
    with closing(JetStreamLog.open(address, COMMAND)) as log:
        lease = lease_of_command(log)
        before = log.link.run(lease.take_away())
        deadline = time.monotonic() + 2 * CLUSTER_LEASE_SECONDS
        while time.monotonic() < deadline:
            if after := log.link.run(lease.holder()).node:
                return before, after
            time.sleep(0.1)
        return before, None


def leave(address: LogAddress, node: str) -> bool:
    """Forget a node, so that no record is kept for it; returns whether it was known. Raises ConfigurationError."""
    with closing(JetStreamLog.open(address, COMMAND)) as log:
        return log.link.run(Registry(log.link, log.names.bucket, log.names.key_subject).forget(node))


def lease_of_command(log: JetStreamLog) -> Lease:
    """The lease, for a command that never takes it."""
    return Lease(log.link, log.names.bucket, log.names.key_subject, Holder(COMMAND), time.monotonic)
