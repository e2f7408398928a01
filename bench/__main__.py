"""``make bench``: one table on the terminal and one JSON file.

make bench                                  a million events, a few minutes
make bench ARGS="--events 20000000"         the figures of docs/performance.md
make bench ARGS="--json figures.json"       where the JSON goes
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import floors, steps
from bench.process import machine
from bench.workload import Workload
from eventkeep.errors import EventkeepError


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures eventkeep on this machine.")
    parser.add_argument("--events", type=int, default=1_000_000, help="events to store before the reads (1000000)")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of each load (10)")
    parser.add_argument("--json", type=Path, default=Path("bench-figures.json"), help="the file for the figures")
    parser.add_argument("--folder", type=Path, help="where the data goes; a temporary folder by default")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    console = Console()
    figures: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-", dir=options.folder) as name:
        folder = Path(name)
        try:
            figures["microseconds_per_event"] = steps.measure()
            figures["floors"] = {
                "decoding_events_per_second": floors.decoding_events_per_second(),
                "engine_events_per_second": floors.engine_events_per_second(folder / "engine"),
                "postgres_events_per_second": floors.postgres_events_per_second(),
            }
            workload = Workload(folder / "data", options.events, options.seconds, console.print)
            figures["eventkeep"] = workload.run()
        except EventkeepError as exc:
            console.print(f"[red]{exc}[/red]")
            return 1
    options.json.write_text(json.dumps(figures, indent=2) + "\n")
    show(figures, console)
    console.print(f"The figures are in {options.json}.")
    return 0


def show(figures: dict[str, Any], console: Console) -> None:
    """The figures as tables."""
    path = Table("step of the hot path", "µs of CPU an event", title="Where the time goes, one thread")
    for step, microseconds in figures["microseconds_per_event"].items():
        path.add_row(step, f"{microseconds:.2f}")
    console.print(path)
    rate = figures["eventkeep"]["bulk"]["events_per_second"]
    against = Table("floor", "events/s", "eventkeep's part of it", title="Against")
    for name, floor in figures["floors"].items():
        shown = "not installed" if floor is None else f"{floor:,.0f}"
        against.add_row(name.replace("_events_per_second", ""), shown, "" if floor is None else f"{rate / floor:.2f}")
    console.print(against)
    own = Table("figure", "value", title="eventkeep over HTTP, the load generator beside it")
    for part, values in figures["eventkeep"].items():
        for name, value in values.items():
            own.add_row(
                f"{part} {name}".replace("_", " "), f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
            )
    console.print(own)


if __name__ == "__main__":
    sys.exit(main())
