"""A data folder as the next start would find it; nothing in it is changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from eventkeep.cli.findings import Finding, fault, ok, warning
from eventkeep.errors import StoreError

NEWER = "start the newer eventkeep that last used this folder"
BACKUP = "restore a backup of the whole folder"


class FolderState(msgspec.Struct, frozen=True):
    """The state of a folder. ``holder`` is the server process that has it, None if none has.

    ``place`` is the folder, or the nearest one above it that exists. ``last_change`` is in Unix seconds.
    """

    findings: list[Finding]
    place: Path
    holder: str | None = None
    last_change: float | None = None


def check_folder(folder: Path) -> FolderState:
    """Whether a server can work in the folder, and the state of the stores in it."""
    place = nearest(folder)
    refusal = unusable(folder, place)
    if refusal is not None:
        return FolderState([refusal], place)
    if place != folder:
        return FolderState([ok("folder", f"{folder} is not there yet; eventkeep serve makes it")], place)
    from eventkeep.server.folder import holder_of

    holder = holder_of(folder)
    used = f", in use by a server (process {holder})" if holder else ""
    status = folder.stat()
    found = ok("folder", f"{folder}{used}")
    if status.st_mode & stat.S_IRWXO:
        advice = f"events are personal data: chmod o-rwx {folder}"
        found = warning("folder", f"{folder} is open to every user of this machine{used}", advice)
    if status.st_uid != os.geteuid():
        advice = (
            f"run eventkeep doctor as the user who owns the folder (uid {status.st_uid}), so that new files are theirs"
        )
        return FolderState([found, warning("formats", "not looked at", advice)], place, holder)
    directory, last_change = check_directory(folder)
    findings = [found, directory, check_log(folder, holder), check_event_store(folder, holder)]
    return FolderState(findings, place, holder, last_change)


def nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def unusable(folder: Path, place: Path) -> Finding | None:
    """The reason why no server can work in the folder; None if one can."""
    if not place.is_dir():
        return fault("folder", f"{place} is no folder", "choose another with --data")
    if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        owner = place.stat().st_uid
        wrong = f"{place} can't be written by this user (uid {os.geteuid()}; it belongs to uid {owner})"
        made = "" if place == folder else f", so that {folder} can't be made"
        return fault("folder", wrong + made, "run eventkeep as its owner, or choose another with --data")
    return None


def check_directory(folder: Path) -> tuple[Finding, float | None]:
    """The directory's format, and when it was last changed, in Unix seconds."""
    from eventkeep.directory.inspection import inspect_directory

    try:
        state = inspect_directory(folder)
    except StoreError as exc:
        return fault("directory", str(exc), BACKUP), None
    if state is None:
        return ok("directory", "there is none yet; eventkeep serve makes it"), None
    found = f"schema {state.schema}, format {state.format}"
    if not state.is_known:
        return fault("directory", f"{found}, which this program does not know", NEWER), state.last_change
    return ok("directory", found), state.last_change


def check_log(folder: Path, holder: str | None) -> Finding:
    """The state of the log; a server that has the folder has checked its log itself."""
    if holder is not None:
        return ok("log", "open in the server, which knows its format")
    from eventkeep.ingest.stores import REPLICATED
    from eventkeep.log.inspection import inspect_log

    if (folder / REPLICATED).exists():
        return ok("log", "on the servers of NATS: the folder is that of a node")
    try:
        state = inspect_log(folder / "log")
    except StoreError as exc:
        return fault("log", str(exc), BACKUP)
    if state is None:
        if (folder / "directory.sqlite3").exists():
            return fault("log", f"{folder / 'log'} is missing, and directory.sqlite3 is there", BACKUP)
        return ok("log", "there is none yet; eventkeep serve makes it")
    found = f"records {state.first:,} to {state.last:,} in {state.files} files of {state.bytes / 1e6:,.0f} MB"
    if state.torn_bytes:
        found += "; a torn record at its end was never acknowledged, the next start leaves it out"
    return ok("log", found)


def check_event_store(folder: Path, holder: str | None) -> Finding:
    """The state of the event store."""
    if holder is not None:
        return ok("event store", "open in the server, which knows its format")
    from eventkeep.events.manifest import read_manifest
    from eventkeep.files import Files

    try:
        manifest = read_manifest(Files(), folder / "events") if (folder / "events").is_dir() else None
    except OSError as exc:
        return fault("event store", f"it can't be read: {exc}", BACKUP)
    except StoreError as exc:
        return fault("event store", str(exc), BACKUP)
    if manifest is None:
        return ok("event store", "there is none yet; eventkeep serve makes it")
    events = sum(entry.live_rows for entry in manifest.segments)
    return ok("event store", f"{events:,} events in {len(manifest.segments)} segments, up to record {manifest.flushed}")
