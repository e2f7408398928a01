"""Nodes that follow the log and lead it, over real servers of NATS; the records that they apply are only remembered."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from eventkeep.clock import SystemClock
from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.lease import Holder, Lease
from eventkeep.cluster.member import Member, Role
from eventkeep.errors import LogError
from eventkeep.log.record import Record, decode, encode
from eventkeep.log.transport import Outcome
from tests.cluster.network import CUT, Condition
from tests.cluster.servers import ServersInNetwork

WAIT_SECONDS: Final = 30.0
NAMES: Final = (f"member-{number}" for number in itertools.count())


class Node:
    """A member with the changes that it has applied."""

    def __init__(self, servers: ServersInNetwork, log: str, place: int) -> None:
        self.name = f"{log}-node-{place}"
        self.applied: list[bytes] = []
        self.log = JetStreamLog.open(servers.address(log, self.name, place), self.name)
        lease = Lease(
            self.log.link, self.log.names.bucket, self.log.names.key_subject, Holder(self.name), time.monotonic
        )
        self.apply(list(self.log.read(1)))
        self.member = Member(self.log, lease, self.apply, SystemClock())
        self.member.start()

    def apply(self, contents: list[bytes]) -> None:
        self.applied += [changes for content in contents if (changes := decode(content, "").changes)]

    def write(self, changes: bytes) -> Outcome | None:
        """Append as the leader; None if this node does not lead."""
        try:
            if self.member.begin() is not None:
                return None
            log = self.log
            record = Record(log.last + 1, 0, changes, epoch=log.epoch)
            encoded = encode(record, log.identity, log.last_checksum)
            result = log.append(encoded)
            if result.outcome is Outcome.KEPT:
                self.apply([encoded.content])
            else:
                self.member.append_failed(result)
            return result.outcome
        finally:
            self.member.end()

    def stop(self) -> None:
        self.member.stop()
        self.log.close()


class Nodes:
    """Three nodes of one log, and the acknowledged records."""

    def __init__(self, servers: ServersInNetwork, log: str) -> None:
        self.servers, self.log = servers, log
        self.nodes = [Node(servers, log, place) for place in range(3)]
        self.kept: list[bytes] = []
        self._numbers = itertools.count()

    def leader(self) -> Node:
        """Wait for a leader."""
        wait_until(lambda: any(node.member.is_leading for node in self.nodes))
        return next(node for node in self.nodes if node.member.role is Role.LEADING)

    def write(self) -> bool:
        """Write through the node that leads; returns whether it was acknowledged."""
        changes = b"%d" % next(self._numbers)
        for node in self.nodes:
            if (outcome := node.write(changes)) is Outcome.KEPT:
                self.kept.append(changes)
                return True
            if outcome is not None:
                return False
        return False

    def seconds_without_writes(self) -> float:
        """Write until it works again."""
        return wait_until(self.write)

    def check(self) -> None:
        """Everything acknowledged was applied once and in order, by all nodes alike."""
        self.seconds_without_writes()
        # A node's log is at a position a moment before the record there is applied.
        end = self.leader().log.last
        applied = len(self.leader().applied)
        wait_until(lambda: all(node.log.last >= end and len(node.applied) >= applied for node in self.nodes))
        first, *others = [list(node.applied) for node in self.nodes]
        assert all(other == first for other in others)
        assert len(set(first)) == len(first)
        in_order = iter(first)
        assert all(changes in in_order for changes in self.kept)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


@pytest.fixture
def nodes(servers: ServersInNetwork) -> Iterator[Nodes]:
    with ExitStack() as opened:
        made = Nodes(servers, next(NAMES))
        opened.callback(made.stop)
        opened.callback(servers.network.heal)
        yield made


def wait_until(condition: Callable[[], bool]) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < WAIT_SECONDS
        time.sleep(0.01)
    return time.monotonic() - started


def test_one_leads_and_all_apply_the_same(nodes: Nodes) -> None:
    nodes.seconds_without_writes()
    assert [nodes.write() for _ in range(20)] == [True] * 20
    nodes.check()
    assert sorted(node.member.role.value for node in nodes.nodes) == ["following", "following", "leading"]
    assert {node.log.epoch for node in nodes.nodes} == {1}


def test_a_node_that_does_not_lead_refuses_writes(nodes: Nodes) -> None:
    leader = nodes.leader()
    (follower, _) = [node for node in nodes.nodes if node is not leader]
    assert follower.write(b"x") is None


def test_another_node_leads_when_the_leader_stops(nodes: Nodes) -> None:
    nodes.seconds_without_writes()
    leader = nodes.leader()
    leader.member.stop()
    nodes.seconds_without_writes()
    assert nodes.leader() is not leader
    wait_until(lambda: {node.log.epoch for node in nodes.nodes if node is not leader} == {2})


def test_another_node_leads_when_the_leader_is_cut_off(servers: ServersInNetwork, nodes: Nodes) -> None:
    nodes.seconds_without_writes()
    leader = nodes.leader()
    servers.network.set(CUT, leader.name)
    assert leader.write(b"lost?") in (None, Outcome.REFUSED, Outcome.UNKNOWN)
    nodes.seconds_without_writes()
    assert nodes.leader() is not leader
    assert leader.write(b"late") is None
    servers.network.heal()
    nodes.check()
    assert leader.member.role is Role.FOLLOWING


def test_a_record_whose_fate_was_unknown_is_applied_by_all_or_none(servers: ServersInNetwork, nodes: Nodes) -> None:
    nodes.seconds_without_writes()
    leader = nodes.leader()
    # The servers hear the leader, and it hears nothing.
    servers.network.set(Condition(forward=True, backward=False), leader.name)
    outcome = leader.write(b"unknown")
    servers.network.heal()
    assert outcome in (Outcome.UNKNOWN, Outcome.KEPT)
    nodes.check()
    counts = {node.applied.count(b"unknown") for node in nodes.nodes}
    assert counts == {1} or (outcome is Outcome.UNKNOWN and counts == {0})


def test_a_deposed_leader_cannot_append(nodes: Nodes) -> None:
    """Also if it believes that it still has the lease: the expected sequence decides."""
    nodes.seconds_without_writes()
    old = nodes.leader()
    stale = encode(Record(old.log.last + 1, 0, b"stale", epoch=1), old.log.identity, old.log.last_checksum)
    (other, _) = [node for node in nodes.nodes if node is not old]
    with other.member._turn:
        other.log.may_append = lambda: True
        record = Record(other.log.last + 1, 0, epoch=2)
        assert other.log.append(encode(record, other.log.identity, other.log.last_checksum)).outcome is Outcome.KEPT
        old.log.may_append = lambda: True
        assert old.log.append(stale).outcome is Outcome.CONFLICT
    assert b"stale" not in nodes.nodes[0].applied


def test_damage_stops_a_node_for_good(nodes: Nodes) -> None:
    nodes.seconds_without_writes()
    leader = nodes.leader()
    (follower, _) = [node for node in nodes.nodes if node is not leader]
    with follower.member._turn:
        follower.log._chain.checksum = 1
    nodes.write()
    wait_until(lambda: follower.member.role is Role.FAILED)
    assert isinstance(follower.member.failure, LogError)
    assert "does not follow" in str(follower.member.failure)
    assert not follower.member.lease.may_take()
