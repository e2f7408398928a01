"""Pages over HTTP from a large store: ``python -m bench.pages --events 10000000``.

The store is filled with bulk creates, by default in the order of their times (``--times``), and with ``--flushes`` by
small creates, each of which becomes a segment of its own at once. Each kind of page is read from one connection and
from eight, in rounds. Give ``--against PYTHON`` (the interpreter of another installation of eventkeep) to measure that
one in turns, with a store of its own: the servers of both run at the same time, so that a change of the machine's speed
meets both.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx

from bench.bodies import (
    EVENTS_PER_REQUEST,
    LIVE_REGULAR_EVENTS,
    LIVE_REGULARS,
    LIVE_ROUND_SECONDS,
    TEMPLATE_SECONDS,
    EventTimes,
    bulk_body,
    live_regulars_body,
    regular_job,
    regulars_body,
    write_bodies,
)
from bench.load_generator import create_environment, run
from bench.loads import BULK_CONNECTIONS, BULK_PATH, Server
from bench.process import cpu_seconds, folder_bytes, machine, resident_bytes, rest
from bench.workload import (
    BULK_TEMPLATES,
    FORGOTTEN_IDS,
    FORGOTTEN_PAGES,
    PROFILES,
    READ_CONNECTIONS,
    REGULAR_REQUESTS,
    events_of,
    never_twice,
    older,
    profiles_of,
)
from eventkeep.protocol.filters import Filter
from eventkeep.server.control import FLUSH, ControlRequest, ask_server

FILL_SECONDS: Final = 10.0
LIVE_FILL_SECONDS: Final = 3.0
FLUSHED_EVENTS: Final = 8
"""Events of each segment of ``--flushes``."""

Figures = dict[str, Any]


class Store:
    """A server with ``events`` events, and the paths of its pages by kind."""

    def __init__(self, server: Server, folder: Path, data: Path) -> None:
        self._server, self._folder, self._data = server, folder, data
        self.stored = 0
        self.paths: dict[str, list[str]] = {}

    def fill(self, events: int, times: EventTimes, flushes: int) -> Figures:
        """Create events until there are so many, some of them of recurring profiles; wait until it is at rest."""
        headers = {"Authorization": f"Klaviyo-API-Key {self._server.key}", "revision": "2024-06-15"}
        with httpx.Client(base_url=self._server.url, headers=headers, timeout=60) as client:
            regulars: set[str] = set()
            if times is not EventTimes.LIVE:
                for seed in range(REGULAR_REQUESTS):
                    self._create(client, regulars_body(seed, BULK_TEMPLATES), EVENTS_PER_REQUEST)
                regulars = profiles_of_all(client)
            started, before = time.perf_counter(), cpu_seconds(self._server.pid)
            spent, number = 0.0, 0
            while self.stored < events:
                paused = time.perf_counter()
                bodies = [bulk_body(seed, PROFILES, None, times, number) for seed in range(BULK_TEMPLATES)]
                write_bodies(self._folder / "bulk", bodies)
                if times is EventTimes.LIVE:
                    self._create(client, live_regulars_body(number), LIVE_REGULARS * LIVE_REGULAR_EVENTS)
                    regulars = regulars or profiles_of_all(client)
                spent += time.perf_counter() - paused
                number += 1
                seconds = LIVE_FILL_SECONDS if times is EventTimes.LIVE else FILL_SECONDS
                measured = run(self._server.url, "create.lua", BULK_CONNECTIONS, seconds, self._creates(number))
                self.stored += (measured.requests - measured.refused) * EVENTS_PER_REQUEST
            seconds = time.perf_counter() - started - spent
            used = cpu_seconds(self._server.pid) - before
            following = itertools.count(number * LIVE_ROUND_SECONDS)
            for flush in range(flushes):
                body = regular_job(
                    random.Random(flush), ["flushed"], FLUSHED_EVENTS, f"{flush}-", lambda: next(following)
                )
                self._create(client, body, FLUSHED_EVENTS)
                ask_server(self._data, ControlRequest(do=FLUSH))
            rest(self._server.pid)
            span = {
                EventTimes.LIVE: number * LIVE_ROUND_SECONDS,
                EventTimes.HOURS: (BULK_TEMPLATES - 1) * TEMPLATE_SECONDS,
                EventTimes.RANDOM: 28 * 86_400,
            }
            self.paths = self._paths(client, regulars, span[times])
        return {
            "stored": self.stored,
            "events_per_second": self.stored / seconds,
            "cpu_microseconds_per_event": used / self.stored * 1e6,
            "resident_bytes": resident_bytes(self._server.pid),
            "bytes_per_event": folder_bytes(self._data / "events") / self.stored,
        }

    def _create(self, client: httpx.Client, body: str, events: int) -> None:
        client.post(BULK_PATH, content=body, headers={"Content-Type": "application/json"}).raise_for_status()
        self.stored += events

    def read(self, kind: str, connections: int, seconds: float) -> Figures:
        """Read pages of a kind from this many connections."""
        paths = self.paths[kind]
        random.shuffle(paths)
        listed = self._folder / "paths.txt"
        listed.write_text("\n".join(paths) + "\n")
        environment = {"BENCH_KEY": self._server.key, "BENCH_PATHS": str(listed)}
        measured = run(self._server.url, "read.lua", connections, seconds, environment)
        return {"p50_ms": measured.p50_ms, "p99_ms": measured.p99_ms, "per_second": measured.requests_per_second}

    def _creates(self, number: int) -> dict[str, str]:
        return create_environment(self._server.key, self._folder / "bulk", BULK_PATH, f"fill{number}")

    def _paths(self, client: httpx.Client, regulars: set[str], seconds: float) -> dict[str, list[str]]:
        choose = random.Random(1)
        elsewhere = [event["id"] for event in events_of(client, older(choose, FORGOTTEN_PAGES, seconds))]
        page = events_of(client, ["/api/events/"])
        metrics = {event["relationships"]["metric"]["data"]["id"] for event in page}
        profiles = profiles_of(page) - regulars
        return {
            "newest": never_twice([None]),
            "deep": older(choose, 6_000, seconds),
            "cursor": followed(client, 150),
            "metric": never_twice([Filter.equals("metric_id", id) for id in metrics]),
            "profile": never_twice([Filter.equals("profile_id", id) for id in profiles]),
            "scattered profile": never_twice([Filter.equals("profile_id", id) for id in regulars]),
            "id": [f"/api/events/{id}/" for id in elsewhere[:FORGOTTEN_IDS]],
        }


def profiles_of_all(client: httpx.Client) -> set[str]:
    """The ids of the profiles of all events."""
    found: set[str] = set()
    path: str | None = "/api/events/"
    while path is not None:
        page = client.get(path).raise_for_status().json()
        found |= profiles_of(page["data"])
        path = page["links"]["next"]
    return found


def followed(client: httpx.Client, pages: int) -> list[str]:
    """The paths of the pages that follow the newest one."""
    paths: list[str] = []
    path = "/api/events/"
    while len(paths) < pages:
        path = client.get(path).raise_for_status().json()["links"]["next"]
        paths.append(path.removeprefix(str(client.base_url).rstrip("/")))
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--times", type=EventTimes, choices=list(EventTimes), default=EventTimes.LIVE)
    parser.add_argument("--flushes", type=int, default=0, help="segments of 8 events that are flushed at the end")
    parser.add_argument("--against", type=Path, help="the Python of another installation, measured in turns")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds of each round")
    parser.add_argument("--folder", type=Path, help="folder of the data; a temporary one by default")
    parser.add_argument("--json", type=Path, default=Path("bench-pages.json"))
    options = parser.parse_args()
    sides = {"this": Path(sys.executable)} | ({"other": options.against} if options.against else {})
    figures: dict[str, Any] = {"machine": machine(), "stores": {}, "pages": {}}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eventkeep-bench-", dir=options.folder)))
        stores: dict[str, Store] = {}
        for side, python in sides.items():
            data = folder / side
            stores[side] = Store(stack.enter_context(Server(python, data)), folder, data)
            figures["stores"][side] = stores[side].fill(options.events, options.times, options.flushes)
            print(side, {name: round(value, 1) for name, value in figures["stores"][side].items()}, flush=True)
        for kind in stores["this"].paths:
            for connections in (1, READ_CONNECTIONS):
                rounds: dict[str, list[Figures]] = {side: [] for side in stores}
                for _ in range(options.rounds):
                    for side, store in stores.items():
                        rounds[side].append(store.read(kind, connections, options.seconds))
                figures["pages"].setdefault(kind, {})[str(connections)] = rounds
                print(shown(kind, connections, rounds), flush=True)
    options.json.write_text(json.dumps(figures, indent=2) + "\n")


def shown(kind: str, connections: int, rounds: dict[str, list[Figures]]) -> str:
    """The median figure of each side, and the median of the rounds' ratios."""
    name = "p50_ms" if connections == 1 else "per_second"
    text = "  ".join(f"{side} {median(each[name] for each in some):,.2f}" for side, some in rounds.items())
    if "other" in rounds:
        pairs = zip(rounds["this"], rounds["other"], strict=True)
        text += f"  this/other {median(float(this[name] / other[name]) for this, other in pairs):.2f}"
    return f"{kind:18} {connections} connections, {name}: {text}"


if __name__ == "__main__":
    main()
