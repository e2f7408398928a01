"""Three servers of NATS whose links to one another, and to their clients, go through proxies."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from eventkeep.cluster.address import LogAddress
from eventkeep.cluster.local_servers import LocalServers
from tests.cluster.network import Network


def server_name(place: int) -> str:
    return f"server-{place}"


class ServersInNetwork:
    """Servers in ``folder``, started when the block is entered."""

    def __init__(self, folder: Path, sync_interval: str = "always") -> None:
        self.network = Network()
        self.local = LocalServers(folder, sync_interval=sync_interval, route_port=self._route_port)
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(self.network)
            opened.enter_context(self.local)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def _route_port(self, source: int, target: int, port: int) -> int:
        return self.network.port(server_name(source), server_name(target), port)

    def address(self, log: str, node: str, first: int = 0) -> LogAddress:
        """The address of a log for the node called ``node``, which begins with the server ``first``."""
        address = self.local.address(log, first)
        places = [(first + step) % self.local.count for step in range(self.local.count)]
        servers = [
            msgspec.structs.replace(server, port=self.network.port(node, server_name(place), server.port))
            for place, server in zip(places, address.servers, strict=True)
        ]
        return msgspec.structs.replace(address, servers=tuple(servers))
