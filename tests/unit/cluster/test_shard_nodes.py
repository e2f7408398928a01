"""What is heard of the nodes of another shard, and the entries of the map."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from eventkeep.cluster.lease import Holder
from eventkeep.cluster.link import Fetched
from eventkeep.cluster.registry import JOINING, NodeState
from eventkeep.cluster.shard_map import AccountEntry, ShardMap, name_token
from eventkeep.cluster.shard_nodes import ShardNodes
from eventkeep.cluster.streams import stream_names
from eventkeep.limits import CLUSTER_LEASE_SECONDS, CLUSTER_SILENT_SECONDS

NAMES = stream_names("shop", 1)


class HeldLink:
    """A link on which a test sends."""

    def __init__(self) -> None:
        self.taking: dict[str, Any] = {}
        self.messages: list[Fetched] = []

    async def subscribe(self, subject: str, take: Any) -> None:
        self.taking[subject] = take

    async def fetch(self, stream: str, first: int, subject: str | None = None) -> list[Fetched]:
        assert (stream, subject) == (NAMES.map, ">")
        return [message for message in self.messages if message.sequence >= first]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def heard() -> tuple[ShardNodes, HeldLink, Clock]:
    link, clock = HeldLink(), Clock()
    nodes = ShardNodes(link, NAMES, clock)  # type: ignore[arg-type]
    asyncio.run(nodes.listen())
    return nodes, link, clock


def leader_of(nodes: ShardNodes) -> Holder | None:
    return nodes.leader


def test_a_leader_that_does_not_renew_its_lease_leads_no_more() -> None:
    nodes, link, clock = heard()
    assert leader_of(nodes) is None
    renew = link.taking[f"{NAMES.key_subject}.leader"]
    renew(msgspec.json.encode(Holder("db1", "http://db1", "run")))
    assert leader_of(nodes) == Holder("db1", "http://db1", "run")
    clock.now += CLUSTER_LEASE_SECONDS
    assert leader_of(nodes) is None
    renew(msgspec.json.encode(Holder("", not_again="db1")))
    assert leader_of(nodes) is None


def test_nodes_that_are_silent_or_do_not_serve_are_not_read() -> None:
    nodes, link, clock = heard()
    tell = link.taking[f"{NAMES.key_subject}.nodes.*"]
    for node, role in (("db1", "leading"), ("db2", "following"), ("db3", JOINING), ("db4", "failed")):
        tell(msgspec.json.encode(NodeState(node, f"http://{node}", role, 7, 7)))
    tell(b"no state")
    assert [state.node for state in nodes.readers()] == ["db1", "db2"]
    nodes.avoid("db1", 1.0)
    assert [state.node for state in nodes.readers()] == ["db2"]
    clock.now += 2.0
    assert [state.node for state in nodes.readers()] == ["db1", "db2"]
    clock.now += CLUSTER_SILENT_SECONDS
    assert nodes.readers() == []


def test_the_newest_move_of_an_account_counts() -> None:
    link = HeldLink()
    shards: list[int] = []
    found = ShardMap(link, NAMES)  # type: ignore[arg-type]
    found.on_shard = shards.append
    contents = [
        ("accounts.7", AccountEntry(0, 0, "shop")),
        ("accounts.7", AccountEntry(2, 1, "shop")),
        ("accounts.7", AccountEntry(1, 0, "shop")),
        ("accounts.seven", AccountEntry(1, 0, "shop")),
        ("keys.abc", 7),
        (f"names.{name_token('shop')}", [7, 0, "shop"]),
        ("shards.1", 1),
        ("shards.1", 1),
        ("later.1", 1),
    ]
    link.messages = [
        Fetched(number, msgspec.json.encode(content), f"{NAMES.map_subject}.{token}")
        for number, (token, content) in enumerate(contents, 1)
    ]
    assert asyncio.run(found.read())
    assert not asyncio.run(found.read())
    assert found.accounts == {7: AccountEntry(2, 1, "shop")}
    assert found.keys == {"abc": 7}
    entry = found.account_named("shop")
    assert entry is not None
    assert entry.number == 7
    assert found.account_named("outlet") is None
    assert shards == [1]
