"""``make bench``: one table on the terminal, one JSON file, and with several levels a plot.

make bench                                      a million events, a few minutes
make bench ARGS="--levels 1,5,10,20"            the figures and the plot of docs/performance.md
make bench ARGS="--rows 1000000"                exports and imports of so many rows
make bench ARGS="--json figures.json"           the file of the JSON

The SDK has a benchmark of its own, ``python -m bench.sdk``, and so has a fit of predictions,
``python -m bench.predictions``.
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

from bench import exports, floors, imports, loads, steps
from bench.plot import draw
from bench.process import machine
from bench.workload import Workload
from eventkeep.errors import EventkeepError

MILLION = 1_000_000
IMPORT_BAD_EVERY = 100
READS = (
    "read_newest",
    "read_older",
    "read_metric",
    "read_profile",
    "read_scattered",
    "read_event",
    "read_again",
    "read_listed",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures eventkeep on this machine.")
    parser.add_argument(
        "--levels", default="1", help="millions of stored events at which the store is read, ascending, by commas (1)"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of each load (10)")
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the exports and imports (200000)")
    parser.add_argument("--json", type=Path, default=Path("bench-figures.json"), help="the file for the figures")
    parser.add_argument("--plot", type=Path, help="an SVG of rate and latency against the number of stored events")
    parser.add_argument("--folder", type=Path, help="folder of the data; a temporary one by default")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    console = Console()
    levels = [round(float(level) * MILLION) for level in options.levels.split(",")]
    figures: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-", dir=options.folder) as name:
        folder = Path(name)
        try:
            figures["microseconds_per_event"] = steps.measure()
            figures["floors"] = floors.measure(folder, console.print)
            figures["loads"] = loads.measure(
                folder / "loads", {"this": Path(sys.executable)}, options.seconds, say=console.print
            )
            figures["exports"] = exports.measure(folder, options.rows, console.print)
            figures["imports"] = imports.measure(folder, options.rows, IMPORT_BAD_EVERY, console.print)
            figures["eventkeep"] = Workload(folder / "data", levels, options.seconds, console.print).run()
        except EventkeepError as exc:
            console.print(f"[red]{exc}[/red]")
            return 1
    options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.plot is not None:
        draw(figures["eventkeep"]["levels"], options.plot)
    show(figures, console)
    console.print(f"The figures are in {options.json}.")
    return 0


def show(figures: dict[str, Any], console: Console) -> None:
    """The figures as tables."""
    eventkeep = figures["eventkeep"]
    path = Table("step of the hot path", "µs of CPU an event", title="Where the time goes, one thread")
    for step, microseconds in figures["microseconds_per_event"].items():
        path.add_row(step, f"{microseconds:.2f}")
    path.add_row("all of these", f"{sum(figures['microseconds_per_event'].values()):.2f}")
    path.add_row("the server as a whole, under load", f"{eventkeep['bulk']['cpu_microseconds_per_event']:.2f}")
    console.print(path)
    against = Table("floor", "a second", "eventkeep", "ratio", title="Against")
    for name, floor in figures["floors"].items():
        kind = "single" if "single" in name else "bulk"
        shop = figures["loads"]["bulk, shop"]["this"][0]
        rate = (shop if "shop" in name else eventkeep[kind])["events_per_second"]
        shown = ("not installed", "") if floor is None else (f"{floor:,.0f}", f"{rate / floor:.2f}")
        against.add_row(name.replace("_", " "), shown[0], f"{rate:,.0f}", shown[1])
    console.print(against)
    real = Table("load", "a second", "µs of CPU", "p50 ms", "p99 ms", "memory MB", title="Loads as they come")
    for name, sides in figures["loads"].items():
        (load,) = sides["this"]
        rate = load.get("events_per_second") or load.get("rows_per_second") or load["bulk_events_per_second"]
        others = [
            (load.get("cpu_microseconds_per_event"), "{:.1f}"),
            (load.get("p50_ms"), "{:.1f}"),
            (load.get("p99_ms"), "{:.1f}"),
            (load["resident_bytes"] / 1e6 if "resident_bytes" in load else None, "{:,.0f}"),
        ]
        real.add_row(name, f"{rate:,.0f}", *("" if value is None else form.format(value) for value, form in others))
    console.print(real)
    growth = Table("stored", "events/s", "bytes/event", "memory MB", *(f"{name[5:]} ms" for name in READS))
    for level in eventkeep["levels"]:
        growth.add_row(
            f"{level['stored']:,}",
            f"{level['bulk']['events_per_second']:,.0f}",
            f"{level['bytes_per_event']:.0f}",
            f"{level['resident_bytes'] / 1e6:,.0f}",
            *(f"{level[name]['p50_ms']:.1f}" for name in READS),
        )
    console.print(growth)
    own = Table("figure", "value", title="eventkeep over HTTP, the load generator beside it")
    for part, values in eventkeep.items():
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, list):
                continue
            own.add_row(
                f"{part} {name}".replace("_", " "), f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
            )
    last = eventkeep["levels"][-1]
    for name in READS:
        own.add_row(
            f"{name.replace('_', ' ')} per second from 8 connections", f"{last[name]['per_second_from_8']:,.0f}"
        )
    console.print(own)
    exports.show(figures["exports"])
    imports.show(figures["imports"])


if __name__ == "__main__":
    sys.exit(main())
