"""Backups of a large store under load, and starts on it: ``python -m bench.backups --events 10000000``.

The store is filled with bulk creates of a shop. Then the same load runs in turns alone and while full backups are made
one after the other. The last backup is restored, checked, and compared with the store that it was made of: every event
up to the backup's record is there, once, with the same numbers; that its documents are whole is a matter of the check.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from bench.loads import BULK_CONNECTIONS, BULK_PATH, Figures, Loads, Server
from bench.process import folder_bytes, machine, resident_bytes, rest
from bench.shop_bodies import Who
from eventkeep.events.rows import row_slices
from eventkeep.events.store import parts_of
from eventkeep.ingest.stores import Stores
from eventkeep.testing import ServerProcess

SLICE_ROWS: Final = 65_536
COLUMNS: Final = ("time", "id", "key_low", "profile", "metric", "value", "currency")


class Backups:
    """Full backups of a folder, one after the other, in a thread; ``seconds`` are those of the whole ones."""

    def __init__(self, data: Path, folder: Path) -> None:
        self._data, self._folder = data, folder
        self.seconds: list[float] = []
        self._failure: BaseException | None = None
        self.position = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Backups:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._back_up()
        except BaseException as exc:
            self._failure = exc

    def _back_up(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        started = time.perf_counter()
        done = eventkeep("backup", str(self._folder), "--data", str(self._data))
        self.seconds.append(time.perf_counter() - started)
        self.position = int(done.split()[-1].replace(",", ""))


def eventkeep(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "eventkeep", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"eventkeep {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def sums(folder: Path, position: int) -> dict[str, int]:
    """The events of a folder up to a record: how many there are, and the sum of each column modulo 2^64."""
    found = dict.fromkeys(("events", *COLUMNS), 0)
    with closing(Stores.open(folder)) as stores, stores.events._snapshots.reading() as snapshot:
        for part in parts_of(snapshot):
            for rows in row_slices(0, part.rows, SLICE_ROWS):
                columns = part.columns(rows, (*COLUMNS, "position"))
                own = columns["position"] <= position
                found["events"] += int(own.sum())
                for name in COLUMNS:
                    words = np.ascontiguousarray(columns[name][own]).astype(columns[name].dtype)
                    added = words.view(np.uint64) if words.dtype.itemsize == 8 else words.astype(np.uint64)
                    found[name] = (found[name] + int(added.sum(dtype=np.uint64))) % 2**64
    return found


def start_seconds(data: Path) -> float:
    """Seconds until a server is ready, with the start of Python."""
    server = ServerProcess(data)
    started = time.perf_counter()
    server.start()
    seconds = time.perf_counter() - started
    server.stop()
    return seconds


def measured(options: argparse.Namespace, name: Path) -> Figures:
    loads, data = Loads(name / "bodies", options.seconds), name / "data"
    figures: Figures = {"rounds": []}
    with Server(Path(sys.executable), data) as server:
        stored = 0
        while stored < options.events:
            stored += loads.creates(server, Who.SHOP, BULK_PATH, BULK_CONNECTIONS)["events"]
            print(f"{stored:,} events", flush=True)
        rest(server.pid)
        for _ in range(options.rounds):
            alone = loads.bulk(server, Who.SHOP)
            with Backups(data, name / "backup") as made:
                beside = loads.bulk(server, Who.SHOP)
            pair = {"alone": alone["events_per_second"], "beside": beside["events_per_second"]}
            figures["rounds"].append({**pair, "backup_seconds": made.seconds})
            print(f"{pair['alone']:,.0f}/s alone, {pair['beside']:,.0f}/s beside backups", made.seconds, flush=True)
        figures["stored"], figures["bytes"] = stored, folder_bytes(data)
        figures["resident_bytes"] = resident_bytes(server.pid)
    figures["rate_ratio"] = median(pair["beside"] / pair["alone"] for pair in figures["rounds"])
    figures["start_seconds"] = [start_seconds(data) for _ in range(3)]
    print(eventkeep("restore", str(name / "backup"), "--data", str(name / "restored")), end="")
    print(eventkeep("check", "--data", str(name / "restored")), end="")
    figures["is_equal"] = sums(name / "restored", made.position) == sums(data, made.position)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.backups", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of each load")
    parser.add_argument("--json", type=Path, default=Path("bench-backups.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name:
        figures: dict[str, Any] = {"machine": machine(), **measured(options, Path(name))}
    options.json.write_text(json.dumps(figures, indent=2) + "\n")
    print({name: figure for name, figure in figures.items() if name not in ("machine", "rounds")})


if __name__ == "__main__":
    main()
