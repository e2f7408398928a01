"""A cluster as it stands: a shard of its log, the servers of NATS that hold it, its nodes, and all shards."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Final

import msgspec

from eventkeep.cluster.address import LogAddress
from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.lease import Holder, Lease
from eventkeep.cluster.link import Link
from eventkeep.cluster.registry import Registry
from eventkeep.cluster.shard_map import read_map
from eventkeep.cluster.streams import Replica, StreamNames, stream_info, stream_names
from eventkeep.limits import CLUSTER_LEASE_SECONDS, CLUSTER_SILENT_SECONDS, CLUSTER_START_SECONDS_MAX

COMMAND: Final = "eventkeep-cluster"
ACCOUNTS_SHOWN_MAX: Final = 20
"""Names of accounts of a shard that are shown."""


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


class ShardRow(msgspec.Struct, frozen=True):
    """A shard. ``names`` are those of its first accounts, at most ACCOUNTS_SHOWN_MAX of them."""

    shard: int
    leader: str | None
    nodes: int
    last: int
    accounts: int
    keys: int
    names: list[str]


class Overview(msgspec.Struct, frozen=True):
    """A shard of a log, and a row for each shard. ``nodes`` of a row are those that were heard of lately.

    ``first`` and ``last`` are positions; ``bytes`` is the size of the records on each server.
    """

    log: str
    shard: int
    identity: str
    first: int
    last: int
    bytes: int
    stream_leader: str
    replicas: list[Replica]
    leader: str | None
    nodes: list[NodeRow]
    shards: list[ShardRow]


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
            address.shard,
            f"{log.identity:016x}",
            info.state.first_seq,
            last,
            info.state.bytes,
            info.cluster.leader,
            list(info.cluster.replicas),
            holder.node or None,
            rows,
            shard_rows(log, address.name),
        )


def shard_rows(log: JetStreamLog, name: str) -> list[ShardRow]:
    """All shards of the log ``name``, by number. Raises LogError."""
    link, found = log.link, read_map(log.link, log.names, CLUSTER_START_SECONDS_MAX)
    rows: list[ShardRow] = []
    for shard in sorted(found.shards):
        names = stream_names(name, shard)
        own = {number: entry for number, entry in sorted(found.accounts.items()) if entry.shard == shard}
        nodes = link.run(Registry(link, names.bucket, names.key_subject).nodes())
        info = link.run(stream_info(link, names.log))
        rows.append(
            ShardRow(
                shard=shard,
                leader=link.run(lease_in(link, names).holder()).node or None,
                nodes=sum(each.age_seconds < CLUSTER_SILENT_SECONDS for each in nodes),
                last=0 if info is None else info.state.last_seq,
                accounts=len(own),
                keys=sum(account in own for account in found.keys.values()),
                names=[entry.name for entry in own.values()][:ACCOUNTS_SHOWN_MAX],
            )
        )
    return rows


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
    return lease_in(log.link, log.names)


def lease_in(link: Link, names: StreamNames) -> Lease:
    """The lease of a shard, for a command that never takes it."""
    return Lease(link, names.bucket, names.key_subject, Holder(COMMAND), time.monotonic)
