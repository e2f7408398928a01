"""Pages of profiles: ``python -m bench.profiles`` fills a directory and reads a page by each filter in each order.

python -m bench.profiles                         a million profiles
python -m bench.profiles --folder F              keeps the directory, and takes it if it is there

The times are of the CPU: a page is read by one thread, from a file that the system has in memory.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.process import machine
from eventkeep.directory import Directory, Progress
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.profiles import consent_columns
from eventkeep.model.consent import (
    NOTHING,
    Consent,
    Reason,
    joined,
    list_suppressed,
    subscribed,
    suppressed,
    unsubscribed,
)
from eventkeep.model.profile_selection import Bounds, ProfilePlace, ProfileSelection, SortKey, SuppressionConditions

LOG: Final = 1
FIRST_TIME: Final = 1_640_000_000_000_000
SPAN: Final = 126_000_000_000_000
"""Four years, in microseconds."""
LISTS: Final = 20
PAGE: Final = 100
ROUNDS: Final = 3
ROWS_AT_ONCE: Final = 20_000
REASONS: Final[dict[Reason, float]] = {
    "UNSUBSCRIBE": 0.08,
    "HARD_BOUNCE": 0.04,
    "USER_SUPPRESSED": 0.02,
    "SPAM_COMPLAINT": 0.009,
    "INVALID_EMAIL": 0.001,
}
"""The share of the profiles that have each suppression."""
LIST_SUPPRESSED: Final = 0.05
SORTS: Final[tuple[SortKey, ...]] = ("number", "updated", "email", "suppressed", "list_suppressed")


def rows(count: int) -> Iterator[tuple[list[Any], list[Any]]]:
    """Profiles and their identifiers, some at a time: nine in ten have an email address, half were updated."""
    choose = random.Random(1)
    for start in range(1, count + 1, ROWS_AT_ONCE):
        profiles, identifiers = [], []
        for number in range(start, min(start + ROWS_AT_ONCE, count + 1)):
            created = FIRST_TIME + SPAN * number // count
            updated = created if choose.random() < 0.5 else choose.randint(created, FIRST_TIME + SPAN)
            consent = consent_of(choose, created)
            document, newest, newest_of_list = consent_columns(consent)
            updated = max(updated, newest or 0, newest_of_list or 0)
            email = None if number % 10 == 0 else f"{choose.randrange(10**9):09d}.{number}@shop.example"
            external = f"customer-{number}"
            names = (email, None, external, None, "Ada", "Lovelace", None, "en-GB", None, None)
            facts = ('{"city":"London"}', '{"tier":"gold","orders":12}', created, updated)
            profiles.append((number, f"01{number:024d}", *names, *facts, document, newest, newest_of_list))
            identifiers += [("external_id", external, number), *([("email", email, number)] if email else [])]
        yield profiles, identifiers


def consent_of(choose: random.Random, created: int) -> Consent:
    """What a profile of a shop has agreed to."""
    end = FIRST_TIME + SPAN
    consent = subscribed("email.marketing", created) if choose.random() < 0.5 else NOTHING
    draw = choose.random()
    for reason, share in REASONS.items():
        if 0 <= draw < share:
            moment = choose.randint(created, end)
            is_stated = reason != "UNSUBSCRIBE"
            consent = joined(
                consent, suppressed(reason, moment) if is_stated else unsubscribed("email.marketing", moment)
            )
        draw -= share
    if choose.random() < LIST_SUPPRESSED:
        consent = joined(consent, list_suppressed(f"List{choose.randrange(LISTS):02d}", choose.randint(created, end)))
    return consent


def fill(directory: Directory, count: int) -> None:
    for profiles, identifiers in rows(count):
        changes = [
            Change(Table.PROFILE, Operation.PUT, 1, profiles),
            Change(Table.IDENTIFIER, Operation.PUT, 1, identifiers),
        ]
        position = directory.position + 1
        directory.apply(changes, Progress(position, position, position))


def filters(count: int) -> dict[str, dict[str, Any]]:
    """Every allowed filter, each wide, narrow, early and late, by name."""
    middle, late, early = (FIRST_TIME + SPAN * part // 100 for part in (50, 99, 1))
    spans = {
        "after the middle": Bounds(middle, None),
        "before the middle": Bounds(None, middle),
        "the last hundredth": Bounds(late, None),
        "the first hundredth": Bounds(None, early),
        "the middle tenth": Bounds(middle, middle + SPAN // 10),
    }
    chosen = random.Random(2).sample(range(1, count + 1), 100)
    found: dict[str, dict[str, Any]] = {
        "none": {},
        "id any(100)": {"named": {"id": frozenset(f"01{number:024d}" for number in chosen)}},
        "external_id any(100)": {"named": {"external_id": frozenset(f"customer-{number}" for number in chosen)}},
        "email equals": {"named": {"email": frozenset({"nobody@shop.example"})}},
    }
    for name, bounds in spans.items():
        found[f"created {name}"] = {"created": bounds}
        found[f"updated {name}"] = {"updated": bounds}
        found[f"suppression.timestamp {name}"] = {"suppression": SuppressionConditions(bounds)}
        found[f"list_suppressions.timestamp {name}"] = {"list_suppression": SuppressionConditions(bounds)}
    for reason in REASONS:
        found[f"suppression.reason {reason}"] = {"suppression": SuppressionConditions(reasons=frozenset({reason}))}
    found["suppression.reason and timestamp"] = {
        "suppression": SuppressionConditions(spans["the middle tenth"], frozenset({"HARD_BOUNCE"}))
    }
    reason_of_list = SuppressionConditions(reasons=frozenset({"UNSUBSCRIBE"}))
    found["list_suppressions.reason"] = {"list_suppression": reason_of_list}
    found["list_suppressions.list_id"] = {"list_suppression": SuppressionConditions(list_ids=frozenset({"List07"}))}
    found["suppression and list_suppressions"] = {
        "suppression": SuppressionConditions(reasons=frozenset({"HARD_BOUNCE"})),
        "list_suppression": SuppressionConditions(list_ids=frozenset({"List07"})),
    }
    found["created and updated"] = {"created": spans["before the middle"], "updated": spans["after the middle"]}
    return found


def measure(directory: Directory, selection: ProfileSelection) -> float:
    """The milliseconds of CPU of the first page or of the one behind it, whichever has the greater median."""
    taken: list[float] = []
    for _ in range(2):
        times = []
        for _ in range(ROUNDS):
            started = time.thread_time()
            found = directory.profile_pages.find(selection)
            times.append((time.thread_time() - started) * 1e3)
        taken.append(statistics.median(times))
        if not found:
            break
        profile, value = found[-1]
        selection = msgspec.structs.replace(selection, after=ProfilePlace(value, profile.number))
    return max(taken)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.profiles", description=__doc__)
    parser.add_argument("--profiles", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="folder of the directory; a temporary one by default")
    parser.add_argument("--only", default="", help="a part of the names of the filters to read by")
    parser.add_argument("--json", type=Path, default=Path("bench-profiles.json"))
    options = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine(), "profiles": options.profiles, "milliseconds": {}}
    with (
        tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name,
        Directory.open(options.folder or Path(name), LOG) as directory,
    ):
        if directory.position == 0:
            started = time.perf_counter()
            fill(directory, options.profiles)
            print(f"filled in {time.perf_counter() - started:.0f} s")
        for filter_, conditions in filters(options.profiles).items():
            if options.only not in filter_:
                continue
            taken: dict[str, float] = {}
            for sort in SORTS:
                for descending in (False, True):
                    selection = ProfileSelection(
                        account=1, count=PAGE + 1, sort=sort, descending=descending, **conditions
                    )
                    taken[f"{'-' if descending else ''}{sort}"] = measure(directory, selection)
            figures["milliseconds"][filter_] = taken
            print(f"{filter_:44}" + "".join(f"{each:8.1f}" for each in taken.values()), flush=True)
    options.json.write_text(json.dumps(figures, indent=2) + "\n")
    slowest = {name: max(taken.values()) for name, taken in figures["milliseconds"].items()}
    print(
        "slowest: "
        + ", ".join(f"{name} {slowest[name]:.1f} ms" for name in sorted(slowest, key=slowest.__getitem__)[-3:])
    )


if __name__ == "__main__":
    main()
