"""One server under load: its creates, their cost, and the number of its events."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bench.bodies import EVENTS_PER_REQUEST
from bench.load_generator import Measured, create_environment, run
from bench.process import cpu_seconds, rest
from eventkeep.testing import ServerProcess

BULK_PATH: Final = "/api/event-bulk-create-jobs/"
SINGLE_PATH: Final = "/api/events/"
BULK_CONNECTIONS: Final = 16
Figures = dict[str, Any]


class Target:
    """A server on the folder ``data``, running within ``with``; ``bodies`` is the folder of the request templates."""

    def __init__(self, data: Path, bodies: Path) -> None:
        self.server = ServerProcess(data, options=["--log-level", "warning"])
        self.environment: dict[str, str] = {}
        self.stored = 0
        self.bodies = bodies
        self._rounds = 0

    def __enter__(self) -> Self:
        self.server.start()
        self.environment = {"BENCH_KEY": self.server.make_key()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, exc, trace)

    def bulk_creates(self, seconds: float, bodies: str = "bulk", connections: int = BULK_CONNECTIONS) -> Figures:
        """Bulk creates from the templates in the folder ``bodies``, as fast as they are accepted."""
        return self.creates(BULK_PATH, bodies, connections, seconds)

    def creates(
        self, path: str, bodies: str, connections: int, seconds: float, wait_milliseconds: float = 0.0
    ) -> Figures:
        """Creates for this long; each connection waits before a request."""
        self._rounds += 1
        key = self.environment["BENCH_KEY"]
        environment = create_environment(key, self.bodies / bodies, path, f"round{self._rounds}", wait_milliseconds)
        per_request = EVENTS_PER_REQUEST if path == BULK_PATH else 1
        before = cpu_seconds(self.server.pid)
        measured = run(self.server.url, "create.lua", connections, seconds, environment)
        used = cpu_seconds(self.server.pid) - before
        events = (measured.requests - measured.refused) * per_request
        self.stored += events
        return {
            "events_per_second": events / measured.seconds,
            "cpu_microseconds_per_event": used / max(events, 1) * 1e6,
            "refused": measured.refused,
            **latencies(measured),
        }

    def rest(self) -> None:
        """Wait until the server has nothing left to do."""
        rest(self.server.pid)


def latencies(measured: Measured) -> Figures:
    return {"p50_ms": measured.p50_ms, "p99_ms": measured.p99_ms}
