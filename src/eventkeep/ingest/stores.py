"""The log of a data folder and its two views: opened together, brought to one position, trimmed behind both.

A view that is behind the log is replayed. A view that is ahead of the log, that follows another log, or that misses
records which the log no longer has, is refused by name: nothing is served before both views stand at the log's end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, Self

import structlog

from eventkeep.clock import Clock, Randomness, SystemClock
from eventkeep.directory import Directory, Progress
from eventkeep.directory.changes import Change, decode_changes, encode_changes
from eventkeep.errors import LogError, LogTrimmed, StoreError
from eventkeep.events.store import EventStore
from eventkeep.files import Files
from eventkeep.ingest import folder_manifest
from eventkeep.limits import DISK_LOOK_SECONDS, DISK_RESERVE_BYTES, DISK_RESERVE_SHARE, FAILURE_SECONDS
from eventkeep.log.file_log import FileLog
from eventkeep.log.record import EncodedRecord, Record, checked_header, decode, encode
from eventkeep.log.transport import AppendResult, Outcome, Transport
from eventkeep.model.event_columns import EventColumns

logger = structlog.get_logger(__name__)

LOG_FOLDER: Final = "log"
EVENTS_FOLDER: Final = "events"
REPLAYED_TOGETHER: Final = 200
"""Records of a replay that share a transaction of the directory."""
REPLAYED_BYTES: Final = 16_777_216
"""Bytes of records of a replay that share a transaction of the directory, and one record more."""
REPLICATED: Final = "replicated"
"""A file in the folder that says that its views follow a log on the servers of NATS."""
RESTORE: Final = "Restore the folder from one backup, or run eventkeep check --repair"


class Stores:
    """An open data folder. One thread writes: it appends to the log, and then applies to the views."""

    def __init__(
        self, log: Transport, directory: Directory, events: EventStore, clock: Clock, is_replicated: bool = False
    ) -> None:
        self.log, self.directory, self.events = log, directory, events
        self.clock = clock
        self.is_replicated = is_replicated
        self._opened = ExitStack()
        self._note: Callable[[], None] = lambda: None

    @classmethod
    def open(
        cls,
        folder: Path,
        clock: Clock | None = None,
        files: Files | None = None,
        replicated: Transport | None = None,
        randomness: Randomness | None = None,
    ) -> Self:
        """Open a folder, or make it. The caller holds its lock.

        New ids come from ``randomness``.
        ``replicated`` is the log that the views follow instead of one in the folder; the stores close it.
        Raises StoreError, with nothing left open, if anything in the folder is damaged, missing or of another version,
        and LogTrimmed if a replicated log has not the next record any more.
        """
        try:
            return cls._open(folder, clock or SystemClock(), files or Files(), replicated, randomness)
        except OSError as exc:
            raise StoreError(f"the data folder {folder} can't be used: {exc}") from exc

    @classmethod
    def _open(
        cls, folder: Path, clock: Clock, files: Files, replicated: Transport | None, randomness: Randomness | None
    ) -> Self:
        with ExitStack() as opened:
            manifest = None if replicated is not None else folder_manifest.read_manifest(folder)
            log = replicated or open_own_log(folder, files)
            opened.callback(log.close)
            if manifest is not None:
                folder_manifest.check_log(folder, manifest, log)
            check_kind(folder, files, is_replicated=replicated is not None)
            directory = Directory.open(folder, log.identity, clock, randomness, files)
            opened.callback(directory.close)
            events = EventStore.open(folder / EVENTS_FOLDER, files, log_start=log.first)
            opened.callback(events.close)
            if manifest is not None:
                folder_manifest.check_views(folder, manifest, directory, events)
            stores = cls(log, directory, events, clock, replicated is not None)
            stores._bring_up_to_date()
            if replicated is None:
                stores._note = partial(stores._write_manifest, folder, files)
                stores._note()
            stores._opened = opened.pop_all()
            return stores

    def close(self) -> None:
        """Make everything durable and close the folder."""
        self._opened.close()
        try:
            self._note()
        except StoreError as exc:
            logger.warning("the folder was closed, and its manifest is older", cause=str(exc))

    def encoded(self, changes: list[Change], events: EventColumns | None = None, now_us: int | None = None) -> Encoded:
        """The next record of the log with these effects. Raises LogError if it would be too large."""
        time = round(self.clock.now() * 1_000_000) if now_us is None else now_us
        record = Record(self.log.last + 1, time, encode_changes(changes), events, self.log.epoch)
        return Encoded(encode(record, self.log.identity, self.log.last_checksum), time)

    def keep(self, changes: list[Change]) -> AppendResult:
        """Append changes without events, and apply them if they were kept. Raises StoreError if that fails."""
        made = self.encoded(changes)
        result = self.log.append(made.record)
        if result.outcome is Outcome.KEPT:
            self.directory.apply(changes, made.progress)
            self.events.append(made.record.position, None)
        return result

    def trim(self, keep_from: int | None = None) -> None:
        """Remove the records that both views have durably from the log, up to the position before ``keep_from``.

        Raises StoreError if a disk fails.
        """
        self.directory.checkpoint()
        durable = min(self.directory.durable_position(), self.events.flushed_position)
        self.log.trim(durable if keep_from is None else min(durable, keep_from - 1))
        self._note()

    def _write_manifest(self, folder: Path, files: Files) -> None:
        manifest = folder_manifest.manifest_of(self.log, self.directory, self.events)
        folder_manifest.write_manifest(folder, manifest, files)

    def _bring_up_to_date(self) -> None:
        self._check_view("directory", self.directory.position)
        self._check_view("event store", self.events.position)
        self._check_chain()
        start = min(self.directory.position, self.events.position) + 1
        if start <= self.log.last:
            logger.info("replaying the log", first=start, last=self.log.last)
            self._replay(start)
        if self.log.last == 0 and not self.is_replicated:
            result = self.keep(self.directory.first_changes())
            if result.outcome is not Outcome.KEPT:
                raise LogError(f"the first record of the log can't be written: {result.reason}")

    def _check_view(self, name: str, position: int) -> None:
        """Raises StoreError if the view can't follow the log."""
        if position > self.log.last:
            raise StoreError(
                f"the {name} has record {position}, and the log ends at record {self.log.last}: a part of the log was "
                f"lost, or an older one put in its place. {RESTORE}"
            )
        if position < self.log.first - 1:
            ends = f"the {name} ends at record {position}, and the log begins at record {self.log.first}"
            if self.is_replicated:
                raise LogTrimmed(f"{ends}: this node needs a snapshot of another one")
            raise StoreError(f"{ends}: the {name} was removed, or an older one put in its place. {RESTORE}")

    def _check_chain(self) -> None:
        """Raises StoreError if the directory followed another log up to its position."""
        position, said = self.directory.position, self.directory.progress.checksum
        if position == self.log.last:
            checksum = self.log.last_checksum
        elif position == 0:
            return
        else:
            checksum = checked_header(next(self.log.read(position + 1)), "the log").previous
        if checksum != said:
            raise StoreError(
                f"the directory followed another record {position} than the one in the log: one of the two was put in "
                f"place of another. {RESTORE}"
            )

    def _replay(self, start: int) -> None:
        waiting: list[bytes] = []
        size = 0
        for content in self.log.read(start):
            waiting.append(content)
            size += len(content)
            if len(waiting) >= REPLAYED_TOGETHER or size >= REPLAYED_BYTES:
                self.apply(waiting)
                waiting, size = [], 0
        self.apply(waiting)

    def apply(self, contents: Sequence[bytes]) -> list[EventColumns]:
        """Apply records of the log, in order, and return their events. Records that were applied before are skipped.

        Raises StoreError if a record is damaged or can't be applied.
        """
        read = [read_record(content) for content in contents]
        self.directory.apply_all(
            [
                (decode_changes(record.changes, f"record {record.position} of the log"), progress)
                for record, progress in read
            ]
        )
        self.directory.forget_numbers()
        new = [record for record, _ in read if record.position > self.events.position]
        for record in new:
            if not self.events.has_room():
                self.events.flush()
            self.events.append(record.position, record.events)
        return [record.events for record in new if record.events is not None]


class Encoded:
    """A record that is ready for the log, with the progress that the directory notes once it is applied."""

    __slots__ = ("progress", "record")

    def __init__(self, record: EncodedRecord, time: int) -> None:
        self.record = record
        self.progress = Progress(record.position, record.checksum, time)


def read_record(content: bytes) -> tuple[Record, Progress]:
    """A record of the log, and its progress. Raises LogError if it is damaged."""
    header = checked_header(content, "the log")
    record = decode(content, f"record {header.position} of the log")
    return record, Progress(header.position, header.checksum, header.time)


def records(log: Transport, start: int) -> Iterator[Record]:
    """The records of the log from ``start`` on. Raises LogError."""
    for content in log.read(start):
        yield read_record(content)[0]


def open_own_log(folder: Path, files: Files) -> FileLog:
    """The log in the folder. Raises StoreError if the folder has views and no log, or follows another log."""
    if (folder / REPLICATED).exists():
        raise StoreError(f"{folder} follows a replicated log: start the server with --log nats://…")
    check_not_emptied(folder)
    return FileLog.open(folder / LOG_FOLDER, files)


def check_kind(folder: Path, files: Files, is_replicated: bool) -> None:
    """Note in the folder that it follows a replicated log. Raises StoreError if it has a log of its own."""
    if not is_replicated or (folder / REPLICATED).exists():
        return
    if (folder / LOG_FOLDER).exists():
        raise StoreError(f"{folder} has a log of its own: give the node another folder, and import the events")
    files.make_folder(folder)
    files.close(files.create(folder / REPLICATED))
    files.sync_folder(folder)


def check_not_emptied(folder: Path) -> None:
    """Raises StoreError if the folder has views and no log: then a new log would give the same numbers again."""
    log = folder / LOG_FOLDER
    try:
        has_log = log.is_dir() and any(name.endswith(".log") for name in os.listdir(log))
    except OSError as exc:
        raise LogError(f"the log in {log} can't be used: {exc}") from exc
    if has_log:
        return
    for name in ("directory.sqlite3", EVENTS_FOLDER, "directory.sums"):
        if (folder / name).exists():
            raise StoreError(f"the log {folder / LOG_FOLDER} is missing, and {name} is there. {RESTORE}")


class Room:
    """Looks at the disk of a folder now and then. Any thread may ask."""

    def __init__(self, folder: Path, files: Files, clock: Clock) -> None:
        self._folder, self._files, self._clock = folder, files, clock
        self._looked_until = 0.0
        self._lack: str | None = None
        self._failed_until = 0.0
        self._failure: str | None = None

    def lack(self) -> str | None:
        """Why nothing can be stored now, or None if something can."""
        if (lack := self.lack_of_space()) is not None:
            return lack
        return self._failure if self._clock.monotonic() < self._failed_until else None

    def lack_of_space(self) -> str | None:
        """Why the disk has no room, or None if it has some."""
        now = self._clock.monotonic()
        if now >= self._looked_until:
            self._looked_until = now + DISK_LOOK_SECONDS
            self._lack = self._look()
        return self._lack

    def note_failure(self, reason: str) -> None:
        """Something could not be stored. For a while, readiness says so; then creates are tried again."""
        self._failure = reason
        self._failed_until = self._clock.monotonic() + FAILURE_SECONDS

    def _look(self) -> str | None:
        try:
            free = self._files.free_bytes(self._folder)
            reserve = min(DISK_RESERVE_BYTES, self._files.disk_bytes(self._folder) // DISK_RESERVE_SHARE)
        except OSError as exc:
            return f"the disk can't be looked at: {exc}"
        if free < reserve:
            return f"the disk has {free:,} bytes left, and {reserve:,} are kept in reserve"
        return None
