"""The load on a real server: bulk creates up to many events, reads on the way, single creates, churn, a restart."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from bench.bodies import (
    EVENTS_PER_REQUEST,
    FIRST_MOMENT,
    TEMPLATE_SECONDS,
    Churn,
    bulk_body,
    regulars_body,
    single_body,
    write_bodies,
)
from bench.growth import against_a_new_store
from bench.load_generator import Measured, generator, run
from bench.process import cpu_seconds, folder_bytes, peak_resident_bytes, resident_bytes
from bench.target import BULK_CONNECTIONS, BULK_PATH, SINGLE_PATH, Figures, Target, latencies
from eventkeep.protocol.filters import Filter

PROFILES = 20_000
BULK_TEMPLATES = 20
SINGLE_TEMPLATES = 200
OVERLOAD_CONNECTIONS = 10 * BULK_CONNECTIONS
SINGLE_CONNECTIONS = 64
READ_CONNECTIONS = 8
READ_SECONDS = 3.0
PATHS = 6_000
"""Pages that are read once, more than can be read in twice READ_SECONDS."""
REGULAR_REQUESTS = 10
"""Requests of the events of recurring profiles, such that each event lies in another hour."""
FORGOTTEN_PAGES = 200
"""Pages enough that the server has dropped the first from its cache once the last has been read."""
FORGOTTEN_IDS = 4_000
SINGLE_ROUNDS = 3
IDLE_SECONDS = 10.0


class Workload:
    """All measurements of one server; ``run`` gives the figures by name.

    ``levels`` are the numbers of stored events, ascending, at which the store is read.
    """

    def __init__(self, folder: Path, levels: Sequence[int], seconds: float, say: Callable[[str], None]) -> None:
        generator()
        self._folder, self._levels, self._seconds, self._say = folder, levels, seconds, say
        self._bodies = folder / "bodies"
        self._target = Target(folder / "store", self._bodies)
        self._server = self._target.server
        self._choose = random.Random(1)
        self._regulars: set[str] = set()

    def run(self) -> Figures:
        write_bodies(self._bodies / "bulk", [bulk_body(seed, PROFILES) for seed in range(BULK_TEMPLATES)])
        write_bodies(self._bodies / "single", [single_body(seed, PROFILES) for seed in range(SINGLE_TEMPLATES)])
        for churn in Churn:
            write_bodies(self._bodies / churn, [bulk_body(1, PROFILES, churn)])
        figures: Figures = {}
        with self._target as target:
            self._create_regulars()
            figures["levels"] = [self._level(level) for level in self._levels]
            figures["bulk"] = figures["levels"][-1]["bulk"]
            if len(self._levels) > 1:
                self._say("this store and a new one in turns")
                figures["growth"] = against_a_new_store(target, self._folder, self._seconds, self._say)
            figures["idle"] = self._idle()
            figures["restart"] = self._restart()
            figures["single"] = self._singles()
            for churn in Churn:
                self._say(f"bulk creates with {churn.replace('-', ' ')}")
                figures[churn.replace("-", "_")] = target.bulk_creates(self._seconds, churn)
            self._say("overload")
            figures["overload"] = target.bulk_creates(self._seconds, connections=OVERLOAD_CONNECTIONS)
            figures["overload"]["peak_resident_bytes"] = peak_resident_bytes(self._server.pid)
        return figures

    def _client(self) -> httpx.Client:
        headers = {
            "Authorization": f"Klaviyo-API-Key {self._target.environment['BENCH_KEY']}",
            "revision": "2024-06-15",
        }
        return httpx.Client(base_url=self._server.url, headers=headers)

    def _create_regulars(self) -> None:
        """Create the events of recurring profiles; the server must merge them with all others."""
        with self._client() as client:
            for seed in range(REGULAR_REQUESTS):
                body = regulars_body(seed, BULK_TEMPLATES)
                client.post(BULK_PATH, content=body, headers={"Content-Type": "application/json"}).raise_for_status()
                self._target.stored += EVENTS_PER_REQUEST
            path = "/api/events/"
            while path is not None:
                page = client.get(path).raise_for_status().json()
                self._regulars |= profiles_of(page["data"])
                path = page["links"]["next"]

    def _level(self, level: int) -> Figures:
        """Bulk creates until ``level`` events are stored, then the figures of the store with them."""
        self._say(f"bulk creates up to {level:,} events")
        rounds: list[Figures] = []
        while self._target.stored < level or not rounds:
            figures = self._target.bulk_creates(self._seconds)
            rounds.append(figures)
            self._say(f"  {self._target.stored:,} events, {figures['events_per_second']:,.0f}/s")
        after_load, resident = self._bytes_per_event(), resident_bytes(self._server.pid)
        self._say("reads")
        self._target.rest()
        reads = self._reads()
        return {
            "stored": self._target.stored,
            "bulk": middle_one(rounds),
            "rounds_events_per_second": [figures["events_per_second"] for figures in rounds],
            "bytes_per_event_after_load": after_load,
            # At rest, when the server has removed parts that it has merged.
            "bytes_per_event": self._bytes_per_event(),
            "resident_bytes": resident,
            **reads,
        }

    def _bytes_per_event(self) -> float:
        return folder_bytes(self._server.data / "events") / self._target.stored

    def _idle(self) -> Figures:
        """The share of one processor that the server uses without requests."""
        self._target.rest()
        self._say("idle")
        before = cpu_seconds(self._server.pid)
        time.sleep(IDLE_SECONDS)
        return {"cpu_share": (cpu_seconds(self._server.pid) - before) / IDLE_SECONDS}

    def _restart(self) -> Figures:
        """A start with all stored events, and bulk creates from its first second on."""
        self._say("restart")
        stored = self._target.stored
        self._server.stop()
        started = time.perf_counter()
        self._server.start()
        ready = time.perf_counter() - started
        return {"seconds_to_ready": ready, "stored": stored, **self._target.bulk_creates(self._seconds)}

    def _singles(self) -> Figures:
        """Single creates at full speed, and then at half of that rate."""
        self._target.rest()
        self._say("single creates")
        single = SINGLE_PATH, "single", SINGLE_CONNECTIONS, self._seconds
        rounds = [self._target.creates(*single) for _ in range(SINGLE_ROUNDS)]
        middle = middle_one(rounds)
        # The time of a response does not count as a wait of the client.
        wait = SINGLE_CONNECTIONS / (middle["events_per_second"] / 2) * 1000 - middle["p50_ms"]
        half = self._target.creates(*single, wait_milliseconds=max(1.0, wait))
        return {
            **middle,
            "rounds_events_per_second": [figures["events_per_second"] for figures in rounds],
            **{f"at_half_{name}": half[name] for name in ("events_per_second", "p50_ms", "p99_ms")},
        }

    def _reads(self) -> dict[str, Figures]:
        with self._client() as client:
            elsewhere = [event["id"] for event in events_of(client, older(self._choose, FORGOTTEN_PAGES))]
            page = events_of(client, ["/api/events/"])
        metrics = {event["relationships"]["metric"]["data"]["id"] for event in page}
        paths = {
            "read_newest": never_twice([None]),
            "read_older": older(self._choose, PATHS),
            "read_metric": never_twice([Filter.equals("metric_id", id) for id in metrics]),
            "read_profile": never_twice([Filter.equals("profile_id", id) for id in profiles_of(page) - self._regulars]),
            "read_scattered": never_twice([Filter.equals("profile_id", id) for id in self._regulars]),
            # The cache no longer has the first pages, because others followed.
            "read_event": [f"/api/events/{id}/" for id in elsewhere[:FORGOTTEN_IDS]],
            "read_again": ["/api/events/"],
            "read_listed": [f"/api/events/{event['id']}/" for event in page],
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
        environment = {**self._target.environment, "BENCH_PATHS": str(listed)}
        return run(self._server.url, "read.lua", connections, READ_SECONDS, environment)


def middle_one(rounds: Sequence[Figures]) -> Figures:
    """The round of the median rate."""
    return sorted(rounds, key=lambda figures: float(figures["events_per_second"]))[len(rounds) // 2]


def older(choose: random.Random, count: int, seconds: float = (BULK_TEMPLATES - 1) * TEMPLATE_SECONDS) -> list[str]:
    """Paths of pages at random places among the events, whose times are in this many seconds."""
    # Some way behind the first event, so that the page is full.
    moments = [FIRST_MOMENT + timedelta(seconds=choose.uniform(60, seconds)) for _ in range(count)]
    return [f"/api/events/?filter={quote(str(Filter.less_than('datetime', moment)))}" for moment in moments]


def profiles_of(events: Sequence[dict[str, Any]]) -> set[str]:
    """The ids of the events' profiles."""
    return {event["relationships"]["profile"]["data"]["id"] for event in events}


def events_of(client: httpx.Client, paths: Sequence[str]) -> list[dict[str, Any]]:
    """The events of these pages."""
    return [event for path in paths for event in client.get(path).raise_for_status().json()["data"]]


def never_twice(filters: Sequence[Filter | None]) -> list[str]:
    """Paths of the newest page under each filter in turn, each with an end of its own that no event is behind.

    The server caches pages; it has seen none of these.
    """
    paths = []
    for number in range(PATHS):
        before = Filter.less_than("datetime", datetime.now(UTC) + timedelta(hours=1, seconds=number))
        chosen = filters[number % len(filters)]
        paths.append(f"/api/events/?filter={quote(str(before if chosen is None else chosen & before))}")
    return paths
