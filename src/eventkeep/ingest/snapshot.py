"""A snapshot: both views of an open data folder at one position, as files that a folder can be made from.

Commits wait only while the tail is flushed and the directory is copied. The segments never change; they get a second
name if the target is on the same disk, and are copied otherwise, while commits go on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
from xxhash import xxh3_64

from eventkeep.directory import Progress
from eventkeep.errors import StoreError
from eventkeep.events.format import MANIFEST_NAME
from eventkeep.files import Files, write_new
from eventkeep.ingest.stores import EVENTS_FOLDER, Stores

READ_BYTES = 4_194_304


class SnapshotFile(msgspec.Struct, frozen=True):
    """A file of a snapshot: its path within it, its size in bytes, and its XXH3 checksum of 64 bits."""

    name: str
    size: int
    checksum: int


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot: the state up to the record at ``position``, whose checksum and time it has.

    ``log`` is the identity of the log; ``time`` is in Unix microseconds.
    """

    log: int
    position: int
    checksum: int
    time: int
    files: list[SnapshotFile]


def take_snapshot(
    stores: Stores, target: Path, between_commits: Callable[[Callable[[], None]], None], files: Files | None = None
) -> Snapshot:
    """Write a snapshot into the folder ``target``, which is made.

    ``between_commits`` calls a function while nothing is committed. Raises StoreError if a disk fails.
    """
    files = files or Files()
    try:
        files.make_folder(target)
        files.make_folder(target / EVENTS_FOLDER)
        stores.events.flush()
        with ExitStack() as pinned:
            taken: list[tuple[Progress, bytes, list[Path]]] = []

            def take() -> None:
                stores.events.flush()
                manifest, paths = pinned.enter_context(stores.events.pinned())
                taken.append((stores.directory.copy_to(target), manifest, paths))

            between_commits(take)
            ((progress, manifest, paths),) = taken
            for path in paths:
                link_or_copy(path, target / EVENTS_FOLDER / path.name, files)
        write_new(files, target / EVENTS_FOLDER / MANIFEST_NAME, manifest)
        files.sync_folder(target / EVENTS_FOLDER)
        files.sync_folder(target)
        found = [file_in(target, path, files) for path in sorted(target.rglob("*")) if path.is_file()]
    except OSError as exc:
        raise StoreError(f"the snapshot {target} can't be written: {exc}") from exc
    return Snapshot(stores.log.identity, progress.position, progress.checksum, progress.time, found)


def copy_snapshot(source: Path, snapshot: Snapshot, target: Path, files: Files | None = None) -> None:
    """Copy the files of a snapshot into a data folder, and compare each with its checksum. Raises StoreError."""
    files = files or Files()
    try:
        files.make_folder(target)
        for each in snapshot.files:
            copy = target / each.name
            files.make_folder(copy.parent)
            copy_file(source / each.name, copy, files)
            if file_in(target, copy, files) != each:
                raise StoreError(f"the backup is damaged: {source / each.name} has changed since it was written")
        files.sync_folder(target)
    except OSError as exc:
        raise StoreError(f"the snapshot {source} can't be copied: {exc}") from exc


def file_in(folder: Path, path: Path, files: Files) -> SnapshotFile:
    """The size and the checksum of a file. Raises OSError."""
    file = files.open(path)
    try:
        size, hashed = files.size(file), xxh3_64()
        for offset in range(0, size, READ_BYTES):
            hashed.update(files.read(file, READ_BYTES, offset))
    finally:
        files.close(file)
    return SnapshotFile(path.relative_to(folder).as_posix(), size, hashed.intdigest())


def link_or_copy(source: Path, target: Path, files: Files) -> None:
    """Give a file that never changes a second name, or copy it to another disk. Raises OSError."""
    try:
        files.link(source, target)
    except OSError:
        copy_file(source, target, files)


def copy_file(source: Path, target: Path, files: Files) -> None:
    """Copy a file, durably. Raises OSError."""
    file = files.create(target)
    try:
        with source.open("rb") as content:
            offset = 0
            while piece := content.read(READ_BYTES):
                offset += files.write(file, [piece], offset)
        files.sync(file)
    finally:
        files.close(file)


def remove(folder: Path) -> None:
    """Remove the files of a snapshot that was not finished."""
    shutil.rmtree(folder, ignore_errors=True)
