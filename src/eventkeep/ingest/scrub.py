"""The full check of a data folder: every record, every page, every segment, and the views against the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from eventkeep.directory import Directory
from eventkeep.directory.changes import decode_changes
from eventkeep.directory.moves import ELSEWHERE
from eventkeep.directory.reader import followed_log
from eventkeep.errors import StoreError
from eventkeep.events.selection import EventSelection
from eventkeep.events.store import EventStore
from eventkeep.ingest.folder_manifest import read_manifest
from eventkeep.ingest.stores import EVENTS_FOLDER, LOG_FOLDER, REPLICATED, Stores, check_not_emptied, read_record
from eventkeep.log.inspection import inspect_log, read_log

ALL_EVENTS: Final = 1 << 62


class Checked(msgspec.Struct, frozen=True):
    """The result of the check of one part. ``damage`` is None if it is whole."""

    part: str
    found: str
    damage: str | None = None


def scrub_folder(folder: Path) -> Iterator[Checked]:
    """Check all parts of a folder whose lock is held and that no server has."""
    if (folder / REPLICATED).exists():
        yield from scrub_replicated(folder)
        return
    manifest = checked("folder", lambda: scrub_manifest(folder))
    yield manifest
    if manifest.damage is not None:
        # If a newer eventkeep made it, nothing may be touched.
        return
    log = checked("log", lambda: scrub_log(folder / LOG_FOLDER))
    yield log
    state = None if log.damage is not None else inspect_log(folder / LOG_FOLDER)
    if state is None:
        yield checked("agreement", lambda: scrub_missing_log(folder))
        return
    yield checked("directory", lambda: scrub_directory_of(folder, state.identity))
    yield checked("event store", lambda: scrub_events_of(folder, state.first))
    yield checked("agreement", lambda: scrub_agreement(folder))


def scrub_manifest(folder: Path) -> str:
    """Read the folder's manifest. Raises StoreError."""
    manifest = read_manifest(folder)
    return "there is no manifest yet" if manifest is None else f"the manifest says record {manifest.last} or later"


def scrub_replicated(folder: Path) -> Iterator[Checked]:
    """Check the views of a folder whose log is on the servers of NATS."""
    yield checked("directory", lambda: scrub_directory_of(folder, followed_log(folder)))
    yield checked("event store", lambda: scrub_events_of(folder, None))


def checked(part: str, check: Callable[[], str]) -> Checked:
    """The outcome of one part's check."""
    try:
        return Checked(part, check())
    except StoreError as exc:
        return Checked(part, "damaged", str(exc))


def scrub_missing_log(folder: Path) -> str:
    """Raises StoreError if there are views without a log."""
    check_not_emptied(folder)
    return "there is nothing yet"


def scrub_log(folder: Path) -> str:
    """Read and decode every record. Raises StoreError."""
    state = inspect_log(folder)
    if state is None:
        return "there is none"
    events = 0
    for content in read_log(folder, state.first):
        record, _ = read_record(content)
        decode_changes(record.changes, f"record {record.position} of the log")
        events += 0 if record.events is None else len(record.events)
    return f"records {state.first} to {state.last} with {events} events"


def scrub_directory_of(folder: Path, log: int) -> str:
    """Check the directory of a folder. Raises StoreError."""
    with Directory.open(folder, log) as directory:
        return scrub_directory(directory)


def scrub_directory(directory: Directory) -> str:
    """Compare all pages with their checksums, and let SQLite check its structure. Raises StoreError."""
    directory.scrub()
    directory.check_structure()
    accounts = directory.accounts.list()
    profiles = sum(directory.profiles.count(account.number) for account in accounts)
    return f"{len(accounts)} accounts and {profiles} profiles at record {directory.position}"


def scrub_events_of(folder: Path, log_start: int | None) -> str:
    """Check the event store of a folder. Raises StoreError."""
    events = EventStore.open(folder / EVENTS_FOLDER, log_start=log_start, background=False)
    try:
        return scrub_events(events)
    finally:
        events.close()


def scrub_events(events: EventStore) -> str:
    """Read every event of every account. Raises StoreError."""
    count = events.scrub()
    if count != events.count():
        raise StoreError(f"the event store says that it has {events.count()} events, and {count} can be read")
    return f"{count} events at record {events.position}"


def scrub_agreement(folder: Path) -> str:
    """Bring the views to the log's end, and see that every event has its profile and its metric. Raises StoreError."""
    stores = Stores.open(folder)
    try:
        return scrub_references(stores.directory, stores.events)
    finally:
        stores.close()


def scrub_references(directory: Directory, events: EventStore) -> str:
    """See that every event has its profile and its metric. Raises StoreError."""
    for account in events.accounts():
        if (move := directory.moves.get(account)) is not None and move.state in ELSEWHERE:
            # It lives in another shard: its events stay here without its rows.
            continue
        profiles, metrics = directory.profiles.numbers(account), directory.metrics.numbers(account)
        selection = EventSelection(account=account, count=ALL_EVENTS, descending=False)
        for columns in events.scan(selection):
            for name, known in (("profile", profiles), ("metric", metrics)):
                missing = np.setdiff1d(columns.numbers[name], known)
                if len(missing):
                    raise StoreError(
                        f"events of account {account} are of the {name} {missing[0]}, which the directory does not have"
                    )
    return f"directory and event store agree at record {directory.position}"


def scrub_open(stores: Stores) -> Iterator[Checked]:
    """Check all parts of a folder that is open here."""
    yield checked("directory", lambda: scrub_directory(stores.directory))
    yield checked("event store", lambda: scrub_events(stores.events))
    yield checked("agreement", lambda: scrub_references(stores.directory, stores.events))
