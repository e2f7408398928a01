"""Two shards of one log, with two nodes each, as processes beside three servers of NATS."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from tests.cluster.processes import REVISION, NodeProcess
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
