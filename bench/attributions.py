"""Pages with attributions beside pages without: ``python -m bench.attributions --events 10000000``.

Every profile clicked some emails before its other events, so that every event of a page is credited to a message.
Pages at random places are read in turns, with ``include=attributions`` and without, each place once.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx

from bench.bodies import EVENTS_PER_REQUEST, FIRST_MOMENT, bulk_body, bulk_item, bulk_job, profile, write_bodies
from bench.process import cpu_seconds, machine
from bench.target import BULK_PATH, Target
from bench.workload import BULK_TEMPLATES, PROFILES, older

CLICKS: Final = 5
"""Clicks of each profile, an hour apart, before the first of the other events."""
PAGES: Final = 300
REVISION: Final = "2026-07-15"


def clicks_body(first: int) -> str:
    """The clicks of some profiles."""
    items = []
    for number in range(first, first + EVENTS_PER_REQUEST // CLICKS):
        clicks = [
            {
                "type": "event",
                "attributes": {
                    "metric": {"data": {"type": "metric", "attributes": {"name": "Clicked Email"}}},
                    "properties": {"$message": f"message-{number % 50}-{place}", "Subject": "New in store"},
                    "time": (FIRST_MOMENT - timedelta(hours=place + 1)).isoformat(),
                    "unique_id": f"click-{number}-{place}",
                },
            }
            for place in range(CLICKS)
        ]
        items.append(bulk_item(profile(f"customer-{number}"), clicks))
    return bulk_job(items)


def measure(target: Target) -> dict[str, Any]:
    """Medians in milliseconds, and the server's CPU of a page in milliseconds, by the kind of the page."""
    headers = {"Authorization": f"Klaviyo-API-Key {target.environment['BENCH_KEY']}", "revision": REVISION}
    walls: dict[str, list[float]] = {"without": [], "with": []}
    used = dict.fromkeys(walls, 0.0)
    credited = 0
    with httpx.Client(base_url=target.server.url, headers=headers, timeout=60) as client:
        paths = older(random.Random(7), 2 * PAGES)
        for place, path in enumerate(paths):
            kind = "with" if place % 2 else "without"
            include = "&include=attributions" if kind == "with" else ""
            before, started = cpu_seconds(target.server.pid), time.perf_counter()
            page = client.get(f"{path}&page[size]=200{include}").raise_for_status()
            walls[kind].append(time.perf_counter() - started)
            used[kind] += cpu_seconds(target.server.pid) - before
            if kind == "with":
                credited += len(
                    [event for event in page.json()["data"] if event["relationships"]["attributions"]["data"]]
                )
    figures: dict[str, Any] = {
        kind: {"p50_ms": median(times) * 1e3, "cpu_ms": used[kind] / len(times) * 1e3} for kind, times in walls.items()
    }
    return {**figures, "credited_events_of_a_page": credited / PAGES, "stored": target.stored}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.attributions", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, default=Path("bench-attributions.json"))
    options = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name:
        folder = Path(name)
        write_bodies(folder / "bodies" / "bulk", [bulk_body(seed, PROFILES) for seed in range(BULK_TEMPLATES)])
        with Target(folder / "data", folder / "bodies") as target:
            key = {"Authorization": f"Klaviyo-API-Key {target.environment['BENCH_KEY']}", "revision": REVISION}
            with httpx.Client(base_url=target.server.url, headers=key, timeout=60) as client:
                for first in range(0, PROFILES, EVENTS_PER_REQUEST // CLICKS):
                    content = clicks_body(first)
                    client.post(
                        BULK_PATH, content=content, headers={"Content-Type": "application/json"}
                    ).raise_for_status()
            while target.stored < options.events:
                target.bulk_creates(10.0)
            target.rest()
            figures |= measure(target)
    figures["ratio_p50"] = figures["with"]["p50_ms"] / figures["without"]["p50_ms"]
    figures["ratio_cpu"] = figures["with"]["cpu_ms"] / figures["without"]["cpu_ms"]
    options.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
