"""``python -m bench.exports``: rows a second of an export, by the scan and by pages of the API in the same run.

The store has events of a shop, about a kilobyte each, with three events a profile. Each export is a process of its own,
as a user starts it; pages, which are many times slower, are read for a part of the events. ``--json`` writes the
figures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from bench.bodies import EVENTS_PER_REQUEST, MARKER
from bench.process import cpu_seconds, peak_resident_bytes, resident_bytes
from bench.program import run_program
from bench.shop_bodies import EVENTS_PER_PROFILE, Who, shop_body
from eventkeep import Client
from eventkeep.exporter.pages import Query
from eventkeep.exporter.source import page_rows
from eventkeep.exporter.target import opened
from eventkeep.exporter.writers import writer
from eventkeep.limits import PAGE_EVENTS_MAX
from eventkeep.testing import ServerProcess
from tests.folder_changes import new_key

ROWS: Final = 200_000
PAGED_ROWS: Final = 20_000
TEMPLATES: Final = 40
FORMATS: Final = ("jsonl", "csv", "parquet")
REVISION: Final = "2026-07-15"

Figures = dict[str, Any]


def fill(server: ServerProcess, key: str, rows: int) -> None:
    """Store so many events of a shop, rounded up to whole requests."""
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": REVISION, "Content-Type": "application/json"}
    profiles = max(1, rows // EVENTS_PER_PROFILE)
    templates = min(TEMPLATES, -(-rows // EVENTS_PER_REQUEST))
    bodies = [shop_body(seed, profiles, Who.SHOP) for seed in range(templates)]
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        for request in range(-(-rows // EVENTS_PER_REQUEST)):
            body = bodies[request % templates].replace(MARKER, f"r{request:06d}")
            client.post("/api/event-bulk-create-jobs/", content=body.encode()).raise_for_status()


def export(server: ServerProcess, key: str, target: Path, *, by_pages: bool) -> Figures:
    """One export; pages are read up to PAGED_ROWS. The seconds do not have the start of the program in them."""
    program = ["bench.exports", "--pages"] if by_pages else ["eventkeep", "export"]
    done = run_program([*program, str(target)], {"EVENTKEEP_URL": server.url, "EVENTKEEP_API_KEY": key})
    rows, seconds = done.number("events"), max(done.number("seconds"), 1e-9)
    return {
        "rows": rows,
        "seconds": seconds,
        "rows_per_second": rows / seconds,
        "client_cpu_microseconds_per_row": done.cpu_seconds * 1e6 / rows,
        "client_peak_bytes": done.peak_bytes,
    }


def measured(server: ServerProcess, key: str, target: Path, *, by_pages: bool) -> Figures:
    """The figures of one export, with those of the server."""
    before = cpu_seconds(server.pid)
    figures = export(server, key, target, by_pages=by_pages)
    cpu = cpu_seconds(server.pid) - before
    return {
        **figures,
        "server_cpu_microseconds_per_row": cpu * 1e6 / figures["rows"],
        "server_peak_bytes": peak_resident_bytes(server.pid),
        "file_bytes": target.stat().st_size,
    }


def measure(folder: Path, rows: int, say: Callable[[str], None]) -> Figures:
    """The figures of each format, by the scan and by pages, and their ratio."""
    figures: Figures = {"load_average": os.getloadavg()[0]}
    with ServerProcess(folder / "exported", options=["--rate-limits", "off"]) as server:
        key = new_key(server.data, "exports")
        say(f"{rows:,} events to export")
        fill(server, key, rows)
        figures["server_bytes_before"] = resident_bytes(server.pid)
        for name in FORMATS:
            say(f"export to {name}")
            paged = measured(server, key, folder / f"paged.{name}", by_pages=True)
            scanned = measured(server, key, folder / f"scanned.{name}", by_pages=False)
            ratio = scanned["rows_per_second"] / paged["rows_per_second"]
            figures[name] = {"pages": paged, "scan": scanned, "ratio": ratio}
    return figures


def export_pages(target: str) -> None:
    """Export PAGED_ROWS by pages of the API, and print how many there were."""
    rows, started = 0, time.perf_counter()
    client = Client(os.environ["EVENTKEEP_API_KEY"], os.environ["EVENTKEEP_URL"], REVISION)
    with client, opened(target) as file:
        out = writer(Path(target).suffix[1:], file)
        for lot in page_rows(client, Query(page_size=PAGE_EVENTS_MAX)):
            out.write(lot.lines)
            rows += lot.rows
            if rows >= PAGED_ROWS:
                break
        out.finish()
    print(f"events  {rows}\nseconds  {time.perf_counter() - started:.3f}")


def show(figures: Figures) -> None:
    for name in FORMATS:
        for way in ("pages", "scan"):
            own = figures[name][way]
            print(
                f"{name:8} {way:6} {own['rows_per_second']:10,.0f} rows/s; a row: "
                f"client {own['client_cpu_microseconds_per_row']:.1f} µs, "
                f"server {own['server_cpu_microseconds_per_row']:.1f} µs of CPU; at most: "
                f"client {own['client_peak_bytes'] / 1e6:.0f} MB, server {own['server_peak_bytes'] / 1e6:.0f} MB"
            )
        print(f"{name:8} ratio  {figures[name]['ratio']:10.1f}")


def main() -> int:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.exports", description="Measure exports.")
    parser.add_argument("--rows", type=int, default=ROWS, help="events that are exported")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--pages", metavar="TARGET", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.pages is not None:
        export_pages(given.pages)
        return 0
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name:
        figures = measure(Path(name), given.rows, print)
    show(figures)
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
