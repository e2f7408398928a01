"""query_metric_aggregates alone: ``python -m bench.aggregates`` stores events of one metric and asks by day.

The store is asked with the segments that a load leaves, and again when they are merged.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.process import machine
from eventkeep.directory import Directory, Progress
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.events.store import EventStore
from eventkeep.model.event_columns import EventColumns, TextColumn
from eventkeep.protocol.frames import Frame
from eventkeep.protocol.metrics.aggregate_query import parse_aggregate_query
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.attributions import Attributions
from eventkeep.server.routes.aggregates import Aggregates
from eventkeep.server.routes.event_arrays import EventArrays

YEAR_START: Final = 1_735_689_600
YEAR_SECONDS: Final = 365 * 86_400
PROFILES: Final = 500_000
METRIC: Final = "AbCdEf"
REVISION: Final = REVISIONS[-1]
ROUNDS: Final = 5
COMMIT: Final = 100_000


def fill(store: EventStore, events: int) -> None:
    """Events in the order of their times, each of any profile, as a year of a shop leaves them."""
    draw = np.random.default_rng(1)
    for position, start in enumerate(range(0, events, COMMIT), start=1):
        count = min(COMMIT, events - start)
        places = np.arange(start, start + count, dtype=np.int64)
        numbers: dict[str, Any] = {
            "time": YEAR_START + places * YEAR_SECONDS // events,
            "id": draw.integers(0, 2**64, count, dtype=np.uint64),
            "key_low": draw.integers(0, 2**64, count, dtype=np.uint64),
            "value": np.where(draw.random(count) < 0.9, draw.random(count) * 100, np.nan),
            "account": np.ones(count, dtype=np.uint32),
            "profile": draw.integers(1, PROFILES + 1, count).astype(np.uint32),
            "metric": np.ones(count, dtype=np.uint32),
        }
        texts = {
            "unique_id": texts_of(b"order", count),
            "currency": texts_of(b"EUR", count),
            "properties": texts_of(b'{"items":["tea","cup"],"channel":"web"}', count),
        }
        store.append(position, EventColumns(numbers, texts))
    store.flush()


def texts_of(value: bytes, count: int) -> TextColumn:
    return TextColumn(value * count, np.full(count, len(value), dtype=np.uint32))


def query(measurements: list[str], zone: str) -> bytes:
    """The body of a request."""
    attributes = {
        "metric_id": METRIC,
        "measurements": measurements,
        "interval": "day",
        "timezone": zone,
        "filter": ["greater-or-equal(datetime,2025-01-01T00:00:00)", "less-than(datetime,2026-01-01T00:00:00)"],
    }
    return json.dumps({"data": {"type": "metric-aggregate", "attributes": attributes}}).encode()


def measure(aggregates: Aggregates, body: bytes) -> dict[str, float]:
    """Seconds of one query, and of the CPU; medians."""
    asked = parse_aggregate_query(body, REVISION, b"secret" * 6)
    frame = Frame(base_url="http://127.0.0.1", path="/api/metric-aggregates", revision=REVISION)
    seconds, cpu = [], []
    for _ in range(ROUNDS):
        started, used = time.perf_counter(), time.process_time()
        aggregates.body(1, frame, asked)
        seconds.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return {"seconds": statistics.median(seconds), "cpu_seconds": statistics.median(cpu)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.aggregates", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--json", type=Path, default=Path("bench-aggregates.json"))
    options = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine(), "events": options.events}
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name, Directory.open(Path(name), 1) as directory:
        row = (1, METRIC, "Placed Order", "", "AbCdEg", True, YEAR_START, YEAR_START)
        directory.apply([Change(Table.METRIC, Operation.PUT, 1, [row])], Progress(1, 1, 1))
        store = EventStore.open(Path(name) / "events", background=False)
        fill(store, options.events)
        aggregates = Aggregates(directory, EventArrays(directory, store), Attributions(directory, store))
        for state in ("after the load", "merged"):
            for zone in ("UTC", "America/New_York"):
                for measurements in (["count"], ["count", "sum_value", "unique"]):
                    what = f"{state}, {store.segments} segments, {zone}, {' '.join(measurements)}"
                    figures[what] = measured = measure(aggregates, query(measurements, zone))
                    print(f"{what:70} {measured['seconds']:.2f} s, CPU {measured['cpu_seconds']:.2f} s", flush=True)
            while state == "after the load" and store.merge():
                pass
        store.close()
    options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
