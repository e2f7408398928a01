"""Joining: a snapshot of another node takes the place of the views of a data folder.

The files are written into a folder of their own within the data folder, and each is compared with its checksum as it
arrives. Once all are whole and durable, that folder gets another name, which decides that they count. Then they are
put in place, one after the other. A crash before the new name leaves a half-loaded folder, which is discarded; one
after it leaves files that the next start goes on to put in place.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

import structlog
from xxhash import xxh3_64

from eventkeep.directory import FILE_NAME
from eventkeep.directory.reader import applied_position
from eventkeep.errors import SnapshotDamaged, StoreError
from eventkeep.events.manifest import read_manifest
from eventkeep.files import Files
from eventkeep.ingest.snapshot import Snapshot, SnapshotFile
from eventkeep.ingest.stores import EVENTS_FOLDER, check_kind
from eventkeep.limits import DISK_RESERVE_BYTES, DISK_RESERVE_SHARE

logger = structlog.get_logger(__name__)

LOADING: Final = "joining"
"""The folder of files that are being loaded."""
LOADED: Final = "joined"
"""The folder of files that are whole, until all of them are in their places."""
DIRECTORY_FILES: Final = "directory.*"

Fetch = Callable[[SnapshotFile, int], bytes]
"""Returns bytes of a file of a snapshot from an offset on, at least one."""


def views_position(folder: Path, files: Files | None = None) -> int:
    """The record up to which both views of a data folder have followed their log; 0 if one of them is missing.

    Raises StoreError if one is damaged.
    """
    manifest = read_manifest(files or Files(), folder / EVENTS_FOLDER)
    return 0 if manifest is None else min(applied_position(folder), manifest.flushed)


def prepare_folder(folder: Path, files: Files | None = None) -> None:
    """Put a loaded snapshot in place, or discard a half-loaded one, if a crash has left one.

    The folder is marked as that of a node. Raises StoreError if it has a log of its own, or if a disk fails.
    """
    files = files or Files()
    try:
        check_kind(folder, files, is_replicated=True)
        if (folder / LOADING).exists():
            logger.warning("a snapshot was loaded in part, and is discarded", folder=str(folder / LOADING))
            shutil.rmtree(folder / LOADING)
        install(folder, files)
    except OSError as exc:
        raise StoreError(f"the data folder {folder} can't be used: {exc}") from exc


def load_snapshot(
    folder: Path, snapshot: Snapshot, fetch: Fetch, seen: Callable[[int], None], files: Files | None = None
) -> None:
    """Load a snapshot into a data folder, whose lock is held, in place of its views.

    ``seen`` is called with the number of bytes of each piece. Raises SnapshotDamaged if a file is not the one of the
    list, and StoreError if the disk has no room or fails; then the folder has the views that it had before, or none if
    there was no room for both.
    """
    files = files or Files()
    try:
        make_room(folder, snapshot, files)
        receive_snapshot(folder / LOADING, snapshot, fetch, seen, files)
        # From here on the snapshot counts.
        files.replace(folder / LOADING, folder / LOADED)
        files.sync_folder(folder)
        install(folder, files)
    except OSError as exc:
        raise StoreError(f"the snapshot can't be loaded into {folder}: {exc}") from exc


def receive_snapshot(
    target: Path, snapshot: Snapshot, fetch: Fetch, seen: Callable[[int], None], files: Files | None = None
) -> None:
    """Write the files of a snapshot into the folder ``target``, which is made anew, durably.

    Raises SnapshotDamaged if a file is not the one of the list, and OSError.
    """
    files = files or Files()
    shutil.rmtree(target, ignore_errors=True)
    files.make_folder(target)
    files.make_folder(target / EVENTS_FOLDER)
    for each in snapshot.files:
        check_name(each.name)
        receive_file(target / each.name, each, fetch, seen, files)
    files.sync_folder(target / EVENTS_FOLDER)
    files.sync_folder(target)


def receive_file(path: Path, wanted: SnapshotFile, fetch: Fetch, seen: Callable[[int], None], files: Files) -> None:
    """Write one file, durably, and compare it with its checksum. Raises SnapshotDamaged, OSError."""
    hashed, offset = xxh3_64(), 0
    file = files.create(path)
    try:
        while offset < wanted.size:
            piece = fetch(wanted, offset)
            if not piece or offset + len(piece) > wanted.size:
                raise SnapshotDamaged(f"the file {wanted.name} has not the {wanted.size:,} bytes of its list")
            files.write(file, [piece], offset)
            hashed.update(piece)
            offset += len(piece)
            seen(len(piece))
        files.sync(file)
    finally:
        files.close(file)
    if hashed.intdigest() != wanted.checksum:
        raise SnapshotDamaged(f"the file {wanted.name} has another checksum than its list")


def check_name(name: str) -> None:
    """Raises SnapshotDamaged for a name that no file of a snapshot has, which could lead out of the folder."""
    parts = PurePosixPath(name).parts
    is_directory = len(parts) == 1 and PurePosixPath(name).match(DIRECTORY_FILES)
    is_event_file = len(parts) == 2 and parts[0] == EVENTS_FOLDER and parts[1] != ".."
    if not is_directory and not is_event_file:
        raise SnapshotDamaged(f"it lists a file {name!r}, which no snapshot has")


def make_room(folder: Path, snapshot: Snapshot, files: Files) -> None:
    """Have room for a snapshot. Views that can't follow the log any more go first, if there is no room beside them.

    Raises StoreError if there is not enough, and OSError.
    """
    needed = sum(each.size for each in snapshot.files) + reserve_bytes(folder, files)
    free, held = files.free_bytes(folder), views_bytes(folder)
    if free + held < needed:
        raise StoreError(
            f"the snapshot needs {needed:,} bytes of disk with the reserve, and {folder} has {free + held:,}: make room"
        )
    if free < needed:
        logger.warning("there is no room beside the stores that fell out of the log: they are removed", bytes=held)
        remove_directory(folder, files)
        shutil.rmtree(folder / EVENTS_FOLDER, ignore_errors=True)


def check_room(folder: Path, files: Files) -> None:
    """Raises StoreError if the disk of a folder has no room for the copy of its directory that a snapshot needs."""
    try:
        needed = (folder / FILE_NAME).stat().st_size + reserve_bytes(folder, files)
        free = files.free_bytes(folder)
    except OSError as exc:
        raise StoreError(f"the disk of {folder} can't be looked at: {exc}") from exc
    if free < needed:
        raise StoreError(f"a snapshot needs {needed:,} bytes of disk with the reserve, and {folder} has {free:,}")


def reserve_bytes(folder: Path, files: Files) -> int:
    """Free bytes of a disk that are left for acknowledged events. Raises OSError."""
    return min(DISK_RESERVE_BYTES, files.disk_bytes(folder) // DISK_RESERVE_SHARE)


def views_bytes(folder: Path) -> int:
    """Bytes of the files of both views."""
    paths = [*folder.glob(DIRECTORY_FILES), *folder.glob(f"{EVENTS_FOLDER}/*")]
    return sum(path.stat().st_size for path in paths if path.is_file())


def install(folder: Path, files: Files) -> None:
    """Put the files of a loaded snapshot in their places, as far as they are not there. Raises OSError."""
    loaded = folder / LOADED
    if not loaded.is_dir():
        return
    if (loaded / EVENTS_FOLDER).exists():
        if (folder / EVENTS_FOLDER).exists():
            shutil.rmtree(folder / EVENTS_FOLDER)
        files.replace(loaded / EVENTS_FOLDER, folder / EVENTS_FOLDER)
        files.sync_folder(folder)
    if (loaded / FILE_NAME).exists():
        # An older write-ahead log may never meet the new file.
        remove_directory(folder, files)
        files.replace(loaded / FILE_NAME, folder / FILE_NAME)
        files.sync_folder(folder)
    for path in sorted(loaded.iterdir()):
        files.replace(path, folder / path.name)
    files.sync_folder(folder)
    loaded.rmdir()
    files.sync_folder(folder)


def remove_directory(folder: Path, files: Files) -> None:
    """Remove the files of the directory, durably. Raises OSError."""
    for path in folder.glob(DIRECTORY_FILES):
        files.unlink(path)
    files.sync_folder(folder)
