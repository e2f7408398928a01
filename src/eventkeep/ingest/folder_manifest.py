"""The manifest of a data folder: a small file that names its parts, and how far each of them had come.

It is written when a folder is made, whenever the log is trimmed, and at a clean stop; everything in it is a lower bound
at the next start. The log, the directory and the event store check themselves and each other; the manifest notices
two faults that they can't: parts of two folders that were mixed, and a log that was put back together with an older
directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import structlog
from xxhash import xxh3_64_hexdigest

from eventkeep.directory import Directory
from eventkeep.errors import StoreError
from eventkeep.events.store import EventStore
from eventkeep.files import Files, replace_content
from eventkeep.log.record import checked_header
from eventkeep.log.transport import Transport

logger = structlog.get_logger(__name__)

NAME: Final = "folder.json"
NEW_SUFFIX: Final = ".new"
FORMAT: Final = 1
CHECKSUM_LINE_BYTES: Final = 18
RESTORE: Final = "Restore the folder from one backup, or run eventkeep check --repair"


class FolderFormat(msgspec.Struct, frozen=True):
    """The only field that a manifest of any format has."""

    format: int


class FolderManifest(msgspec.Struct, frozen=True):
    """The state of a folder: the identity of its log, which is that of the folder, and the parts.

    The log had the record ``last`` with the checksum ``last_checksum``. The directory was durable up to the record
    ``directory``, and the event store up to ``events``: ``events_store`` is its identity, ``events_generation`` the
    number of its manifest and ``events_checksum`` the checksum of that one.
    """

    format: int
    log: int
    last: int
    last_checksum: int
    directory: int
    events: int
    events_store: int
    events_generation: int
    events_checksum: int


def manifest_of(log: Transport, directory: Directory, events: EventStore) -> FolderManifest:
    """The manifest of stores while nothing is appended to the log."""
    state = events.state()
    return FolderManifest(
        format=FORMAT,
        log=log.identity,
        last=log.last,
        last_checksum=log.last_checksum,
        directory=directory.durable_position(),
        events=state.flushed,
        events_store=state.store,
        events_generation=state.generation,
        events_checksum=state.checksum,
    )


def read_manifest(folder: Path) -> FolderManifest | None:
    """The manifest of a data folder, None if there is none.

    Raises StoreError if it is damaged or if a newer eventkeep made it, which has to be known before anything is opened.
    """
    document = read_document(folder)
    if document is None:
        return None
    check_version(folder, document)
    return msgspec.json.decode(document, type=FolderManifest)


def check_format(folder: Path) -> None:
    """Raises StoreError if a newer eventkeep made the folder. A damaged manifest is left to `read_manifest`."""
    try:
        document = read_document(folder)
    except StoreError:
        return
    if document is not None:
        check_version(folder, document)


def check_version(folder: Path, document: bytes) -> None:
    """Raises StoreError if the manifest has a format that only a newer eventkeep knows."""
    version = msgspec.json.decode(document, type=FolderFormat).format
    if version != FORMAT:
        raise StoreError(f"the folder {folder} has format {version}, made by a newer eventkeep: use that one")


def read_document(folder: Path) -> bytes | None:
    """The manifest without its last line, None if there is none. Raises StoreError if it is damaged."""
    path = folder / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(f"{path} can't be read: {exc.strerror}") from exc
    document = content[:-CHECKSUM_LINE_BYTES]
    if not document or content != document + checksum_line(document):
        raise StoreError(f"{path} is damaged. {RESTORE}")
    return document


def write_manifest(folder: Path, manifest: FolderManifest, files: Files) -> None:
    """Put the manifest in place of the one before, durably. Raises StoreError."""
    path = folder / NAME
    document = msgspec.json.format(msgspec.json.encode(manifest))
    try:
        replace_content(files, path, document + checksum_line(document), folder / (NAME + NEW_SUFFIX))
    except OSError as exc:
        raise StoreError(f"{path} can't be written: {exc}") from exc


def checksum_line(document: bytes) -> bytes:
    """The last line of the file, which holds the checksum of all before it."""
    return f"\n{xxh3_64_hexdigest(document)}\n".encode()


def check_log(folder: Path, manifest: FolderManifest, log: Transport) -> None:
    """Raises StoreError if the log is another one or older than the manifest."""
    if log.identity != manifest.log:
        raise StoreError(
            f"{folder / NAME} belongs to the folder {manifest.log:016x}, and the log to {log.identity:016x}. {RESTORE}"
        )
    if log.last < manifest.last:
        raise StoreError(
            f"the log of {folder} ends at record {log.last}, and the folder had record {manifest.last} already: a part "
            f"of the log was lost, or an older one put in its place. {RESTORE}"
        )
    if log.last == manifest.last:
        checksum = log.last_checksum
    elif manifest.last + 1 >= log.first:
        checksum = checked_header(next(log.read(manifest.last + 1)), "the log").previous
    else:
        return
    if checksum != manifest.last_checksum:
        raise StoreError(
            f"the log of {folder} has another record {manifest.last} than the folder had: it is that of another copy "
            f"of the folder. {RESTORE}"
        )


def check_views(folder: Path, manifest: FolderManifest, directory: Directory, events: EventStore) -> None:
    """Raises StoreError if the event store is another one. A view that is only older is told, and follows the log."""
    state = events.state()
    is_other = state.store != manifest.events_store
    if state.generation == manifest.events_generation:
        is_other = is_other or state.checksum != manifest.events_checksum
    if is_other and state.flushed:
        raise StoreError(
            f"the event store in {folder} is not the one that the folder had: it is that of another folder, or of "
            f"another copy of this one. {RESTORE}"
        )
    for view, position, before in (
        ("directory", directory.position, manifest.directory),
        ("event store", state.flushed, manifest.events),
    ):
        if position < before:
            logger.warning(
                "a store is older than it was, or new; the log completes it",
                store=view,
                position=position,
                before=before,
            )
