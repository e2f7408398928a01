"""``python -m bench.imports``: memory and time of an import of a CSV file with rows that are refused.

By default a million rows, one in a hundred of which has a time that is none. The figures of docs/performance.md are
from it. It exits with 1 if the rejects or the stored events are not what the file holds.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from eventkeep.client.admin_routes import get_stats_call
from eventkeep.client.synchronous.client import Client
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


def main() -> int:
    """Measure one import."""
    parser = argparse.ArgumentParser(description="Measure an import with refused rows.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bad-every", type=int, default=100, help="one bad row in so many")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bad = write_rows(folder / "orders.csv", given.rows, given.bad_every)
        with ServerProcess(folder / "data") as server:
            key = new_key(folder / "data", "imports")
            options = ["--url", server.url, "--api-key", key, "--rejects", str(folder / "rejects.csv")]
            mapping = [part for each in MAPPING for part in ("--map", each)]
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            started = time.monotonic()
            command = [sys.executable, "-m", "eventkeep", "import", str(folder / "orders.csv"), *options, *mapping]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            seconds = time.monotonic() - started
            # In kilobytes, of the largest child so far; the server is no child that ended.
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            with Client(key, server.url) as client:
                stored = client.perform(get_stats_call()).data.events
        with (folder / "rejects.csv").open(encoding="utf-8", newline="") as file:
            rejects = sum(1 for _ in csv.DictReader(file))
    print(done.stdout, end="")
    print(f"rows              {given.rows:,}")
    print(f"rejects           {rejects:,} of {bad:,}")
    print(f"stored            {stored or 0:,} of {given.rows - bad:,}")
    print(f"seconds           {seconds:.1f}, {given.rows / seconds:,.0f} rows a second")
    print(f"memory at most    {peak / 1_000:.0f} MB" + (" or less" if peak == before else ""))
    return int((rejects, stored) != (bad, given.rows - bad))


if __name__ == "__main__":
    sys.exit(main())
