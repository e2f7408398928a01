"""The lease in a key-value bucket of real servers of NATS."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Final

import pytest

from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.lease import Holder, Lease
from eventkeep.limits import CLUSTER_LEASE_SECONDS
from tests.cluster.network import CUT
from tests.cluster.servers import ServersInNetwork

WAIT_SECONDS: Final = 30.0
NAMES: Final = (f"lease-{number}" for number in itertools.count())


@pytest.fixture
def leases(servers: ServersInNetwork) -> Iterator[Callable[[], Lease]]:
    """Makes nodes ``0``, ``1``, … that want the lease of one log."""
    name = next(NAMES)
    places = itertools.count()
    with ExitStack() as opened:

        def make() -> Lease:
            place = next(places)
            node = f"{name}-node-{place}"
            log = opened.enter_context(closing(JetStreamLog.open(servers.address(name, node, place % 3), node)))
            own = Holder(node, f"http://{place}")
            lease = Lease(log.link, log.names.bucket, log.names.key_subject, own, time.monotonic)
            log.link.start(lease.keep())
            return lease

        yield make


def wait_until(condition: Callable[[], bool]) -> float:
    """Wait for a condition; returns the seconds that it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < WAIT_SECONDS
        time.sleep(0.02)
    return time.monotonic() - started


def test_one_node_gets_the_lease_and_the_others_know_it(leases: Callable[[], Lease]) -> None:
    first = leases()
    wait_until(lambda: first.is_held)
    second = leases()
    wait_until(lambda: second.leader is not None)
    assert second.leader == first.leader
    assert second.leader is not None
    assert second.leader.url == "http://0"
    assert not second.is_held


def test_a_lease_that_was_given_back_is_taken_at_once(leases: Callable[[], Lease]) -> None:
    first = leases()
    wait_until(lambda: first.is_held)
    second = leases()
    wait_until(lambda: second.leader is not None)
    first.may_take = lambda: False
    first._link.run(first.give_back())
    assert not first.is_held
    assert wait_until(lambda: second.is_held) < CLUSTER_LEASE_SECONDS


def test_a_node_that_is_cut_off_has_lost_the_lease_before_another_gets_it(
    servers: ServersInNetwork, leases: Callable[[], Lease]
) -> None:
    first = leases()
    wait_until(lambda: first.is_held)
    second = leases()
    wait_until(lambda: second.leader is not None)
    servers.network.set(CUT, first._link.node)
    try:
        wait_until(lambda: second.is_held)
        assert not first.is_held
    finally:
        servers.network.heal()
    wait_until(lambda: first.leader == second.leader)
    assert not first.is_held


def test_never_two_nodes_have_the_lease(leases: Callable[[], Lease]) -> None:
    nodes = [leases() for _ in range(3)]
    holders: list[int] = []
    until = time.monotonic() + 3.0
    while time.monotonic() < until:
        held = [place for place, lease in enumerate(nodes) if lease.is_held]
        assert len(held) <= 1
        holders += held
        time.sleep(0.01)
    assert len(set(holders)) == 1
