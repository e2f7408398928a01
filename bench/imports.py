"""``python -m bench.imports``: the rate and the memory of imports, and where the time of the client goes.

A CSV file with a mapping, one in a hundred of whose rows is refused, is imported; then an export of its events as CSV,
and as Parquet, into other accounts. The figures of docs/performance.md are from it. It exits with 1 if the rejects or
the stored events are not what the file holds. ``--json`` writes the figures.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from bench.process import cpu_seconds, peak_resident_bytes
from bench.program import run_program
from eventkeep.client.admin_routes import get_stats_call
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import RowRefused
from eventkeep.importer.exported import exported_row
from eventkeep.importer.mapping import MappedRow, RowMapping, parse_map_options
from eventkeep.importer.rows import open_rows
from eventkeep.importer.sending import pack
from eventkeep.importer.templates import Row
from eventkeep.testing import ServerProcess
from tests.folder_changes import new_key

MAPPING: Final = (
    "metric=Placed Order",
    "profile.email={email}",
    "time={placed_at}",
    "value={total}",
    "unique_id=order-{id}",
    "properties.items:integer={items}",
    "properties.note={note}",
)
PROFILES: Final = 20_000
STAGED_ROWS: Final = 50_000
"""Rows whose stages are measured one by one."""

Figures = dict[str, Any]


def write_rows(path: Path, rows: int, bad_every: int) -> int:
    """Write the file; returns the number of bad rows."""
    bad = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("id", "placed_at", "email", "total", "items", "note"))
        for number in range(rows):
            is_bad = number % bad_every == bad_every - 1
            bad += is_bad
            time_of_day = f"{number // 3600 % 24:02}:{number % 60:02}:00"
            moment = "yesterday" if is_bad else f"2024-06-{number % 28 + 1:02}T{time_of_day}Z"
            email, note = f"{number % PROFILES}@shop.example", "two cups" * 10
            out.writerow((number, moment, email, number % 97, number % 7, note))
    return bad


def stages(path: Path, event_of: Callable[[Row], MappedRow], *, is_raw: bool) -> Figures:
    """CPU microseconds a row of the client for reading, for making events, and for packing them into requests.

    Rows that are refused are left out, and so is all behind STAGED_ROWS.
    """

    def made(rows: Iterable[Row]) -> Iterable[MappedRow]:
        for row in rows:
            try:
                yield event_of(row)
            except RowRefused:
                continue

    def spent(depth: int) -> float:
        with open_rows(str(path)) as file:
            rows = (row for _, row in zip(range(STAGED_ROWS), file.rows(raw=is_raw), strict=False))
            started = time.process_time()
            count = 0
            for row in rows if depth == 0 else ():
                count = row.number
            for event in made(rows) if depth == 1 else ():
                count = event.number
            for request in pack(made(rows), lambda *_: None) if depth == 2 else ():
                request.body()
                count += len(request)
            return (time.process_time() - started) * 1e6 / max(1, count)

    reading, making, packing = (min(spent(depth) for _ in range(2)) for depth in range(3))
    return {"read": reading, "make_events": making - reading, "pack": packing - making}


def measured(server: ServerProcess, key: str, path: Path, options: list[str], rows: int) -> Figures:
    """The figures of one import by the program, with those of the server."""
    before = cpu_seconds(server.pid)
    environment = {"EVENTKEEP_URL": server.url, "EVENTKEEP_API_KEY": key}
    started = time.perf_counter()
    done = run_program(["eventkeep", "import", str(path), *options], environment)
    wall = time.perf_counter() - started
    return {
        "code": done.code,
        "rows_per_second": rows / max(done.number("seconds"), 1e-9),
        "rows_per_second_with_start": rows / wall,
        "client_cpu_microseconds_per_row": done.cpu_seconds * 1e6 / rows,
        "server_cpu_microseconds_per_row": (cpu_seconds(server.pid) - before) * 1e6 / rows,
        "client_peak_bytes": done.peak_bytes,
        "server_peak_bytes": peak_resident_bytes(server.pid),
    }


def stored_events(server: ServerProcess, key: str) -> int:
    with Client(key, server.url) as client:
        return client.perform(get_stats_call()).data.events or 0


def measure(folder: Path, rows: int, bad_every: int, say: Callable[[str], None]) -> Figures:
    """The figures of each kind of file; ``is_right`` says whether all was stored and refused that had to be."""
    figures: Figures = {"load_average": os.getloadavg()[0], "rows": rows}
    orders, rejects = folder / "orders.csv", folder / "rejects.csv"
    bad = write_rows(orders, rows, bad_every)
    mapping = [part for each in MAPPING for part in ("--map", each)]
    with ServerProcess(folder / "imported", options=["--rate-limits", "off"]) as server:
        key = new_key(server.data, "mapped")
        say(f"import of {rows:,} rows with a mapping")
        made = stages(orders, RowMapping(parse_map_options(MAPPING)).apply, is_raw=False)
        own = measured(server, key, orders, ["--rejects", str(rejects), *mapping], rows)
        figures["mapping_csv"] = {**own, "stages": made}
        with rejects.open(encoding="utf-8", newline="") as file:
            refused = sum(1 for _ in csv.DictReader(file))
        is_right = (refused, stored_events(server, key)) == (bad, rows - bad)
        for name in ("csv", "parquet"):
            say(f"import of an export as {name}")
            path, other = folder / f"export.{name}", new_key(server.data, name)
            run_program(["eventkeep", "export", str(path), "--url", server.url, "--api-key", key], {})
            made = stages(path, functools.partial(exported_row, empty_is_none=name == "csv"), is_raw=True)
            figures[f"export_{name}"] = {**measured(server, other, path, [], rows - bad), "stages": made}
            is_right = is_right and stored_events(server, other) == rows - bad
    return {**figures, "is_right": is_right}


def show(figures: Figures) -> None:
    for name, own in figures.items():
        if isinstance(own, dict):
            made = own["stages"]
            print(
                f"{name:15} {own['rows_per_second']:9,.0f} rows/s; a row: client "
                f"{own['client_cpu_microseconds_per_row']:.1f} µs of CPU (read {made['read']:.1f}, events "
                f"{made['make_events']:.1f}, pack {made['pack']:.1f}), server "
                f"{own['server_cpu_microseconds_per_row']:.1f} µs; at most: "
                f"client {own['client_peak_bytes'] / 1e6:.0f} MB, server {own['server_peak_bytes'] / 1e6:.0f} MB"
            )


def main() -> int:
    """Measure imports, and print the figures."""
    parser = argparse.ArgumentParser(description="Measure imports.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bad-every", type=int, default=100, help="one bad row in so many")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name:
        figures = measure(Path(name), given.rows, given.bad_every, print)
    show(figures)
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if figures["is_right"] else 1


if __name__ == "__main__":
    sys.exit(main())
