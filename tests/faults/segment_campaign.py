"""Random work on an event store with faults, kills and power cuts: ``python -m tests.faults.segment_campaign``.

--seed S --rounds N: each round has a seed of its own, from S on; one that fails is run again by its seed alone.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

from eventkeep.errors import EventStoreError
from eventkeep.events.store import EventStore
from tests.event_samples import Model, Row, check_all, columns
from tests.faulty_files import Killed, UnsyncedFiles

STEPS: Final = 40
FAULTS: Final = ("error", "short", "full", "kill", "killed", "power")


class Round:
    """A store, the log behind it, and the model that it has to equal."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.choose = folder, random.Random(seed)
        self.log: list[list[Row]] = []
        self.log_start = 1
        self.model = Model()
        self.happened: Counter[str] = Counter()
        self.files = UnsyncedFiles()
        self.store = EventStore.open(folder, self.files, log_start=1, background=False)

    def run(self) -> None:
        for _ in range(STEPS):
            self.step()
        self.files.arm(None, "error")
        check_all(self.store, self.model)
        self.store.close()
        store = EventStore.open(self.folder, log_start=len(self.log) + 1, background=False)
        check_all(store, self.model)
        store.close()

    def step(self) -> None:
        """One piece of work, in which an operation may fail; then the process may be gone."""
        fault = self.choose.choice(FAULTS)
        if self.choose.random() < 0.4:
            self.files.arm(self.choose.randrange(25), "kill" if fault == "power" else fault)
        else:
            self.files.arm(None, "error")
        try:
            self.work()
        except EventStoreError:
            self.happened["errors"] += 1
        except Killed:
            pass
        if self.files.is_dead or self.choose.random() < 0.05:
            self.reopen(fault == "power")

    def work(self) -> None:
        kind = self.choose.choices(("append", "flush", "merge", "trim", "read", "restart"), (3, 5, 3, 2, 1, 1))[0]
        self.happened[kind] += 1
        if kind == "append":
            self.append()
        elif kind == "flush":
            for _ in range(self.choose.randrange(1, 5)):
                self.append()
                self.store.flush()
        elif kind == "merge":
            while self.store.merge():
                self.happened["merged"] += 1
        elif kind == "trim":
            self.log_start = max(self.log_start, self.store.flushed_position + 1)
        elif kind == "read":
            check_all(self.store, self.model)
        else:
            self.store.close()
            self.reopen(False)

    def append(self) -> None:
        position, rows = len(self.log) + 1, []
        for number in range(self.choose.choice((0, 1, 8, 8, 60))):
            row = Row(
                account=self.choose.choice((1, 1, 2)),
                time=1_700_000_000 + position + self.choose.randrange(30),
                id=self.choose.getrandbits(64),
                key_low=number,
                profile=self.choose.randrange(1, 9),
                metric=self.choose.randrange(1, 4),
                unique_id=f"{position}-{number}",
                properties=b"{%d}" % self.choose.getrandbits(80),
            )
            rows.append(row)
        self.log.append(rows)
        self.model.rows += rows
        self.store.append(position, columns(rows) if rows else None)

    def reopen(self, cuts_power: bool) -> None:
        """The process, or the machine, comes back; the log gives again the events that the store does not have."""
        self.happened["power cuts" if cuts_power else "reopened"] += 1
        flushed = self.store.flushed_position
        if cuts_power:
            self.files.cut_power(self.choose)
        self.files = UnsyncedFiles()
        self.store = EventStore.open(self.folder, self.files, log_start=self.log_start, background=False)
        assert self.store.flushed_position >= min(flushed, self.log_start - 1)
        for position in range(self.store.position + 1, len(self.log) + 1):
            assert position >= self.log_start
            rows = self.log[position - 1]
            self.store.append(position, columns(rows) if rows else None)
        check_all(self.store, self.model)


def campaign(seed: int, rounds: int) -> Counter[str]:
    """Run the rounds; returns how often each thing happened."""
    happened: Counter[str] = Counter()
    for own in range(seed, seed + rounds):
        folder = Path(tempfile.mkdtemp(prefix="segments-"))
        one = Round(folder / "events", own)
        try:
            one.run()
        except BaseException:
            print(f"round {own} failed; its folder is {folder}")
            raise
        happened += one.happened
        shutil.rmtree(folder)
    return happened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=100)
    chosen = parser.parse_args()
    before = time.monotonic()
    happened = campaign(chosen.seed, chosen.rounds)
    print(f"{chosen.rounds} rounds in {time.monotonic() - before:.0f} s: {dict(happened)}")


if __name__ == "__main__":
    main()
