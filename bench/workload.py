"""The load on a real server: bulk creates up to many events, reads on the way, single creates, churn, a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from bench.bodies import EVENTS_PER_REQUEST, Churn, bulk_body, single_body, write_bodies
from bench.load_generator import Measured, generator, run
from bench.process import cpu_seconds, folder_bytes, peak_resident_bytes, resident_bytes
from eventkeep.protocol.filters import Filter
from eventkeep.testing import ServerProcess

PROFILES = 20_000
BULK_TEMPLATES = 20
SINGLE_TEMPLATES = 200
BULK_CONNECTIONS = 16
OVERLOAD_CONNECTIONS = 10 * BULK_CONNECTIONS
SINGLE_CONNECTIONS = 64
READ_CONNECTIONS = 8
READ_SECONDS = 4.0
PATHS = 6_000
"""Pages that are asked for once, more than can be read in twice READ_SECONDS."""
REST_SECONDS_MAX = 60.0
"""What the server gets to finish what it does by itself, merges above all, before it is asked for anything else."""
REST_SHARE = 0.05
"""Of one processor: a server that takes less rests."""

BULK_PATH = "/api/event-bulk-create-jobs/"
SINGLE_PATH = "/api/events/"

Figures = dict[str, Any]


class Workload:
    """Everything that is asked of one server; ``run`` gives the figures by name.

    ``levels`` are the numbers of stored events, ascending, at which the store is read.
    """

    def __init__(self, folder: Path, levels: Sequence[int], seconds: float, say: Callable[[str], None]) -> None:
        generator()
        self._folder, self._levels, self._seconds, self._say = folder, levels, seconds, say
        self._bodies = folder / "bodies"
        self._server = ServerProcess(folder / "store", options=["--log-level", "warning"])
        self._environment: dict[str, str] = {}
        self._stored = 0.0
        self._rounds = 0

    def run(self) -> dict[str, Any]:
        write_bodies(self._bodies / "bulk", [bulk_body(seed, PROFILES) for seed in range(BULK_TEMPLATES)])
        write_bodies(self._bodies / "single", [single_body(seed, PROFILES) for seed in range(SINGLE_TEMPLATES)])
        for churn in Churn:
            write_bodies(self._bodies / churn, [bulk_body(1, PROFILES, churn)])
        figures: dict[str, Any] = {}
        with self._server:
            self._environment = {"BENCH_KEY": self._server.make_key()}
            figures["levels"] = [self._level(level) for level in self._levels]
            figures["bulk"] = figures["levels"][-1]["bulk"]
            figures["restart"] = self._restart()
            figures["single"] = self._singles()
            for churn in Churn:
                self._say(f"bulk creates with {churn.replace('-', ' ')}")
                figures[churn.replace("-", "_")] = self._creates(churn, BULK_PATH, BULK_CONNECTIONS)
            self._say("overload")
            figures["overload"] = self._creates("bulk", BULK_PATH, OVERLOAD_CONNECTIONS)
            figures["overload"]["peak_resident_bytes"] = peak_resident_bytes(self._server.pid)
        return figures

    def _level(self, level: int) -> Figures:
        """Bulk creates until ``level`` events are stored, then what the store is like with them."""
        self._say(f"bulk creates up to {level:,} events")
        rounds: list[Figures] = []
        while self._stored < level or not rounds:
            figures = self._creates("bulk", BULK_PATH, BULK_CONNECTIONS)
            rounds.append(figures)
            self._say(f"  {self._stored:,.0f} events, {figures['events_per_second']:,.0f}/s")
        self._say("reads")
        self._rest()
        by_rate = sorted(rounds, key=lambda figures: float(figures["events_per_second"]))
        return {
            "stored": round(self._stored),
            "bulk": by_rate[len(by_rate) // 2],
            "rounds_events_per_second": [figures["events_per_second"] for figures in rounds],
            "bytes_per_event": folder_bytes(self._server.data / "events") / self._stored,
            "resident_bytes": resident_bytes(self._server.pid),
            **self._reads(),
        }

    def _restart(self) -> Figures:
        self._say("restart")
        self._server.stop()
        started = time.perf_counter()
        self._server.start()
        return {"seconds_to_ready": time.perf_counter() - started, "stored": round(self._stored)}

    def _rest(self) -> None:
        """Wait until the server has nothing to do any more."""
        deadline = time.perf_counter() + REST_SECONDS_MAX
        used, before = 1.0, cpu_seconds(self._server.pid)
        while used > REST_SHARE and time.perf_counter() < deadline:
            time.sleep(1.0)
            now = cpu_seconds(self._server.pid)
            used, before = now - before, now

    def _singles(self) -> Figures:
        """Single creates as fast as they go, and then at half of that rate."""
        self._rest()
        self._say("single creates")
        fastest = self._creates("single", SINGLE_PATH, SINGLE_CONNECTIONS)
        # What an answer takes is no wait of the client's.
        wait = SINGLE_CONNECTIONS / (fastest["events_per_second"] / 2) * 1000 - fastest["p50_ms"]
        half = self._creates("single", SINGLE_PATH, SINGLE_CONNECTIONS, wait_milliseconds=max(1.0, wait))
        return {**fastest, **{f"at_half_{name}": half[name] for name in ("events_per_second", "p50_ms", "p99_ms")}}

    def _creates(self, bodies: str, path: str, connections: int, wait_milliseconds: float = 0.0) -> Figures:
        """Creates from the folder ``bodies`` for the seconds of a round."""
        self._rounds += 1
        environment = {
            **self._environment,
            "BENCH_BODIES": str(self._bodies / bodies),
            "BENCH_TEMPLATES": str(len(list((self._bodies / bodies).iterdir()))),
            "BENCH_PATH": path,
            "BENCH_RUN": f"round{self._rounds}",
            "BENCH_WAIT": str(round(wait_milliseconds)),
        }
        per_request = EVENTS_PER_REQUEST if path == BULK_PATH else 1
        before = cpu_seconds(self._server.pid)
        measured = run(self._server.url, "create.lua", connections, self._seconds, environment)
        used = cpu_seconds(self._server.pid) - before
        events = (measured.requests - measured.refused) * per_request
        self._stored += events
        return {
            "events_per_second": events / measured.seconds,
            "cpu_microseconds_per_event": used / max(events, 1) * 1e6,
            "refused": measured.refused,
            **latencies(measured),
        }

    def _reads(self) -> dict[str, Figures]:
        headers = {"Authorization": f"Klaviyo-API-Key {self._environment['BENCH_KEY']}", "revision": "2024-06-15"}
        page = httpx.get(f"{self._server.url}/api/events/", headers=headers).raise_for_status().json()["data"]
        ids = {event["id"] for event in page}
        metrics = {event["relationships"]["metric"]["data"]["id"] for event in page}
        profiles = {event["relationships"]["profile"]["data"]["id"] for event in page}
        paths = {
            "read_newest": never_twice([None]),
            "read_metric": never_twice([Filter.equals("metric_id", id) for id in metrics]),
            "read_profile": never_twice([Filter.equals("profile_id", id) for id in profiles]),
            "read_event": [f"/api/events/{id}/" for id in ids],
            "read_again": ["/api/events/"],
        }
        return {name: self._read(name, some) for name, some in paths.items()}

    def _read(self, name: str, paths: list[str]) -> Figures:
        """Read the paths, each half of them from another number of connections."""
        half = (len(paths) + 1) // 2
        alone = self._read_from(1, name, paths[:half])
        together = self._read_from(READ_CONNECTIONS, name, paths[-half:])
        return {**latencies(alone), "refused": alone.refused, "per_second_from_8": together.requests_per_second}

    def _read_from(self, connections: int, name: str, paths: list[str]) -> Measured:
        listed = self._folder / f"{name}.txt"
        listed.write_text("\n".join(paths) + "\n")
        environment = {**self._environment, "BENCH_PATHS": str(listed)}
        return run(self._server.url, "read.lua", connections, READ_SECONDS, environment)


def never_twice(filters: Sequence[Filter | None]) -> list[str]:
    """Paths of the newest page under each filter in turn, each with an end of its own that no event is behind.

    The server remembers pages; of these it has not seen one.
    """
    paths = []
    for number in range(PATHS):
        before = Filter.less_than("datetime", datetime.now(UTC) + timedelta(hours=1, seconds=number))
        chosen = filters[number % len(filters)]
        paths.append(f"/api/events/?filter={quote(str(before if chosen is None else chosen & before))}")
    return paths


def latencies(measured: Measured) -> Figures:
    return {"p50_ms": measured.p50_ms, "p99_ms": measured.p99_ms}
