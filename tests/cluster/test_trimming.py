"""The log of a cluster is trimmed behind the slowest node, within the bounds of the settings."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.registry import NodeState
from eventkeep.directory import Directory
from eventkeep.directory.changes import Change
from eventkeep.log.record import Record, encode
from eventkeep.log.transport import Outcome
from eventkeep.server.node_settings import NodeSettings
from eventkeep.server.services import Services
from tests.cluster.servers import ServersInNetwork

BYTES_MAX = 8_000
SLOW_AT = 3
WAIT_SECONDS = 30.0


def stream_bytes(log: JetStreamLog) -> int:
    return log.link.run(log._size())[1]


def test_large_records_are_trimmed_to_a_size(servers: ServersInNetwork) -> None:
    """Also their parts, which are in a stream of their own."""
    bytes_max = 25_000_000
    with closing(JetStreamLog.open(servers.address("trim-large", "trim-large"), "trim-large")) as log:
        for number in range(4):
            size = 9_000_000 if number else 1_000
            record = Record(log.last + 1, 0, os.urandom(size))
            assert log.append(encode(record, log.identity, log.last_checksum)).outcome is Outcome.KEPT
        assert stream_bytes(log) > bytes_max
        assert log.trim_to_size(10**9, log.last) == 1
        # Nobody has the records durably.
        assert log.trim_to_size(bytes_max, 0) == 1
        assert log.trim_to_size(bytes_max, log.last) == 3
        assert stream_bytes(log) <= bytes_max
        # The newest record stays.
        assert log.trim_to_size(0, log.last) == log.last == 4


def change_accounts(services: Services, count: int) -> None:
    for number in range(count):

        def make(directory: Directory, number: int = number) -> tuple[Sequence[Change], None]:
            return [directory.accounts.new(f"account {number} of {directory.position}")[1]], None

        services.committer.change(make)


def test_the_slowest_node_holds_records_back_up_to_the_bound(servers: ServersInNetwork, tmp_path: Path) -> None:
    settings = NodeSettings(servers.address("trim", "trim"), "leader", "http://127.0.0.1:1", "secret-of-the-nodes")
    with closing(Services(tmp_path / "data", node=settings)) as services:
        node = services.node
        assert node is not None
        deadline = time.monotonic() + WAIT_SECONDS
        while not node.member.is_leading:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        slow = NodeState("slow", "http://127.0.0.1:2", "following", SLOW_AT + 2, SLOW_AT)
        node.log.link.run(node.registry.tell(slow))
        change_accounts(services, 60)
        services.events.flush()
        services.trim()
        assert node.log.first == SLOW_AT + 1
        assert stream_bytes(node.log) > BYTES_MAX
        node.settings = msgspec.structs.replace(settings, follower_bytes=BYTES_MAX)
        services.trim()
        assert node.log.first > SLOW_AT + 1
        assert stream_bytes(node.log) <= BYTES_MAX
        # It is not known any more: nothing but the newest record stays.
        assert node.log.link.run(node.registry.forget("slow"))
        services.events.flush()
        services.trim()
        assert node.log.first == node.log.last
