"""Three nodes as processes beside three servers of NATS, and clients whose acknowledged events are remembered."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from eventkeep.cluster.address import LogAddress
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.testing import ServerProcess
from tests.cluster.clients import Client
from tests.cluster.servers import ServersInNetwork

NODES: Final = 3
SECRET: Final = "only the nodes know it".replace(" ", "-")
REVISION: Final = "2026-01-15"
WAIT_SECONDS: Final = 90.0
READ_SECONDS: Final = 30.0
LIMIT: Final = 4
"""Calls in a minute of the two operations that have a rate limit in these nodes."""
LIMITED: Final = ("create_profile", "get_metrics")


def text_of(address: LogAddress) -> str:
    """The address as a command takes it."""
    hosts = ",".join(f"{server.host}:{server.port}" for server in address.servers)
    shard = f"&shard={address.shard}" if address.shard else ""
    monitors = ",".join(str(server.monitor_port) for server in address.servers)
    return f"nats://{hosts}/{address.name}?monitor={monitors}{shard}"


class NodeProcess(ServerProcess):
    """One node, which can be killed and started again."""

    def __init__(
        self, servers: ServersInNetwork, log: str, place: int, folder: Path, options: Sequence[str], shard: int = 0
    ) -> None:
        self.name = f"{log}-shard-{shard}-node-{place}" if shard else f"{log}-node-{place}"
        self.headers: dict[str, str] = {}
        address = text_of(msgspec.structs.replace(servers.address(log, self.name, place), shard=shard))
        cluster = ("--log", address, "--node", self.name, "--node-secret", SECRET)
        limits = folder / "limits.toml"
        if not limits.exists():
            lines = [f'{name} = "{f"{LIMIT}/s {LIMIT}/m" if name in LIMITED else "off"}"' for name in OPERATIONS]
            limits.write_text("\n".join(["[rate_limits]", *lines]), encoding="utf-8")
        settings = ("--config", str(limits))
        super().__init__(folder / self.name, rate_limits=None, options=(*cluster, *settings, *options))

    def ensure(self) -> None:
        """Start the process if it does not run."""
        if not self.is_running():
            self.start()

    def end(self) -> None:
        """Kill it if it runs."""
        if self.is_running():
            self.kill()

    @property
    def is_leading(self) -> bool:
        """Whether it believes that it leads; False if it does not respond."""
        with contextlib.suppress(httpx.TransportError):
            response = httpx.get(f"{self.url}/healthz", timeout=1.0)
            return "eventkeep-position" in response.headers and "eventkeep-staleness" not in response.headers
        return False

    def position(self) -> int:
        """The position that it has applied."""
        return int(httpx.get(f"{self.url}/healthz", timeout=5.0).headers["eventkeep-position"])

    def events(self, key: str, position: int) -> tuple[list[dict[str, Any]], str]:
        """All events at a position or later, and the text of all pages without the node's own URL."""
        headers = {
            "Authorization": f"Klaviyo-API-Key {key}",
            "revision": REVISION,
            "eventkeep-position": str(position),
        }
        found: list[dict[str, Any]] = []
        texts: list[str] = []
        url: str | None = f"{self.url}/api/events/?page[size]=1000&sort=datetime&include=profile,metric"
        while url is not None:
            response = self._page(url, headers)
            texts.append(response.text.replace(self.url, ""))
            document = response.json()
            found += document["data"]
            url = document["links"]["next"]
        return found, "\n".join(texts)

    def _page(self, url: str, headers: dict[str, str]) -> httpx.Response:
        """A page, also from a node that joins anew at this moment. Raises httpx.HTTPError if that takes too long."""
        deadline = time.monotonic() + READ_SECONDS
        while True:
            try:
                return httpx.get(url, headers=headers, timeout=READ_SECONDS).raise_for_status()
            except httpx.HTTPError as exc:
                is_refused = isinstance(exc, httpx.HTTPStatusError) and exc.response.status_code != 503
                if is_refused or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


class Processes:
    """Nodes, servers and clients that run while the block lasts."""

    def __init__(self, folder: Path, log: str = "rounds", clients: int = 2, options: Sequence[str] = ()) -> None:
        self.folder, self.log, self._count, self._options = folder, log, clients, options
        self.servers = ServersInNetwork(folder)
        self.nodes: list[NodeProcess] = []
        self.clients: list[Client] = []
        self.sent_beside: set[str] = set()
        """Unique ids of events that somebody else sent."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            opened.enter_context(self.servers)
            opened.callback(self._stop)
            self.nodes = [
                NodeProcess(self.servers, self.log, place, self.folder, self._options) for place in range(NODES)
            ]
            self._ensure_nodes()
            self.key = self.nodes[0].make_key()
            urls = [node.url for node in self.nodes]
            self.clients = [Client(f"client-{number}", self.key, urls, number) for number in range(self._count)]
            for client in self.clients:
                client.start()
            self.wait_for_writes()
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def _stop(self) -> None:
        for client in self.clients:
            client.stop()
        for node in self.nodes:
            with contextlib.suppress(ProcessLookupError):
                node.end()

    @property
    def kept(self) -> int:
        """How many events were acknowledged."""
        return sum(len(client.acknowledged) for client in self.clients)

    def leader(self) -> int:
        """The place of the node that leads, 0 if none does."""
        return next((place for place, node in enumerate(self.nodes) if node.is_leading), 0)

    def wait_for_writes(self, count: int = 3) -> None:
        """Wait until each client got more events acknowledged."""
        wanted = [len(client.acknowledged) + count for client in self.clients]
        deadline = time.monotonic() + WAIT_SECONDS
        while any(len(client.acknowledged) < least for client, least in zip(self.clients, wanted, strict=True)):
            self.raise_failures()
            assert time.monotonic() < deadline, f"no event was acknowledged for {WAIT_SECONDS} seconds"
            time.sleep(0.02)

    def raise_failures(self) -> None:
        """Raise the fault that a client has found in its reads, and the error that has ended a node."""
        for client in self.clients:
            if client.failure is not None:
                raise client.failure
        for node in self.nodes:
            found = re.findall(r"this node can't follow the log any more.*", node.log_text())
            assert not found, f"{node.name}: {found[-1]}"

    def longest_gap(self, since: float) -> float:
        """The longest time without an acknowledged event, in seconds."""
        times = sorted(at for client in self.clients for at in list(client.acknowledged_at) if at > since)
        return max((after - before for before, after in zip([since, *times], times, strict=False)), default=0.0)

    def repair(self) -> None:
        """Have everything run again."""
        self.servers.network.heal()
        local = self.servers.local
        for place in range(local.count):
            local.signal(place, signal.SIGCONT)
            if local.pid(place) is None:
                local.start(place)
        for place in range(local.count):
            local.wait_ready(place)
        for node in self.nodes:
            if node.is_running():
                node.resume()
        self._ensure_nodes()

    def _ensure_nodes(self) -> None:
        """Start all nodes that do not run, at the same time."""
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(NodeProcess.ensure, self.nodes))

    def check(self) -> int:
        """Every acknowledged event is at every node, once, and all nodes respond alike; returns how many there are.

        The clients pause meanwhile.
        """
        for client in self.clients:
            client.pause()
        try:
            position = max(client.position for client in self.clients)
            read = [node.events(self.key, position) for node in self.nodes]
            events, text = read[0]
            assert all(other == text for _, other in read[1:]), "nodes respond differently"
            ids = [event["attributes"]["event_properties"]["$event_id"] for event in events]
            assert len(set(ids)) == len(ids), "an event is stored twice"
            acknowledged = {id for client in self.clients for id in client.acknowledged}
            sent = self.sent_beside | {id for client in self.clients for id in client.sent}
            missing, unknown = acknowledged - set(ids), set(ids) - sent
            assert not missing, f"acknowledged events were lost: {sorted(missing)[:5]}"
            assert not unknown, f"events that nobody sent: {sorted(unknown)[:5]}"
            return len(ids)
        finally:
            for client in self.clients:
                client.resume()
