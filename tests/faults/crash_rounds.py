"""Servers that are ended in the middle of a load, again and again: ``python -m tests.faults.crash_rounds 100``.

The load changes a profile with each event, and keys are made and revoked meanwhile. With ``--power`` everything that
was not synced is gone after each round, names of files too; this needs a C compiler and a folder on a tmpfs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx

from eventkeep.errors import EventkeepError
from eventkeep.server.control import ControlRequest, ask_server
from eventkeep.testing import ServerProcess
from tests.faults.load import LARGE_FILLER, Load, headers, unique_ids

TMPFS: Final = Path("/dev/shm")
SHIM_SOURCE: Final = Path(__file__).with_name("power_shim.c")
KEPT_MIN: Final = 10
"""Requests that a load has had accepted before its server is ended, however slow the machine is."""
START_SECONDS_MAX: Final = 60.0
CHECKED_EVERY: Final = 10
"""After so many rounds all events are read."""


class PowerCuts:
    """Takes from a folder everything that was not synced."""

    def __init__(self, base: Path) -> None:
        self._base, self._shadow, self.shim = base, base / "shadow", base / "power_shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(self.shim), str(SHIM_SOURCE), "-ldl"], check=True)
        self._begin()

    def environment(self, data: Path) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.shim),
            "IO_FAULT_FOLDER": str(data),
            "EVENTKEEP_SHADOW": str(self._shadow),
        }

    def cut(self, data: Path) -> None:
        """Put what was synced in place of the folder. The next server finds all of it synced."""
        target = self._base / "after"
        self._rebuild(data.stat().st_ino, target)
        shutil.rmtree(data)
        target.rename(data)
        shutil.rmtree(self._shadow)
        self._begin()
        self._note(data)

    def _begin(self) -> None:
        for name in ("files", "folders"):
            (self._shadow / name).mkdir(parents=True)

    def _rebuild(self, inode: int, target: Path) -> None:
        target.mkdir(mode=0o700)
        names = self._shadow / "folders" / str(inode)
        for line in names.read_text().splitlines() if names.exists() else []:
            number, name = line.split(" ", 1)
            content = self._shadow / "files" / number
            if name in ("log", "events", "followers"):
                self._rebuild(int(number), target / name)
            elif not name.endswith(".sock"):
                # A name that was synced, and a content that was not.
                shutil.copy(content, target / name) if content.exists() else (target / name).touch()
                (target / name).chmod(0o600)

    def _note(self, folder: Path) -> None:
        """Have the shadow hold all of the folder."""
        lines = []
        for entry in os.scandir(folder):
            lines.append(f"{entry.inode()} {entry.name}\n")
            if entry.is_dir():
                self._note(Path(entry.path))
            else:
                shutil.copy(entry.path, self._shadow / "files" / str(entry.inode()))
        (self._shadow / "folders" / str(folder.stat().st_ino)).write_text("".join(lines))


class Keys:
    """Keys that were made and revoked while a server may end at any time."""

    def __init__(self) -> None:
        self.made: set[str] = set()
        self.revoked: set[str] = set()

    def change(self, data: Path) -> None:
        """Ask the server alone: without one, a change would not be part of the shadow."""
        with suppress(EventkeepError, OSError):
            kept = ask_server(data, ControlRequest("create_key", "default", ["full"]))
            if kept is not None:
                self.made.add(kept.key)
            other = ask_server(data, ControlRequest("create_key", "default", ["full"]))
            if other is not None and ask_server(data, ControlRequest("revoke_key", id=other.id)) is not None:
                self.revoked.add(other.key)

    def check(self, url: str) -> None:
        for keys, is_refused in ((self.made, False), (self.revoked, True)):
            for key in keys:
                status = httpx.get(f"{url}/api/events/?page[size]=1", headers=headers(key)).status_code
                assert (status == httpx.codes.UNAUTHORIZED) == is_refused, (key[3:11], status)


def wait_for_accepted(load: Load) -> None:
    """Wait until a load has had some requests accepted."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while len(load.kept) < KEPT_MIN and time.monotonic() < deadline:
        time.sleep(0.02)


def end_in_the_middle(server: ServerProcess, load: Load, keys: Keys, delay_seconds: float) -> None:
    wait_for_accepted(load)
    changing = threading.Thread(target=keys.change, args=(server.data,))
    changing.start()
    time.sleep(delay_seconds)
    server.kill()
    changing.join()


def run_rounds(base: Path, rounds: int, *, power: bool, seed: int = 1) -> Counter[str]:
    """Run so many rounds on one folder. Raises AssertionError if anything acknowledged is lost, doubled or changed."""
    choose, keys, loads = random.Random(seed), Keys(), list[Load]()
    cuts = PowerCuts(base) if power else None
    data = base / "data"
    server = ServerProcess(data, environment={} if cuts is None else cuts.environment(data))
    server.start()
    key = server.make_key()
    keys.made.add(key)
    for number in range(1, rounds + 1):
        load = Load(server.url, key, f"round-{number}", LARGE_FILLER if number % 2 else 200)
        loads.append(load)
        ending = threading.Thread(target=end_in_the_middle, args=(server, load, keys, 0.7 * choose.random()))
        ending.start()
        asyncio.run(load.run(singles=6, bulks=3))
        ending.join()
        if cuts is not None:
            cuts.cut(data)
        server.start()
        if number % CHECKED_EVERY == 0 or number == rounds:
            found = unique_ids(server.url, key)
            for each in loads:
                each.check(found)
            keys.check(server.url)
            print(f"{number} rounds, {found.total()} events: nothing lost, doubled or changed", flush=True)
    assert all(len(load.kept) >= KEPT_MIN for load in loads)
    server.stop()
    kept = sum(len(load.sent[name]) for load in loads for name in load.kept)
    return Counter({"rounds": rounds, "acknowledged events": kept, "keys": len(keys.made) + len(keys.revoked)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", type=int)
    parser.add_argument("--power", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eventkeep-crashes-", dir=TMPFS if chosen.power else None) as base:
        done = run_rounds(Path(base), chosen.rounds, power=chosen.power, seed=chosen.seed)
    print(f"nothing lost, doubled or changed: {dict(done)}")


if __name__ == "__main__":
    main()
