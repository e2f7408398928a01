"""Random damage to every kind of file in a data folder: ``python -m tests.faults.damages 500``.

A file is flipped, cut, deleted, or put back in an older version. Each damage is refused with the name of the file, or
has no effect on any read; none is silent. ``--check`` has ``eventkeep check`` find each as well.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.profiles import row_of
from eventkeep.errors import StoreError
from eventkeep.events.selection import EventSelection
from eventkeep.ingest.scrub import scrub_folder
from eventkeep.ingest.stores import Stores
from eventkeep.log.transport import Outcome
from eventkeep.model.profile import Profile
from tests.made_events import event_columns

PROFILES: Final = 40
SKIPPED: Final = ("server.lock", "directory.sqlite3-shm", "filter")
"""Files without content of their own: SQLite makes the first anew, the event store the last."""


def profile_row(number: int) -> tuple[Any, ...]:
    email = f"{number}@shop.example"
    profile = Profile(
        number=number, id=f"{number:026d}", account=1, email=email, properties={"place": number}, created=1, updated=1
    )
    return row_of(profile)


def keep(stores: Stores, changes: list[Change], *numbers: int) -> None:
    events = event_columns(*numbers, profile=1 + numbers[0] % PROFILES) if numbers else None
    made = stores.encoded(changes, events)
    assert stores.log.append(made.record).outcome is Outcome.KEPT
    stores.directory.apply(changes, made.progress)
    stores.events.append(made.record.position, events)


def metric_change(name: str) -> Change:
    row = (1, "ABCDEF", name, "api", "abcdef", True, 1, 1)
    return Change(Table.METRIC, Operation.PUT, 1, [row])


def fill(stores: Stores, moment: Callable[[], object]) -> None:
    """Fill the stores; ``moment`` is called where a copy of the folder will be an older one."""
    profiles = [profile_row(number) for number in range(1, PROFILES + 1)]
    owners = [("email", f"{number}@shop.example", number) for number in range(1, PROFILES + 1)]
    changes = [metric_change("Ordered"), Change(Table.PROFILE, Operation.PUT, 1, profiles)]
    keep(stores, [*changes, Change(Table.IDENTIFIER, Operation.PUT, 1, owners)])
    for start in range(1, 400, 20):
        keep(stores, [], *range(start, start + 20))
        if start == 181:
            stores.events.flush()
            stores.trim()
            keep(stores, [Change(Table.PROFILE, Operation.PUT, 1, profiles)])
            moment()
    stores.events.flush()
    stores.trim()
    for start in range(401, 601, 20):
        keep(
            stores,
            [Change(Table.PROFILE, Operation.PUT, 1, [profile_row(start % PROFILES + 1)])],
            *range(start, start + 20),
        )


EARLIER: Final = "earlier"


def make_folders(base: Path) -> dict[str, Path]:
    """A folder as a server leaves it that was ended, one that was stopped, and one of an earlier moment."""
    stores = Stores.open(base / "open")
    fill(stores, lambda: shutil.copytree(base / "open", base / EARLIER))
    shutil.copytree(base / "open", base / "ended")
    stores.close()
    (base / "open").rename(base / "stopped")
    return {name: base / name for name in ("ended", "stopped", EARLIER)}


def everything(folder: Path) -> list[Any]:
    """All that can be read from a folder. Raises StoreError for damage."""
    stores = Stores.open(folder)
    try:
        directory, events = stores.directory, stores.events
        found = [
            (event.unique_id, event.time, event.value, event.profile, event.metric, event.properties)
            for event in events.page(EventSelection(account=1, count=10_000))
        ]
        profiles = directory.profiles.list(1, count=1_000)
        owners = [directory.profiles.find_identifier(1, "email", f"{number}@shop.example") for number in range(60)]
        by_profile = [
            len(events.page(EventSelection(account=1, count=10_000, profiles=frozenset([profile.number]))))
            for profile in profiles
        ]
        return [stores.log.last, found, profiles, owners, by_profile, directory.metrics.list(1), directory.secret]
    finally:
        stores.close()


def damage(path: Path, older: Path, chance: random.Random) -> str:
    """Flip a bit of the file, cut it, delete it, or put an older version back; returns a description."""
    kind = chance.choices(["flip", "cut", "delete", "older"], [8, 2, 1, 2])[0]
    size = path.stat().st_size
    if kind == "older" and older.exists():
        shutil.copy(older, path)
        return "put back in an older version"
    if kind == "delete" or not size:
        path.unlink()
        return "deleted"
    # The log's files are mostly zeros: half of the places are in the part with records.
    used = max(1, len(path.read_bytes().rstrip(b"\0"))) if chance.random() < 0.7 else size
    place = chance.randrange(used)
    if kind == "cut":
        os.truncate(path, place)
        return f"cut at {place}"
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << chance.randrange(8)]))
    return f"flipped at {place}"


def copied(folder: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.sock"))
    return target


def damage_one_file(folder: Path, earlier: Path, chance: random.Random) -> str:
    """Damage a random file of the folder; returns its name and the damage. ``earlier`` has older versions of files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in SKIPPED)
    path = chance.choice(files)
    return f"{path.relative_to(folder)} {damage(path, earlier / path.relative_to(folder), chance)}"


def outcomes_of(folders: dict[str, Path], base: Path, seeds: range, checks: bool = False) -> Counter[str]:
    """The number of damages that were refused, and of those without effect. Raises AssertionError for a silent one.

    If it ``checks``, each damage that is refused has to be found by the full check too.
    """
    whole = {name: everything(copied(folders[name], base / name)) for name in ("ended", "stopped")}
    assert whole["ended"] == whole["stopped"]
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        chance = random.Random(seed)
        name = chance.choice(["ended", "stopped"])
        folder = copied(folders[name], base / "damaged")
        done = f"seed {seed}: {name}/{damage_one_file(folder, folders[EARLIER], chance)}"
        if checks:
            shutil.copytree(folder, base / "checked", dirs_exist_ok=True)
        try:
            read = everything(folder)
        except StoreError as exc:
            outcomes["refused"] += 1
            assert str(folder) in str(exc) or "record" in str(exc), done
            if checks:
                assert any(part.damage for part in scrub_folder(base / "checked")), done
                outcomes["found by check"] += 1
        else:
            outcomes["without effect"] += 1
            assert read == whole[name], done
        shutil.rmtree(base / "checked", ignore_errors=True)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("first", type=int, nargs="?", default=0, help="the first seed")
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.count)
    with tempfile.TemporaryDirectory() as base:
        folders = make_folders(Path(base, "whole"))
        outcomes = outcomes_of(folders, Path(base), seeds, chosen.check)
        print(f"{chosen.count} damages, none silent: {dict(outcomes)}")


if __name__ == "__main__":
    main()
