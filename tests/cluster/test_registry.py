"""The states that nodes report, over real servers of NATS."""

from __future__ import annotations

from contextlib import closing

from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.cluster.registry import NodeState, Registry
from tests.cluster.servers import ServersInNetwork


def test_nodes_are_known_until_they_leave(servers: ServersInNetwork) -> None:
    with closing(JetStreamLog.open(servers.address("registry", "registry-node"), "registry-node")) as log:
        registry = Registry(log.link, log.names.bucket, log.names.key_subject)
        one, two = NodeState("one", "http://1", "leading", 9, 5), NodeState("two", "http://2", "following", 8, 4)
        for state in (one, two, NodeState("one", "http://1", "leading", 10, 6)):
            log.link.run(registry.tell(state))
        seen = log.link.run(registry.nodes())
        assert [(node.state.node, node.state.position) for node in seen] == [("one", 10), ("two", 8)]
        assert all(node.age_seconds < 10 for node in seen)
        assert log.link.run(registry.forget("one"))
        assert not log.link.run(registry.forget("one"))
        assert [node.state for node in log.link.run(registry.nodes())] == [two]
