"""Backups: a snapshot, and the records of the log behind it, in a folder of their own.

::

        backup.json              the list of the contents, with checksums
    snapshot-120/            both views at record 120
    log-121-180.records      the records from 121 to 180, one after the other

A second backup into the same folder adds the records that are new, if the log still has them; otherwise it adds a
snapshot. A restored folder can stand at any position, or moment, from the oldest snapshot on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from xxhash import xxh3_64_hexdigest

from eventkeep.errors import ConfigurationError, LogError, StoreError
from eventkeep.files import Files, replace_content
from eventkeep.ingest.snapshot import Snapshot, copy_snapshot, file_in, remove
from eventkeep.ingest.stores import LOG_FOLDER, REPLICATED, Stores
from eventkeep.log.file_log import FileLog
from eventkeep.log.inspection import inspect_log, read_log
from eventkeep.log.record import HEADER, EncodedRecord, checked_header, decode_header
from eventkeep.log.transport import Outcome

LIST_NAME: Final = "backup.json"
FORMAT: Final = 1
CHECKSUM_LINE_BYTES: Final = 18


class BackupLog(msgspec.Struct, frozen=True):
    """A file of records: the first and the last position, the checksum of the last record, and of the file."""

    name: str
    first: int
    last: int
    last_checksum: int
    size: int
    checksum: int


class BackupList(msgspec.Struct):
    """The contents of a backup. ``log`` is the identity of the log."""

    format: int
    log: int
    snapshots: list[Snapshot] = []
    logs: list[BackupLog] = []

    @property
    def last(self) -> tuple[int, int]:
        """The position and the checksum of the newest record."""
        ends = [(each.position, each.checksum) for each in self.snapshots]
        return max([*ends, *((each.last, each.last_checksum) for each in self.logs)])


def read_list(folder: Path) -> BackupList | None:
    """The list of the backup in a folder, None if there is none. Raises StoreError if the list is damaged."""
    try:
        content = (folder / LIST_NAME).read_bytes()
    except FileNotFoundError:
        return None
    document = content[:-CHECKSUM_LINE_BYTES]
    if content != document + checksum_line(document):
        raise StoreError(f"the backup is damaged: {folder / LIST_NAME} has changed since it was written")
    found = msgspec.json.decode(document, type=BackupList)
    if found.format != FORMAT:
        raise StoreError(f"the backup {folder} has form {found.format}, made by a newer eventkeep: use that one")
    return found


def write_list(folder: Path, found: BackupList, files: Files) -> None:
    """Put the list in place of the one before, durably. Raises OSError."""
    document = msgspec.json.format(msgspec.json.encode(found))
    replace_content(files, folder / LIST_NAME, document + checksum_line(document), folder / f"{LIST_NAME}.new")


def checksum_line(document: bytes) -> bytes:
    """The last line of the list, which holds the checksum of all before it."""
    return f"\n{xxh3_64_hexdigest(document)}\n".encode()


def back_up(
    data: Path, folder: Path, snapshot_into: Callable[[Path], Snapshot], files: Files | None = None
) -> BackupList:
    """Bring the backup in ``folder`` up to date with a data folder, beside a server or without one.

    ``snapshot_into`` writes a snapshot into a folder. Raises StoreError, and ConfigurationError if the backup is that
    of another data folder.
    """
    files = files or Files()
    state = inspect_log(data / LOG_FOLDER)
    if (data / REPLICATED).exists():
        raise ConfigurationError(f"--data: {data} is that of a node: eventkeep cluster snapshot backs up a cluster")
    if state is None:
        raise ConfigurationError(f"--data: there is nothing to back up in {data}")
    try:
        files.make_folder(folder)
        found = read_list(folder) or BackupList(FORMAT, state.identity)
        if found.log != state.identity:
            raise ConfigurationError(f"the folder {folder} has the backup of another data folder")
        if not found.snapshots or state.first > found.last[0] + 1:
            unfinished = folder / "snapshot.new"
            snapshot = snapshot_into(unfinished)
            files.replace(unfinished, folder / f"snapshot-{snapshot.position}")
            files.sync_folder(folder)
            found.snapshots.append(snapshot)
        else:
            add_records(data, folder, found, files)
        write_list(folder, found, files)
    except OSError as exc:
        raise StoreError(f"the backup {folder} can't be written: {exc}") from exc
    return found


def back_up_cluster(folder: Path, log: int, read: Callable[[Path], Snapshot], files: Files | None = None) -> Snapshot:
    """Add a snapshot of a cluster, whose log has the identity ``log``, to the backup in ``folder``, which is made.

    ``read`` writes a snapshot into a folder. Raises StoreError, and ConfigurationError if the backup is that of another
    log.
    """
    files = files or Files()
    try:
        files.make_folder(folder)
        found = read_list(folder) or BackupList(FORMAT, log)
        if found.log != log:
            raise ConfigurationError(f"the folder {folder} has the backup of another log")
        unfinished = folder / "snapshot.new"
        snapshot = read(unfinished)
        if any(each.position == snapshot.position for each in found.snapshots):
            remove(unfinished)
            return snapshot
        files.replace(unfinished, folder / f"snapshot-{snapshot.position}")
        files.sync_folder(folder)
        found.snapshots.append(snapshot)
        write_list(folder, found, files)
    except OSError as exc:
        raise StoreError(f"the backup {folder} can't be written: {exc}") from exc
    return snapshot


def add_records(data: Path, folder: Path, found: BackupList, files: Files) -> None:
    """Add the records that are new. Raises StoreError, and OSError."""
    start = found.last[0] + 1
    unfinished = folder / "log.new"
    unfinished.unlink(missing_ok=True)
    file = files.create(unfinished)
    offset, last, checksum = 0, 0, 0
    try:
        for content in read_log(data / LOG_FOLDER, start):
            header = checked_header(content, "the log")
            offset += files.write(file, [content], offset)
            last, checksum = header.position, header.checksum
        files.sync(file)
    finally:
        files.close(file)
    if not last:
        files.unlink(unfinished)
        return
    name = f"log-{start}-{last}.records"
    files.replace(unfinished, folder / name)
    written = file_in(folder, folder / name, files)
    found.logs.append(BackupLog(name, start, last, checksum, written.size, written.checksum))


def restore(folder: Path, data: Path, position: int | None = None, moment_us: int | None = None) -> int:
    """Make a data folder from a backup, up to a position or a time (Unix microseconds); returns the last position.

    Everything is compared with its checksums. Raises ConfigurationError if the folder has something already or the
    backup does not reach there, StoreError if the backup is damaged.
    """
    found = read_list(folder)
    if found is None:
        raise ConfigurationError(f"there is no backup in {folder}")
    if data.exists() and any(data.iterdir()):
        raise ConfigurationError(f"--data: {data} is not empty; a backup is restored into a new folder")
    reachable = [
        each
        for each in found.snapshots
        if (position is None or each.position <= position) and (moment_us is None or each.time <= moment_us)
    ]
    if not reachable:
        raise ConfigurationError("the backup begins later than that")
    base = max(reachable, key=lambda each: each.position)
    copy_snapshot(folder / f"snapshot-{base.position}", base, data)
    log = FileLog.continued(data / LOG_FOLDER, found.log, base.position, base.checksum)
    try:
        for record in records_behind(folder, found, base.position):
            header = checked_header(record.content, f"the backup {folder}")
            if (position is not None and header.position > position) or (
                moment_us is not None and header.time > moment_us
            ):
                break
            result = log.append(record)
            if result.outcome is not Outcome.KEPT:
                raise LogError(
                    f"the backup {folder} does not fit together at record {header.position}: {result.reason}"
                )
        last = log.last
    finally:
        log.close()
    if position is not None and last != position:
        raise StoreError(f"the backup {folder} ends at record {last}, before record {position}")
    Stores.open(data).close()
    return last


def records_behind(folder: Path, found: BackupList, position: int) -> Iterator[EncodedRecord]:
    """The records behind a position, as far as the backup's files follow each other. Raises StoreError."""
    for each in sorted(found.logs, key=lambda log: log.first):
        if each.last <= position:
            continue
        path = folder / each.name
        try:
            written = file_in(folder, path, Files())
        except OSError as exc:
            raise StoreError(f"the backup is damaged: {path} can't be read: {exc}") from exc
        if (written.size, written.checksum) != (each.size, each.checksum):
            raise StoreError(f"the backup is damaged: {path} has changed since it was written")
        with path.open("rb") as file:
            while start := file.read(HEADER.size):
                header = decode_header(start, str(path))
                content = start + file.read(header.record_bytes - HEADER.size)
                if header.position > position:
                    yield EncodedRecord(header.position, header.previous, header.checksum, content)
                    position = header.position
