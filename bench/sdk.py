"""``python -m bench.sdk``: the SDK beside the official client, a table on the terminal and a JSON file.

Both send the same kind of events to the same server in one run, each in a process of its
own. CPU is that of the client's process. ``make test`` installs the official client.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench.bodies import METRICS, properties
from bench.process import machine
from eventkeep.errors import ConfigurationError, EventkeepError
from eventkeep.testing import ServerProcess

OFFICIAL: Final = "9.0.0"
PROFILES: Final = 20_000
SENDERS: Final = Path(__file__).parent
INTERPRETER_TARGET: Final = f".cache/clients/{OFFICIAL}/.installed"
INTERPRETER: Final = SENDERS.parent / ".cache" / "clients" / OFFICIAL / "bin" / "python"

Figures = dict[str, Any]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a sender. ``at_once`` is the number of tasks, threads or concurrent requests.

    ``rival`` names the run of the official client that does the same.
    """

    name: str
    sender: str
    mode: str
    at_once: int
    events: int
    rival: str | None = None


RUNS: Final = (
    Run(name="official_singles", sender="official", mode="single", at_once=1, events=1_000),
    Run(name="official_singles_8_threads", sender="official", mode="single", at_once=8, events=2_000),
    Run(name="official_bulk", sender="official", mode="bulk", at_once=1, events=10_000),
    Run(name="official_bulk_2_threads", sender="official", mode="bulk", at_once=2, events=10_000),
    Run(name="singles", sender="own", mode="loop", at_once=1, events=2_000, rival="official_singles"),
    Run(name="asyncio_singles", sender="own", mode="single", at_once=40, events=10_000, rival="official_singles"),
    Run(name="batch", sender="own", mode="batch", at_once=1, events=200_000, rival="official_bulk"),
    Run(name="batch_4_at_once", sender="own", mode="batch", at_once=4, events=200_000, rival="official_bulk"),
    Run(name="asyncio_batch", sender="own", mode="async-batch", at_once=1, events=200_000, rival="official_bulk"),
)
"""The official client waits for each response, so a loop is its usual form; runs with threads are for comparison."""


class Measured(msgspec.Struct, frozen=True):
    """The figures that a sender prints."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_microseconds_per_event(self) -> float:
        """Of the client's process."""
        return self.cpu_seconds / self.events * 1e6


def measure(folder: Path, rounds: int, say: Callable[[str], None]) -> Figures:
    """All runs against one server, in turns; the fastest of each.

    Its data goes to ``folder``. Raises ConfigurationError.
    """
    if not INTERPRETER.exists():
        raise ConfigurationError(f"the official client {OFFICIAL} is not installed here: make {INTERPRETER_TARGET}")
    found: dict[str, Measured] = {}
    with ServerProcess(folder / "sdk", options=["--log-level", "warning"]) as server:
        for number in range(rounds):
            say(f"round {number + 1}")
            for run in RUNS:
                # In every round an account of its own, so that no event is a duplicate.
                key = server.make_key(f"{run.name}-{number}")
                events = folder / f"{run.name}.json"
                events.write_bytes(msgspec.json.encode(made_events(run.name, run.events)))
                sent = send(run, events, server.url, key)
                found[run.name] = max(sent, found.get(run.name, sent), key=lambda each: each.events_per_second)
                say(f"  {run.name}: {sent.events_per_second:,.0f} events/s")
    return {run.name: figures(run, found) for run in RUNS}


def made_events(name: str, count: int) -> list[Figures]:
    """Events in the form that a program hands to a client; the unique ids belong to the run."""
    choose = random.Random(name)
    return [
        {
            "metric": METRICS[choose.randrange(len(METRICS))],
            "email": f"customer-{choose.randrange(PROFILES)}@shop.example.com",
            "properties": properties(choose),
            "time": f"2024-05-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}+00:00",
            "value": round(choose.random() * 100, 2),
            "unique_id": f"{name}-{number}",
        }
        for number in range(count)
    ]


def send(run: Run, events: Path, url: str, key: str) -> Measured:
    """One run. Raises ConfigurationError with the output of the sender."""
    interpreter = INTERPRETER if run.sender == "official" else sys.executable
    command = [interpreter, SENDERS / f"{run.sender}_sender.py", run.mode, url, key, events, str(run.at_once)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigurationError(f"{run.name} failed: {done.stderr}")
    return msgspec.json.decode(done.stdout, type=Measured)


def figures(run: Run, found: dict[str, Measured]) -> Figures:
    """The figures of a run, and their ratios to those of its rival: above 1 is in our favour."""
    own = found[run.name]
    told: Figures = {
        "events": own.events,
        "events_per_second": own.events_per_second,
        "client_cpu_microseconds_per_event": own.cpu_microseconds_per_event,
    }
    if run.rival is not None:
        rival = found[run.rival]
        told["rate_ratio"] = own.events_per_second / rival.events_per_second
        told["cpu_ratio"] = rival.cpu_microseconds_per_event / own.cpu_microseconds_per_event
    return told


def table(measured: Figures) -> Table:
    """The figures for the terminal."""
    shown = Table(
        "client", "events/s", "µs of CPU an event", "times the rate", "times less CPU", title=f"Against {OFFICIAL}"
    )
    for name, told in measured.items():
        ratios = [f"{told[ratio]:.1f}" if ratio in told else "" for ratio in ("rate_ratio", "cpu_ratio")]
        rate, cpu = told["events_per_second"], told["client_cpu_microseconds_per_event"]
        shown.add_row(name.replace("_", " "), f"{rate:,.0f}", f"{cpu:,.1f}", *ratios)
    return shown


def main() -> int:
    """Reads the arguments and measures."""
    parser = argparse.ArgumentParser(prog="python -m bench.sdk", description="Measures the SDK on this machine.")
    parser.add_argument("--json", type=Path, default=Path("bench-sdk-figures.json"), help="the file for the figures")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured; the best counts (3)")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name:
        try:
            measured = {"machine": machine(), "sdk": measure(Path(name), options.rounds, console.print)}
        except EventkeepError as exc:
            console.print(f"[red]{exc}[/red]")
            return 1
    options.json.write_text(json.dumps(measured, indent=2) + "\n")
    console.print(table(measured["sdk"]))
    console.print(f"The figures are in {options.json}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
