"""Real loads on a real server: ``python -m bench.loads``.

Bulk requests as a shop sends them, with profiles that are known, that differ with every event, and that are new; single
creates with and without profile data; single creates on a schedule beside bulk; imports of CSV and Parquet files.
Give ``--against PYTHON`` (the interpreter of another installation of eventkeep) to measure that one in turns: the
servers of both run at the same time, and the load goes to one after the other, so that a change of the machine's
speed meets both.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.bodies import EVENTS_PER_REQUEST, write_bodies
from bench.load_generator import create_environment, run
from bench.process import cpu_seconds, machine, resident_bytes, rest
from bench.shop_bodies import Who, shop_body, single_body
from eventkeep.testing import free_port

BULK_PATH: Final = "/api/event-bulk-create-jobs/"
SINGLE_PATH: Final = "/api/events/"
BULK_CONNECTIONS: Final = 16
SINGLE_CONNECTIONS: Final = 64
BULK_TEMPLATES: Final = 60
SINGLE_TEMPLATES: Final = 200
PROFILES: Final = 60_000
OPEN_RATE: Final = 1_000
IMPORT_ROWS: Final = 200_000
PAUSE_SECONDS: Final = 2.0
"""Seconds without work that a server has to have after each load."""
NOTE: Final = "x" * 40

SINGLE_EMAIL: Final = "single-email"
SINGLE_NAMED: Final = "single-named"

Figures = dict[str, Any]


class Server:
    """A server process of one installation, started within ``with``."""

    def __init__(self, python: Path, data: Path) -> None:
        self._python, self._data = python, data
        self.url = ""
        self.key = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = ["--data", str(self._data), "--port", str(port), "--rate-limits", "off", "--log-level", "warning"]
        self._process = subprocess.Popen(
            [str(self._python), "-m", "eventkeep", "serve", *options], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        made = subprocess.run(
            [str(self._python), "-m", "eventkeep", "keys", "create", "--data", str(self._data), "--quiet"],
            capture_output=True,
            text=True,
            check=True,
        )
        self.key = made.stdout.strip()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


class Loads:
    """The loads, on templates below ``bodies``; each returns figures by name."""

    def __init__(self, bodies: Path, seconds: float) -> None:
        self._bodies, self._seconds = bodies, seconds
        self._runs = 0
        self._passes: dict[tuple[str, Who], int] = {}

    def creates(self, server: Server, name: str, path: str, connections: int) -> Figures:
        """Creates from the templates called ``name``, as fast as the server takes them."""
        self._runs += 1
        environment = create_environment(server.key, self._folder(name), path, f"run{self._runs}")
        before = cpu_seconds(server.pid)
        measured = run(server.url, "create.lua", connections, self._seconds, environment)
        used = cpu_seconds(server.pid) - before
        events = (measured.requests - measured.refused) * (EVENTS_PER_REQUEST if path == BULK_PATH else 1)
        return {
            "events": events,
            "events_per_second": events / measured.seconds,
            "cpu_microseconds_per_event": used / max(events, 1) * 1e6,
            "refused": measured.refused,
            "p50_ms": measured.p50_ms,
            "p99_ms": measured.p99_ms,
            "resident_bytes": resident_bytes(server.pid),
        }

    def bulk(self, server: Server, who: Who) -> Figures:
        """Bulk creates; those of known profiles once all of them were sent to the server before."""
        while who in (Who.SHOP, Who.KNOWN, Who.CHANGED) and self._passes.get((server.url, who), 0) < BULK_TEMPLATES:
            first = self.creates(server, who, BULK_PATH, BULK_CONNECTIONS)
            sent = self._passes.get((server.url, who), 0) + round(first["events"] / EVENTS_PER_REQUEST)
            self._passes[server.url, who] = sent
        return self.creates(server, who, BULK_PATH, BULK_CONNECTIONS)

    def beside_bulk(self, server: Server) -> Figures:
        """Single creates on a schedule while bulk requests come as fast as they are taken."""
        bulk: Figures = {}
        self._folder(Who.SHOP)
        thread = threading.Thread(target=lambda: bulk.update(self.bulk(server, Who.SHOP)))
        thread.start()
        command = [sys.executable, "-m", "bench.open_loop", server.url, server.key, str(OPEN_RATE)]
        done = subprocess.run(
            [*command, str(self._seconds * 0.8), str(SINGLE_CONNECTIONS)], capture_output=True, text=True, check=True
        )
        thread.join()
        return {**json.loads(done.stdout), "bulk_events_per_second": bulk["events_per_second"]}

    def imported(self, server: Server, python: Path, kind: str) -> Figures:
        """The import of a file of orders; ``kind`` is csv or parquet."""
        columns = {"metric": "Placed Order", "profile.email": "{email}", "time": "{placed_at}", "value": "{total}"}
        self._runs += 1
        columns |= {"unique_id": f"{kind}-{self._runs}-{{id}}"}
        mapping = [word for field, value in columns.items() for word in ("--map", f"{field}={value}")]
        if not (self._bodies / "orders.csv").exists():
            self._write_files()
        started = time.perf_counter()
        subprocess.run(
            [str(python), "-m", "eventkeep", "import", str(self._bodies / f"orders.{kind}"), *mapping],
            env={**os.environ, "EVENTKEEP_API_KEY": server.key, "EVENTKEEP_URL": server.url},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return {"rows_per_second": IMPORT_ROWS / (time.perf_counter() - started)}

    def _folder(self, name: str) -> Path:
        """The folder of the templates called ``name``, which are made for the first load that needs them."""
        folder = self._bodies / name
        if folder.exists():
            return folder
        if name in set(Who):
            write_bodies(folder, [shop_body(seed, PROFILES, Who(name)) for seed in range(BULK_TEMPLATES)])
        else:
            write_bodies(folder, [single_body(seed, 200, name == SINGLE_NAMED) for seed in range(SINGLE_TEMPLATES)])
        return folder

    def _write_files(self) -> None:
        self._bodies.mkdir(exist_ok=True)
        header = ["id", "placed_at", "email", "total", "note"]
        rows = [
            [
                str(n),
                f"2025-03-{1 + n % 28:02d}T08:15:{n % 60:02d}Z",
                f"c{n % 9_000}@shop.example",
                f"{n % 500}.5",
                "x" * 40,
            ]
            for n in range(IMPORT_ROWS)
        ]
        with (self._bodies / "orders.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            return
        columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
        pq.write_table(pa.table(columns), self._bodies / "orders.parquet")


def rows(loads: Loads, python: Path) -> dict[str, Callable[[Server], Figures]]:
    """The loads of the table by name."""
    return {
        "bulk, shop": lambda server: loads.bulk(server, Who.SHOP),
        "bulk, each event another profile": lambda server: loads.bulk(server, Who.KNOWN),
        "bulk, each event changes its profile": lambda server: loads.bulk(server, Who.CHANGED),
        "bulk, each event a new profile": lambda server: loads.bulk(server, Who.NEW),
        "bulk, three events a new profile": lambda server: loads.bulk(server, Who.NEW_OF_THREE),
        "singles, email only": lambda server: loads.creates(server, SINGLE_EMAIL, SINGLE_PATH, SINGLE_CONNECTIONS),
        "singles, with a first name": lambda server: loads.creates(
            server, SINGLE_NAMED, SINGLE_PATH, SINGLE_CONNECTIONS
        ),
        "singles on schedule beside bulk": loads.beside_bulk,
        "import, CSV": lambda server: loads.imported(server, python, "csv"),
        "import, Parquet": lambda server: loads.imported(server, python, "parquet"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.loads", description=__doc__)
    parser.add_argument("--against", type=Path, help="the Python of another installation, measured in turns")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of each load")
    parser.add_argument("--only", help="a part of the names of the loads to run")
    parser.add_argument("--json", type=Path, default=Path("bench-loads.json"))
    options = parser.parse_args()
    sides = {"this": Path(sys.executable)} | ({"other": options.against} if options.against else {})
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name:
        found = measure(Path(name), sides, options.seconds, options.rounds, options.only)
    options.json.write_text(json.dumps({"machine": machine(), "loads": found}, indent=2) + "\n")
    for load, measured in found.items():
        if "other" in measured:
            print(f"{load:36} this/other {ratio(measured):.2f}")


def measure(
    folder: Path,
    sides: dict[str, Path],
    seconds: float,
    rounds: int = 1,
    only: str | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, dict[str, list[Figures]]]:
    """The figures of each load, of each side by the path of its Python, round by round."""
    found: dict[str, dict[str, list[Figures]]] = {}
    loads = Loads(folder / "bodies", seconds)
    for load in rows(loads, sides["this"]):
        if only and only not in load:
            continue
        with contextlib.ExitStack() as stack:
            servers = {
                side: stack.enter_context(Server(python, folder / f"{side}-{load}")) for side, python in sides.items()
            }
            for number in range(rounds):
                for side in list(sides) if number % 2 == 0 else reversed(list(sides)):
                    measured = rows(loads, sides[side])[load](servers[side])
                    # Its merges would take processor time from the other one.
                    rest(servers[side].pid, PAUSE_SECONDS)
                    found.setdefault(load, {}).setdefault(side, []).append(measured)
                    say(f"{load:36} {side:6} {shown(measured)}")
    return found


def shown(measured: Figures) -> str:
    return "  ".join(f"{name} {value:,.1f}" for name, value in measured.items() if name != "resident_bytes")


def ratio(sides: dict[str, list[Figures]]) -> float:
    """The median over the rounds of this installation's main figure divided by the other's; NaN if there is none."""
    name = next(name for name in ("events_per_second", "rows_per_second", "p50_ms") if name in sides["this"][0])
    pairs = zip(sides["this"], sides["other"], strict=True)
    return median([float(one[name] / other[name]) for one, other in pairs if other[name]] or [math.nan])


if __name__ == "__main__":
    main()
