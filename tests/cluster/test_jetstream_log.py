"""The replicated transport over real servers of NATS."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Final

import pytest

from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.errors import LogError, LogTrimmed, LogUnreachable
from eventkeep.log.record import Record, decode, encode
from eventkeep.log.transport import KEPT, AppendResult, Outcome
from tests.cluster.network import GOOD, Condition
from tests.cluster.servers import ServersInNetwork

WAIT_SECONDS: Final = 30.0
NAMES: Final = (f"log-{number}" for number in itertools.count())
Open = Callable[..., JetStreamLog]


@pytest.fixture
def opened(servers: ServersInNetwork) -> Iterator[Open]:
    """Opens one log from several nodes, each at another server."""
    name = next(NAMES)
    places = itertools.count()
    with ExitStack() as logs:

        def open_log() -> JetStreamLog:
            place = next(places)
            node = f"{name}-node-{place}"
            address = servers.address(name, node, place % servers.local.count)
            return logs.enter_context(closing(JetStreamLog.open(address, node)))

        yield open_log


def append(log: JetStreamLog, changes: bytes, epoch: int = 1) -> AppendResult:
    """Append a record behind the newest one that ``log`` knows."""
    return log.append(encode(Record(log.last + 1, 0, changes, epoch=epoch), log.identity, log.last_checksum))


def poll_to(log: JetStreamLog, position: int) -> list[bytes]:
    """Read until ``position``; returns the changes of the records."""
    changes: list[bytes] = []
    deadline = time.monotonic() + WAIT_SECONDS
    while log.last < position and time.monotonic() < deadline:
        changes += [decode(content, "").changes for content in log.poll(0.2)]
    assert log.last >= position
    return changes


def changes_of(log: JetStreamLog, start: int = 1) -> list[bytes]:
    return [decode(content, "").changes for content in log.read(start)]


def test_what_one_node_appends_the_others_read(opened: Open) -> None:
    leader, follower = opened(), opened()
    assert (leader.last, leader.last_checksum, follower.identity) == (0, 0, leader.identity)
    written = [b"%d" % number for number in range(20)]
    assert [append(leader, changes) for changes in written] == [KEPT] * 20
    assert poll_to(follower, 20) == written
    assert follower.last_checksum == leader.last_checksum
    late = opened()
    assert (late.last, late.last_checksum, late.epoch) == (20, leader.last_checksum, 1)
    assert changes_of(late) == written
    assert changes_of(late, 15) == written[14:]


def test_reading_ends_with_the_newest_record_known_at_its_beginning(opened: Open) -> None:
    leader, other = opened(), opened()
    append(leader, b"a")
    poll_to(other, 1)
    append(leader, b"b")
    assert changes_of(other) == [b"a"]


def test_only_one_of_two_appends_at_a_position_is_kept(opened: Open) -> None:
    one, two = opened(), opened()
    assert append(one, b"one").outcome is Outcome.KEPT
    refused = append(two, b"two", epoch=9)
    assert refused.outcome is Outcome.CONFLICT
    assert "leader 1" in refused.reason
    assert poll_to(two, 1) == [b"one"]
    assert append(two, b"two").outcome is Outcome.KEPT
    assert changes_of(two) == [b"one", b"two"]


def test_a_record_that_does_not_follow_is_not_sent(opened: Open) -> None:
    log = opened()
    stale = encode(Record(5, 0, b"x"), log.identity, 0)
    assert log.append(stale).outcome is Outcome.CONFLICT


def test_nothing_is_sent_without_the_lease(opened: Open) -> None:
    log = opened()
    log.may_append = lambda: False
    assert append(log, b"x").outcome is Outcome.REFUSED
    assert log.status().state.last_seq == 0


def test_a_record_larger_than_a_message_is_kept_in_parts(opened: Open) -> None:
    leader, follower = opened(), opened()
    large = os.urandom(20_000_000)
    assert append(leader, large).outcome is Outcome.KEPT
    assert append(leader, b"small").outcome is Outcome.KEPT
    assert poll_to(follower, 2) == [large, b"small"]
    assert leader.status().state.last_seq == 2
    assert changes_of(opened()) == [large, b"small"]
    leader.trim(1)
    assert changes_of(leader, 2) == [b"small"]


def test_trimmed_records_are_gone_and_the_newest_stays(opened: Open) -> None:
    leader, follower = opened(), opened()
    for number in range(10):
        append(leader, b"%d" % number)
    leader.trim(4)
    assert leader.first == 5
    assert changes_of(leader, 5) == [b"%d" % number for number in range(4, 10)]
    with pytest.raises(LogTrimmed, match="begins with record 5"):
        follower.poll(0.1)
    leader.trim(100)
    assert (leader.first, leader.last) == (10, 10)
    assert append(leader, b"next").outcome is Outcome.KEPT


def test_an_append_whose_acknowledgement_gets_lost_is_kept_once(servers: ServersInNetwork, opened: Open) -> None:
    log, other = opened(), opened()
    append(log, b"first")
    results: list[AppendResult] = []
    # The server still hears the node, and the node hears nothing.
    servers.network.set(Condition(forward=True, backward=False), log.link.node, between=("server-0",))
    try:
        thread = threading.Thread(target=lambda: results.append(append(log, b"second")))
        thread.start()
        assert poll_to(other, 2) == [b"first", b"second"]
        thread.join(WAIT_SECONDS)
    finally:
        servers.network.heal()
    assert results == [KEPT]
    assert append(log, b"third").outcome is Outcome.KEPT
    assert changes_of(other) + poll_to(other, 3) == [b"first", b"second", b"third"]


def test_a_node_without_any_server_says_that_it_does_not_know(
    servers: ServersInNetwork, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventkeep.cluster.jetstream_log.CLUSTER_APPEND_SECONDS_MAX", 2.0)
    log, other = opened(), opened()
    append(log, b"first")
    servers.network.set(Condition(forward=True, backward=False), log.link.node)
    try:
        assert append(log, b"second").outcome is Outcome.UNKNOWN
        with pytest.raises(LogUnreachable):
            log.poll(0.1)
    finally:
        servers.network.heal()
    # It was kept, and reading the log tells.
    assert poll_to(other, 2) == [b"first", b"second"]
    assert poll_to(log, 2) == [b"second"]
    assert append(log, b"third").outcome is Outcome.KEPT


def test_appends_go_on_when_the_leader_of_the_stream_is_killed(servers: ServersInNetwork, opened: Open) -> None:
    log, follower = opened(), opened()
    written = [b"before", b"without", b"after"]
    append(log, written[0])
    place = int(log.status().cluster.leader.removeprefix("nats-")) - 1
    servers.local.kill(place)
    try:
        assert append(log, written[1]).outcome is Outcome.KEPT
    finally:
        servers.local.start(place)
        servers.local.wait_ready(place)
    assert append(log, written[2]).outcome is Outcome.KEPT
    assert poll_to(follower, 3) == written
    assert changes_of(log) == written


def test_a_stream_that_was_made_anew_is_refused(opened: Open) -> None:
    log = opened()
    append(log, b"x")
    log.link.run(log.link.api(f"STREAM.DELETE.{log.names.log}"))
    with pytest.raises(LogError, match="was removed"):
        log.poll(0.1)
    opened()
    with pytest.raises(LogError, match="is that of another log"):
        log.poll(0.1)


def test_a_slow_network_only_takes_longer(servers: ServersInNetwork, opened: Open) -> None:
    log, follower = opened(), opened()
    servers.network.set(Condition(delay_seconds=0.2), log.link.node)
    try:
        assert append(log, os.urandom(3_000_000)).outcome is Outcome.KEPT
    finally:
        servers.network.set(GOOD, log.link.node)
    poll_to(follower, 1)
