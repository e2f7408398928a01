"""The load on a real server: bulk creates, single creates, reads, and a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from bench.bodies import EVENTS_PER_REQUEST, bulk_body, single_body, write_bodies
from bench.load_generator import Measured, generator, run
from bench.process import cpu_seconds, folder_bytes, resident_bytes
from eventkeep.protocol.filters import Filter
from eventkeep.testing import ServerProcess

PROFILES = 20_000
BULK_TEMPLATES = 20
SINGLE_TEMPLATES = 200
BULK_CONNECTIONS = 8
SINGLE_CONNECTIONS = 64
READ_CONNECTIONS = 8
READ_SECONDS = 4.0

Figures = dict[str, Any]


class Workload:
    """Everything that is asked of one server; ``run`` gives the figures by name."""

    def __init__(self, folder: Path, events: int, seconds: float, say: Callable[[str], None]) -> None:
        generator()
        self._folder, self._events, self._seconds, self._say = folder, events, seconds, say
        self._server = ServerProcess(folder / "store", options=["--log-level", "warning"])
        self._environment: dict[str, str] = {}

    def run(self) -> dict[str, Figures]:
        bodies = self._folder / "bodies"
        write_bodies(bodies / "bulk", [bulk_body(seed, PROFILES) for seed in range(BULK_TEMPLATES)])
        write_bodies(bodies / "churn", [bulk_body(1, PROFILES, mark_profiles=True)])
        write_bodies(bodies / "single", [single_body(seed, PROFILES) for seed in range(SINGLE_TEMPLATES)])
        figures: dict[str, Figures] = {}
        with self._server:
            self._environment = {"BENCH_KEY": self._server.make_key()}
            self._say("bulk creates")
            figures["bulk"] = self._fill(bodies / "bulk")
            self._say("reads")
            figures |= self._reads()
            self._say("single creates")
            figures["single"] = self._creates(bodies / "single", "/api/events/", SINGLE_CONNECTIONS, "single")
            self._say("new profiles")
            path = "/api/event-bulk-create-jobs/"
            figures["new_profiles"] = self._creates(bodies / "churn", path, BULK_CONNECTIONS, "churn")
            figures["memory"] = {"resident_bytes": resident_bytes(self._server.pid)}
            self._say("restart")
            self._server.stop()
            started = time.perf_counter()
            self._server.start()
            figures["restart"] = {"seconds_to_ready": time.perf_counter() - started}
        return figures

    def _creates(self, bodies: Path, path: str, connections: int, name: str) -> Figures:
        """Creates from ``bodies`` for the seconds of the run."""
        environment = {
            **self._environment,
            "BENCH_BODIES": str(bodies),
            "BENCH_TEMPLATES": str(len(list(bodies.iterdir()))),
            "BENCH_PATH": path,
            "BENCH_RUN": name,
        }
        per_request = EVENTS_PER_REQUEST if "bulk" in path else 1
        before = cpu_seconds(self._server.pid)
        measured = run(self._server.url, "create.lua", connections, self._seconds, environment)
        used = cpu_seconds(self._server.pid) - before
        events = (measured.requests - measured.refused) * per_request
        return {
            "events_per_second": events / measured.seconds,
            "cpu_microseconds_per_event": used / max(events, 1) * 1e6,
            "refused": measured.refused,
            **latencies(measured),
        }

    def _fill(self, bodies: Path) -> Figures:
        """Bulk creates until the store holds the events that were asked for; the figures are of all of it."""
        rounds: list[Figures] = []
        stored = 0.0
        while stored < self._events:
            path = "/api/event-bulk-create-jobs/"
            figures = self._creates(bodies, path, BULK_CONNECTIONS, f"fill-{len(rounds)}")
            rounds.append(figures)
            stored += figures["events_per_second"] * self._seconds
            self._say(f"  {stored:,.0f} events, {figures['events_per_second']:,.0f}/s")
        time.sleep(2)
        size = folder_bytes(self._server.data / "events")
        rates = sorted(figures["events_per_second"] for figures in rounds)
        return {
            **rounds[-1],
            "events_per_second": rates[len(rates) // 2],
            "first_events_per_second": rounds[0]["events_per_second"],
            "last_events_per_second": rounds[-1]["events_per_second"],
            "stored": round(stored),
            "bytes_per_event": size / stored,
        }

    def _reads(self) -> dict[str, Figures]:
        headers = {"Authorization": f"Klaviyo-API-Key {self._environment['BENCH_KEY']}", "revision": "2024-06-15"}
        page = httpx.get(f"{self._server.url}/api/events/", headers=headers).raise_for_status().json()["data"]
        ids = {event["id"] for event in page}
        metrics = {event["relationships"]["metric"]["data"]["id"] for event in page}
        profiles = {event["relationships"]["profile"]["data"]["id"] for event in page}
        paths = {
            "read_newest": ["/api/events/"],
            "read_metric": [f"/api/events/?filter={quote(str(Filter.equals('metric_id', id)))}" for id in metrics],
            "read_profile": [f"/api/events/?filter={quote(str(Filter.equals('profile_id', id)))}" for id in profiles],
            "read_event": [f"/api/events/{id}/" for id in ids],
        }
        return {name: self._read(name, some) for name, some in paths.items()}

    def _read(self, name: str, paths: list[str]) -> Figures:
        listed = self._folder / f"{name}.txt"
        listed.write_text("\n".join(paths) + "\n")
        environment = {**self._environment, "BENCH_PATHS": str(listed)}
        alone = run(self._server.url, "read.lua", 1, READ_SECONDS, environment)
        together = run(self._server.url, "read.lua", READ_CONNECTIONS, READ_SECONDS, environment)
        return {**latencies(alone), "refused": alone.refused, "per_second_from_8": together.requests_per_second}


def latencies(measured: Measured) -> Figures:
    return {"p50_ms": measured.p50_ms, "p99_ms": measured.p99_ms}
