"""Opening the folder: the manifest and the files are compared, and the leftovers of a crash are removed.

There are three kinds of leftovers. A file that was being written has a name of its own (``.new``) and is removed. A
whole file that the manifest does not list is the output of a flush or merge that did not get to its manifest, or an
input of a merge that did; it is removed if the listed segments or the log have its positions. If neither has them,
the manifest is older than the file: then nothing is touched and the file is named.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from eventkeep.errors import EventStoreError
from eventkeep.events.catalog import Catalog, Range
from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.documents import DocumentFile
from eventkeep.events.format import (
    DOCUMENTS_MAGIC,
    DOCUMENTS_SUFFIX,
    FILTER_NAME,
    HEAD_BYTES,
    MANIFEST_NAME,
    RESTORE,
    SEGMENT_MAGIC,
    SEGMENT_SUFFIX,
    UNFINISHED_SUFFIX,
    FileName,
    Head,
    decode_head,
)
from eventkeep.events.manifest import Manifest, read_manifest, write_manifest
from eventkeep.events.segment import Segment
from eventkeep.files import Files

logger = structlog.get_logger(__name__)


def open_catalog(files: Files, folder: Path, log_start: int | None) -> Catalog:
    """The catalog of the store in ``folder``, which is made if there is none.

    ``log_start`` is the first position that the log still has, None if there is no log. Raises EventStoreError, naming
    the file, if the folder lacks a file of its manifest; then nothing was changed.
    """
    try:
        files.make_folder(folder)
        manifest = read_manifest(files, folder) or new_store(files, folder, log_start)
        names = sorted(os.listdir(folder))
        opened = OpenFiles(files)
        listed = listed_names(manifest)
        check_sizes(files, folder, manifest)
        leftovers = find_leftovers(files, folder, names, listed, manifest, log_start)
        catalog = read_catalog(opened, folder, manifest, names)
        remove_leftovers(files, folder, names, leftovers)
    except OSError as exc:
        raise EventStoreError(f"the event store in {folder} can't be opened: {exc}") from exc
    return catalog


def new_store(files: Files, folder: Path, log_start: int | None) -> Manifest:
    """Write the manifest of a new store. Raises EventStoreError if the folder or the log holds more than that."""
    found = [name for name in sorted(os.listdir(folder)) if FileName.parse(name) is not None]
    if found:
        raise EventStoreError(f"{folder / MANIFEST_NAME} is missing, and {found[0]} is there; {RESTORE}")
    if log_start is not None and log_start > 1:
        raise EventStoreError(
            f"{folder / MANIFEST_NAME} is missing, and the log begins at position {log_start}: "
            "the events before it were in this folder; restore it from a backup"
        )
    store = int.from_bytes(os.urandom(8), "little")
    manifest = Manifest(store=store, generation=1, next_number=1, first=1, flushed=0, segments=(), documents=())
    write_manifest(files, folder, manifest)
    return manifest


def listed_names(manifest: Manifest) -> dict[str, int]:
    """The names of the listed files with their sizes."""
    names = {str(FileName(entry.number, SEGMENT_SUFFIX)): entry.size for entry in manifest.segments if entry.number}
    names |= {str(FileName(each.file.number, DOCUMENTS_SUFFIX)): each.file.size for each in manifest.documents}
    return names


def check_sizes(files: Files, folder: Path, manifest: Manifest) -> None:
    """Raises EventStoreError if a listed file is missing or has another size."""
    for name, size in listed_names(manifest).items():
        path = folder / name
        try:
            found = path.stat().st_size
        except FileNotFoundError as exc:
            raise EventStoreError(f"{path} is missing, and the manifest lists it; {RESTORE}") from exc
        if found != size:
            raise EventStoreError(f"{path}: expected {size} bytes, found {found}; {RESTORE}")


def find_leftovers(
    files: Files,
    folder: Path,
    names: list[str],
    listed: dict[str, int],
    manifest: Manifest,
    log_start: int | None,
) -> list[str]:
    """The files that the manifest does not list and that can go. Raises EventStoreError if one can't."""
    leftovers = [name for name in names if name.endswith(UNFINISHED_SUFFIX)]
    for name in names:
        parsed = FileName.parse(name)
        if parsed is None:
            if name not in (MANIFEST_NAME, FILTER_NAME) and name not in leftovers:
                logger.warning("a file in the event store's folder is not one of its own", path=str(folder / name))
            continue
        if name in listed:
            continue
        head = read_head(files, folder / name, parsed)
        if head.store != manifest.store or head.number != parsed.number:
            raise EventStoreError(f"{folder / name} is not a file of this store; move it out of the folder")
        if head.last > manifest.flushed and (log_start is None or log_start > manifest.flushed + 1):
            raise EventStoreError(
                f"{folder / name} holds the positions {head.first} to {head.last}, and the manifest ends at "
                f"{manifest.flushed}: the manifest is older than the file; {RESTORE}"
            )
        leftovers.append(name)
    if log_start is not None and log_start > manifest.flushed + 1:
        raise EventStoreError(
            f"{folder / MANIFEST_NAME} ends at position {manifest.flushed}, and the log begins at {log_start}: "
            "events are missing between them; restore the folder from a backup"
        )
    return leftovers


def read_head(files: Files, path: Path, name: FileName) -> Head:
    file = files.open(path)
    try:
        content = files.read(file, HEAD_BYTES, 0)
    finally:
        files.close(file)
    return decode_head(content, SEGMENT_MAGIC if name.suffix == SEGMENT_SUFFIX else DOCUMENTS_MAGIC, path)


def read_catalog(opened: OpenFiles, folder: Path, manifest: Manifest, names: list[str]) -> Catalog:
    """Read the directories of all segments."""
    document_files = {
        each.file.number: DocumentFile(opened, folder, manifest.store, each.file) for each in manifest.documents
    }
    ranges = tuple(
        Range(entry, Segment(opened, folder, manifest.store, entry, document_files) if entry.number else None)
        for entry in manifest.segments
    )
    # A number is used once, whatever became of its file.
    numbers = [parsed.number for name in names if (parsed := FileName.parse(name.removesuffix(UNFINISHED_SUFFIX)))]
    next_number = max([manifest.next_number, *(number + 1 for number in numbers)])
    return Catalog(opened, folder, manifest, next_number, ranges, document_files)


def remove_leftovers(files: Files, folder: Path, names: list[str], leftovers: list[str]) -> None:
    for name in leftovers:
        files.unlink(folder / name)
    if leftovers:
        files.sync_folder(folder)
        logger.info("removed leftovers of an earlier process", files=leftovers)
