"""Making a damaged view anew: from the log if it has every record, or from a snapshot and the log behind it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from eventkeep.directory import Directory
from eventkeep.errors import StoreError
from eventkeep.events.store import EventStore
from eventkeep.ingest.backup import read_list
from eventkeep.ingest.folder_manifest import NAME, FolderManifest, check_format, read_manifest
from eventkeep.ingest.scrub import scrub_directory, scrub_events
from eventkeep.ingest.snapshot import Snapshot, copy_snapshot
from eventkeep.ingest.stores import EVENTS_FOLDER, LOG_FOLDER, Stores
from eventkeep.log.inspection import LogState, inspect_log

DIRECTORY = "directory"
EVENT_STORE = "event store"
DIRECTORY_FILES = "directory.*"


def repair(folder: Path, backup: Path | None = None) -> Iterator[str]:
    """Make the damaged views of a folder anew, whose lock is held; yields a description of each step.

    The damaged files are moved into a folder beside. Raises StoreError for damage that can't be repaired.
    """
    check_format(folder)
    state = inspect_log(folder / LOG_FOLDER)
    if state is None:
        raise StoreError(f"the log {folder / LOG_FOLDER} is missing: only a backup of the whole folder can be restored")
    if (told := forget_manifest(folder, state)) is not None:
        yield told
    for view in damaged_views(folder, state):
        snapshot = None if state.first == 1 else snapshot_for(state, backup, view)
        moved = move_away(folder, view)
        if moved is not None:
            yield f"moved the damaged {view} to {moved}"
        if snapshot is not None and backup is not None:
            take_view(folder, view, backup, snapshot)
            yield f"took the {view} from the backup, as of record {snapshot.position}"
        yield f"the {view} follows the log from record {1 if snapshot is None else snapshot.position + 1} on"
    Stores.open(folder).close()
    yield f"both views stand at record {state.last}"


def forget_manifest(folder: Path, state: LogState) -> str | None:
    """Remove the folder's manifest, which the next start writes anew, because a view may come from elsewhere.

    Returns a description if it was damaged. Raises StoreError if it proves that the log can't be repaired.
    """
    manifest: FolderManifest | None = None
    told: str | None = None
    try:
        manifest = read_manifest(folder)
    except StoreError as exc:
        told = f"removed the manifest of the folder: {exc}"
    if manifest is not None and (manifest.log != state.identity or manifest.last > state.last):
        raise StoreError(
            f"the folder had the log {manifest.log:016x} up to record {manifest.last}, and there is the log "
            f"{state.identity:016x} up to record {state.last}: the records are lost, and only a backup has them"
        )
    try:
        (folder / NAME).unlink(missing_ok=True)
    except OSError as exc:
        raise StoreError(f"{folder / NAME} can't be removed: {exc}") from exc
    return told


def damaged_views(folder: Path, state: LogState) -> list[str]:
    """The views that are damaged, missing, or can't follow the log."""
    found = []
    for view, position_of in ((DIRECTORY, directory_position), (EVENT_STORE, events_position)):
        try:
            is_whole = state.first - 1 <= position_of(folder, state) <= state.last
        except StoreError:
            is_whole = False
        if not is_whole:
            found.append(view)
    return found


def directory_position(folder: Path, state: LogState) -> int:
    """The directory's position, after a full check. Raises StoreError."""
    with Directory.open(folder, state.identity) as directory:
        scrub_directory(directory)
        return directory.position


def events_position(folder: Path, state: LogState) -> int:
    """The event store's position, after a full check. Raises StoreError."""
    events = EventStore.open(folder / EVENTS_FOLDER, log_start=state.first, background=False)
    try:
        scrub_events(events)
        return events.position
    finally:
        events.close()


def snapshot_for(state: LogState, backup: Path | None, view: str) -> Snapshot:
    """The newest snapshot behind which the log has every record. Raises StoreError if there is none."""
    advice = f"the {view} can't be made from the log, which begins with record {state.first}"
    if backup is None:
        raise StoreError(f"{advice}: name a backup with --from, or restore one into a new folder")
    found = read_list(backup)
    snapshots = [] if found is None or found.log != state.identity else found.snapshots
    fitting = [each for each in snapshots if state.first - 1 <= each.position <= state.last]
    if not fitting:
        raise StoreError(f"{advice}, and the backup {backup} has no snapshot that it follows")
    return max(fitting, key=lambda each: each.position)


def move_away(folder: Path, view: str) -> Path | None:
    """Move the files of a view into a folder beside; None if there are none. Raises StoreError."""
    paths = sorted(folder.glob(DIRECTORY_FILES)) if view == DIRECTORY else [folder / EVENTS_FOLDER]
    paths = [path for path in paths if path.exists()]
    if not paths:
        return None
    target = next(
        path
        for number in itertools.count(1)
        if not (path := folder.with_name(f"{folder.name}-damaged-{number}")).exists()
    )
    try:
        target.mkdir(mode=0o700)
        for path in paths:
            path.rename(target / path.name)
    except OSError as exc:
        raise StoreError(f"the damaged {view} can't be moved to {target}: {exc}") from exc
    return target


def take_view(folder: Path, view: str, backup: Path, snapshot: Snapshot) -> None:
    """Copy the files of one view from a snapshot. Raises StoreError."""
    is_events = [each.name.startswith(f"{EVENTS_FOLDER}/") for each in snapshot.files]
    wanted = [
        each for each, of_events in zip(snapshot.files, is_events, strict=True) if of_events == (view != DIRECTORY)
    ]
    part = Snapshot(snapshot.log, snapshot.position, snapshot.checksum, snapshot.time, wanted)
    copy_snapshot(backup / f"snapshot-{snapshot.position}", part, folder)
