"""Two shards of one log, with two nodes each, as processes beside three servers of NATS."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from tests.cluster.clients import Client
from tests.cluster.processes import REVISION, SECRET, NodeProcess, text_of
from tests.cluster.servers import ServersInNetwork

SHARDS: Final = (0, 1)
NODES: Final = 2
WAIT_SECONDS: Final = 60.0


class Shards:
    """Nodes that run while the block lasts. ``nodes`` are those of each shard."""

    def __init__(self, servers: ServersInNetwork, folder: Path, log: str) -> None:
        self.servers, self.log = servers, log
        self.nodes = {
            shard: [NodeProcess(servers, log, place, folder, (), shard) for place in range(NODES)] for shard in SHARDS
        }

    def __enter__(self) -> Self:
        try:
            with ThreadPoolExecutor(len(self.all)) as pool:
                list(pool.map(NodeProcess.start, self.all))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for node in self.all:
            with contextlib.suppress(ProcessLookupError):
                node.end()

    @property
    def all(self) -> list[NodeProcess]:
        return [node for nodes in self.nodes.values() for node in nodes]

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.all]

    def leader(self, shard: int) -> NodeProcess:
        """The node that leads a shard."""
        wait_until(lambda: any(node.is_leading for node in self.nodes[shard]))
        return next((node for node in self.nodes[shard] if node.is_leading), self.nodes[shard][0])

    def ensure(self) -> None:
        """Start the nodes that do not run, at the same time."""
        with ThreadPoolExecutor(len(self.all)) as pool:
            list(pool.map(NodeProcess.ensure, self.all))

    def move(self, name: str, *options: str) -> subprocess.Popen[str]:
        """Begin ``eventkeep cluster move``."""
        address = text_of(self.servers.address(self.log, "move"))
        command = [sys.executable, "-m", "eventkeep", "cluster", "move", name, *options]
        return subprocess.Popen(
            [*command, "--log", address, "--node-secret", SECRET],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def check(self, key: str, clients: Sequence[Client], beside: Set[str] = frozenset()) -> int:
        """Every acknowledged event is read at every node, once, and all nodes respond alike; returns how many.

        ``beside`` are the unique ids of other acknowledged events. The clients pause meanwhile.
        """
        for client in clients:
            client.pause()
        try:
            position = max(client.position for client in clients)
            found = [node.events(key, position) for node in self.all]
            events, text = found[0]
            assert all(other == text for _, other in found[1:]), "nodes respond differently"
            ids = [event["attributes"]["event_properties"]["$event_id"] for event in events]
            assert len(set(ids)) == len(ids), "an event is stored twice"
            acknowledged = beside | {id for client in clients for id in client.acknowledged}
            missing = acknowledged - set(ids)
            assert not missing, f"acknowledged events were lost: {sorted(missing)[:5]}"
            assert set(ids) <= beside | {id for client in clients for id in client.sent}, "events that nobody sent"
            for client in clients:
                if client.failure is not None:
                    raise client.failure
            return len(ids)
        finally:
            for client in clients:
                client.resume()

    def account(self, shard: int, name: str) -> str:
        """A key of a new account in a shard, once every node lets it in."""
        key = self.nodes[shard][0].make_account(name)
        for node in self.all:
            wait_until(lambda node=node: read(node, key).status_code == httpx.codes.OK)  # type: ignore[misc]
        return key


def headers(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Klaviyo-API-Key {key}", "revision": REVISION, **more}


def read(node: NodeProcess, key: str, **more: str) -> httpx.Response:
    """The newest events of an account."""
    query = {"sort": "-datetime", "page[size]": "200"}
    return httpx.get(f"{node.url}/api/events/", params=query, headers=headers(key, **more), timeout=30)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once it is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"it was not so for {WAIT_SECONDS} seconds"
        time.sleep(0.1)


@contextlib.contextmanager
def clients(shards: Shards, key: str, count: int = 3) -> Iterator[list[Client]]:
    """Clients that write and read an account through all nodes while the block lasts."""
    made = [Client(f"client-{number}", key, shards.urls, number) for number in range(count)]
    for client in made:
        client.start()
    try:
        wait_for_writes(made)
        yield made
    finally:
        for client in made:
            client.stop()


def wait_for_writes(clients: Sequence[Client], count: int = 5) -> None:
    """Wait until each client got more events acknowledged."""
    wanted = [len(client.acknowledged) + count for client in clients]

    def is_so() -> bool:
        for client in clients:
            if client.failure is not None:
                raise client.failure
        return all(len(client.acknowledged) >= least for client, least in zip(clients, wanted, strict=True))

    wait_until(is_so)
