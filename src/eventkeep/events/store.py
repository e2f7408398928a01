"""The event store: events by position of the log in, pages, counts and scans out.

Appended events are in memory at once and on disk after a flush, by size or after a while; the log has them until then.
A read sees one snapshot of segments and memory, so that it sees each event once, whatever is flushed or merged
meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import numpy as np
import structlog
from xxhash import xxh3_64_intdigest

from eventkeep.errors import EventkeepError, EventStoreError
from eventkeep.events.bloom import KeyFilter
from eventkeep.events.catalog import Catalog, Range
from eventkeep.events.flush import Flush
from eventkeep.events.format import FILTER_NAME, UNFINISHED_SUFFIX
from eventkeep.events.found import AnyPart
from eventkeep.events.known_keys import KnownKeys
from eventkeep.events.look_back import PastEvents, PastRange, past_events
from eventkeep.events.manifest import encode_manifest
from eventkeep.events.memory_segment import Commit, MemoryPart, MemorySegment, joined
from eventkeep.events.page import events_of, find, select
from eventkeep.events.recovery import listed_names, open_catalog
from eventkeep.events.rewrite import Rewrite, Rewritten
from eventkeep.events.rows import PROFILE, Chunk
from eventkeep.events.scan import arrays, scan
from eventkeep.events.scrub import accounts_of, scrub
from eventkeep.events.selection import EventSelection
from eventkeep.events.snapshot import Snapshot, Snapshots
from eventkeep.events.tiers import next_merge
from eventkeep.files import Files, replace_content
from eventkeep.limits import (
    FAILURE_LOG_SECONDS,
    FLUSH_EVENTS,
    FLUSH_RETRY_SECONDS,
    MERGE_RESERVE_BYTES,
    REPACKED_BYTES_MAX,
    REPACKED_ROWS_MAX,
    SEGMENT_FLUSH_BYTES,
    SEGMENT_FLUSH_SECONDS,
    TAIL_BYTES_MAX,
    TAIL_EVENTS_MAX,
    TAIL_PART_EVENTS,
)
from eventkeep.model.event import StoredEvent
from eventkeep.model.event_columns import EventColumns, Flags, Keys
from eventkeep.model.event_count import EventCount, total
from eventkeep.model.stored_events import StoredEvents

logger = structlog.get_logger(__name__)

_SPAN_MAX = 1 << 32


class StoreState(msgspec.Struct, frozen=True):
    """A store by its manifest.

    ``store`` is its identity, ``generation`` the number of the manifest, ``flushed`` the last position that is durable
    in segments, and ``checksum`` that of the manifest on disk.
    """

    store: int
    generation: int
    flushed: int
    checksum: int


class EventStore:
    """The stored events of all accounts.

    ``append`` and ``is_new`` are one thread's; every other method may be called from any thread.
    """

    def __init__(self, files: Files, folder: Path, catalog: Catalog, saved: KeyFilter | None, background: bool) -> None:
        self._files, self._folder, self._catalog = files, folder, catalog
        flushed = catalog.manifest.flushed
        self._snapshots = Snapshots(Snapshot(0, flushed, catalog.segments(), ()))
        self._keys = KnownKeys(self._snapshots, saved)
        # Held while the snapshot is replaced; told whenever the tail has grown or shrunk.
        self._tail = threading.Condition()
        self._sealed = 0
        self._appended_at: float | None = None
        self.tail_events = 0
        """Events that are not in a segment yet."""
        self.tail_bytes = 0
        """Bytes of memory that they take, about."""
        self._flushing, self._merging, self._changing = threading.Lock(), threading.Lock(), threading.Lock()
        self._merge_wanted, self._stopping = threading.Event(), threading.Event()
        self._threads = (
            [
                threading.Thread(target=self._flush_now_and_then, name="flush", daemon=True),
                threading.Thread(target=self._merge_now_and_then, name="merge", daemon=True),
            ]
            if background
            else []
        )
        for thread in self._threads:
            thread.start()

    @classmethod
    def open(
        cls, folder: Path, files: Files | None = None, *, log_start: int | None = None, background: bool = True
    ) -> EventStore:
        """Open the store in ``folder``, which is made if there is none; the leftovers of a crash are removed.

        ``log_start`` is the first position that the log still has, None if there is no log. Without ``background``
        nothing is flushed or merged by itself. Raises EventStoreError, naming the file, if the folder can't be used.
        """
        files = files or Files()
        catalog = open_catalog(files, folder, log_start)
        return cls(files, folder, catalog, take_filter(files, folder, catalog), background)

    def close(self) -> None:
        """Flush and close. Events that can't be flushed stay in the log."""
        self.stop_threads()
        self._keys.close()
        try:
            self.flush()
            self._save_filter()
        except (EventStoreError, OSError) as exc:
            logger.warning("the event store was not closed cleanly; the log has the missing events", error=str(exc))
        self._remove_unused()
        self._catalog.target.opened.close()

    def stop_threads(self) -> None:
        """End the threads that flush and merge; their unfinished files are not part of the store."""
        self._stopping.set()
        with self._tail:
            self._tail.notify_all()
        self._merge_wanted.set()
        for thread in self._threads:
            thread.join()

    @property
    def position(self) -> int:
        """The last position of the log whose events are visible."""
        return self._snapshots.current.position

    @property
    def flushed_position(self) -> int:
        """The last position of the log whose events are durable in segments; 0 for none."""
        return self._catalog.manifest.flushed

    @property
    def generation(self) -> int:
        """How often the manifest was written: an older one put back has a lower number."""
        return self._catalog.manifest.generation

    def state(self) -> StoreState:
        """The state that is durable."""
        manifest = self._catalog.manifest
        checksum = xxh3_64_intdigest(encode_manifest(manifest))
        return StoreState(manifest.store, manifest.generation, manifest.flushed, checksum)

    @property
    def is_loading(self) -> bool:
        """Whether the filter of known keys is still being made: duplicates are looked up exactly until then."""
        return self._keys.is_loading

    @property
    def filter_bytes(self) -> int:
        """Memory of the filter of known keys."""
        return self._keys.memory_bytes

    @property
    def disk_bytes(self) -> int:
        """Bytes of all files that the manifest lists."""
        return self._catalog.disk_bytes()

    @property
    def segments(self) -> int:
        """Segments on disk."""
        return len(self._snapshots.current.segments)

    def has_room(self) -> bool:
        """Whether the tail takes more events. Ask before the log is appended to, for ``append`` refuses nothing."""
        return self.tail_events < TAIL_EVENTS_MAX and self.tail_bytes < TAIL_BYTES_MAX

    def wait_for_room(self, seconds: float) -> bool:
        """Wait until the tail takes more events; False if it did not within ``seconds``."""
        with self._tail:
            return self._tail.wait_for(self.has_room, timeout=seconds)

    def append(self, position: int, events: EventColumns | None) -> None:
        """Make the events of the log's record at ``position`` visible; a record that is known already is ignored.

        Raises EventStoreError if a record before it is missing.
        """
        current = self._snapshots.current
        if position <= current.position:
            return
        if position != current.position + 1:
            raise EventStoreError(f"expected the log's record {current.position + 1}, got {position}")
        if events is not None and not len(events):
            events = None
        if events is not None:
            self._keys.add(events.numbers["id"])
        with self._tail:
            current = self._snapshots.current
            memory = current.memory
            if events is not None:
                part = MemoryPart((Commit(position, events),), len(events), events.nbytes)
                self.tail_events += part.events
                self.tail_bytes += part.bytes
                memory = joined(memory, self._sealed, part, TAIL_PART_EVENTS)
            self._snapshots.replace(current._replace(position=position, memory=memory))
            if self._appended_at is None:
                self._appended_at = time.monotonic()
                self._tail.notify_all()
            elif self._is_full():
                self._tail.notify_all()

    def is_new(self, ids: Keys, key_lows: Keys) -> Flags:
        """For each key (two halves, each of shape [n]): whether no event with it is stored (shape [n])."""
        return self._keys.is_new(ids, key_lows)

    def page(self, selection: EventSelection) -> StoredEvents:
        """Up to ``selection.count`` events in the selection's order, ties by id.

        There are fewer if their properties have more than PAGE_BYTES_MAX bytes: the last one is that with which they
        do. Raises EventStoreError if a file is damaged.
        """
        with self._snapshots.reading() as snapshot:
            parts = parts_of(snapshot)
            found = select(parts, selection, self._catalog.target.opened)
            if found is None:
                return StoredEvents.of(())
            return events_of(parts, found, selection.account, self._catalog.target.opened)

    def event(self, account: int, time: int, event_id: int) -> StoredEvent | None:
        """One event by its account, time (Unix seconds) and id, or None."""
        with self._snapshots.reading() as snapshot:
            parts = parts_of(snapshot)
            found = find(parts, account, time, event_id, self._catalog.target.opened)
            return None if found is None else events_of(parts, found, account, self._catalog.target.opened)[0]

    def last_event_times(self, account: int, profiles: Sequence[int]) -> dict[int, int]:
        """The newest event's time (Unix seconds) of each of ``profiles`` that has events."""
        newest: dict[int, int] = {}
        numbers = np.array(sorted(set(profiles)), dtype=np.uint32)
        with self._snapshots.reading() as snapshot:
            for part in parts_of(snapshot):
                start, end = part.account_rows(account)
                if start == end or not len(numbers):
                    continue
                starts, ends = part.entries(PROFILE, (start, end), numbers, (start, end))
                own = np.flatnonzero(ends > starts)
                rows = part.rows_at(PROFILE, ends[own] - 1)
                by_row = np.argsort(rows)
                times = part.columns(rows[by_row], ("time",))["time"]
                for number, seconds in zip(numbers[own[by_row]].tolist(), times.tolist(), strict=True):
                    newest[number] = max(seconds, newest.get(number, seconds))
        return newest

    @contextmanager
    def looking_back(self, account: int, ranges: Sequence[PastRange], metrics: frozenset[int]) -> Iterator[PastEvents]:
        """The account's events of the ``metrics`` in ranges that don't overlap; their properties inside the block."""
        with self._snapshots.reading() as snapshot:
            yield past_events(parts_of(snapshot), account, ranges, metrics, self._catalog.target.opened)

    def counts(self, account: int, metric: int | None = None) -> dict[int, EventCount]:
        """The account's events by their metric's number; of one metric if it is given."""
        found: dict[int, EventCount] = {}
        with self._snapshots.reading() as snapshot:
            for part in parts_of(snapshot):
                for number, count in part.counts(account).items():
                    if metric is None or metric == number:
                        found[number] = total([found.get(number, EventCount()), count])
        return found

    def count(self) -> int:
        """Stored events of all accounts."""
        snapshot = self._snapshots.current
        return sum(segment.rows for segment in snapshot.segments) + sum(part.events for part in snapshot.memory)

    def scan(self, selection: EventSelection) -> Iterator[EventColumns]:
        """All events that meet the conditions of ``selection``, in its order, some at a time; its count is ignored.

        They are those of the moment of the first call of the iterator.
        """
        with self._snapshots.reading() as snapshot:
            yield from scan(parts_of(snapshot), selection, self._catalog.target.opened)

    @contextmanager
    def pinned(self) -> Iterator[tuple[bytes, list[Path]]]:
        """The manifest as it is on disk, and the files that it lists, which stay inside the block."""
        with ExitStack() as stack:
            with self._changing:
                stack.enter_context(self._snapshots.reading())
                manifest = self._catalog.manifest
            yield encode_manifest(manifest), [self._folder / name for name in listed_names(manifest)]

    def accounts(self) -> list[int]:
        """The numbers of the accounts that have events."""
        return accounts_of(self._snapshots.current)

    def scrub(self) -> int:
        """Read everything that is stored; returns the number of events. Raises EventStoreError for any damage."""
        with self._snapshots.reading() as snapshot:
            return scrub(snapshot, parts_of(snapshot), self._catalog.target.opened)

    def arrays(
        self,
        account: int,
        metrics: frozenset[int] | None = None,
        time_min: int | None = None,
        time_max: int | None = None,
    ) -> Iterator[Chunk]:
        """The columns time, profile, metric, value and currency of an account's events, some at a time, in no order.

        ``metrics`` are their numbers, None for all; times are inclusive. A currency is a code, see
        `eventkeep.events.rows.currency_text`.
        """
        with self._snapshots.reading() as snapshot:
            yield from arrays(parts_of(snapshot), account, metrics, time_min, time_max)

    def flush(self) -> None:
        """Write the tail to a segment, one caller at a time. Raises EventStoreError if it can't be; the tail stays."""
        with self._flushing:
            with self._tail:
                snapshot = self._snapshots.current
                self._sealed, appended_at = len(snapshot.memory), self._appended_at
                self._appended_at = None
            try:
                if snapshot.position > self.flushed_position:
                    self._flush(snapshot)
            except BaseException:
                with self._tail:
                    self._sealed, self._appended_at = 0, appended_at
                raise
        self._remove_unused()
        self._merge_wanted.set()

    def merge(self) -> bool:
        """Merge neighbours once if there are any worth it; returns whether there were.

        Raises EventStoreError if it fails; the segments stay as they were.
        """
        with self._merging:
            ranges = self._catalog.ranges
            places = next_merge([each.entry.rows for each in ranges])
            if places is None:
                return False
            old = ranges[places[0] : places[1]]
            if not self._fits(old):
                return False
            self._merge(old)
        self._remove_unused()
        return True

    def _is_full(self) -> bool:
        return self.tail_events >= FLUSH_EVENTS or self.tail_bytes >= SEGMENT_FLUSH_BYTES

    def _flush(self, snapshot: Snapshot) -> None:
        positions = self.flushed_position + 1, snapshot.position
        commits = [commit for part in snapshot.memory for commit in part.commits]
        written = None
        if commits:
            size = sum(part.bytes for part in snapshot.memory)
            self._check_room(size, f"a flush of {size} bytes")
            job = Flush(self._catalog.target, MemorySegment(commits), positions)
            written = self._run(job)
        with self._changing:
            gone = self._catalog.replace((), written, positions)
            with self._tail:
                current = self._snapshots.current
                memory = current.memory[len(snapshot.memory) :]
                self._snapshots.replace(
                    Snapshot(current.epoch + 1, current.position, self._catalog.segments(), memory), gone
                )
                self._sealed = 0
                self.tail_events -= sum(part.events for part in snapshot.memory)
                self.tail_bytes -= sum(part.bytes for part in snapshot.memory)
                self._tail.notify_all()

    def _merge(self, old: Sequence[Range]) -> None:
        inputs = [each.segment for each in old if each.segment is not None]
        size = sum(segment.entry.size for segment in inputs)
        files = {each.entry.number: each.entry.size for segment in inputs for each in segment.document_files}
        document_bytes = sum(files.values())
        packs = sum(segment.rows for segment in inputs) <= REPACKED_ROWS_MAX and document_bytes <= REPACKED_BYTES_MAX
        size += document_bytes if packs else 0
        self._check_room(
            size + MERGE_RESERVE_BYTES, f"a merge of {size} bytes, beside {MERGE_RESERVE_BYTES} in reserve,"
        )
        positions = old[0].entry.first, old[-1].entry.last
        job = Rewrite(self._catalog.target, inputs, positions, packs, self._stopping.is_set)
        written = self._run(job) if inputs else None
        with self._changing:
            gone = self._catalog.replace(old, written, positions)
            with self._tail:
                current = self._snapshots.current
                self._snapshots.replace(
                    current._replace(epoch=current.epoch + 1, segments=self._catalog.segments()), gone
                )

    def _run(self, job: Flush | Rewrite) -> Rewritten:
        try:
            written = job.run()
            self._files.sync_folder(self._folder)
            return written
        except OSError as exc:
            job.abandon()
            raise EventStoreError(f"writing to {self._folder} failed: {exc.strerror}") from exc
        except BaseException:
            job.abandon()
            raise

    def _check_room(self, size: int, task: str) -> None:
        try:
            free = self._files.free_bytes(self._folder)
        except OSError as exc:
            raise EventStoreError(f"{self._folder} can't be asked for its free bytes: {exc.strerror}") from exc
        if free < size:
            raise EventStoreError(f"{self._folder}: {task} needs more than the {free} bytes that are free")

    def _fits(self, old: Sequence[Range]) -> bool:
        """Whether a segment can hold the ranges: positions and times are stored in 32 bits each."""
        plans = [each.segment.directory for each in old if each.segment is not None]
        if not plans:
            return True
        oldest = min(plan.time_base + int(plan.oldest.min()) for plan in plans)
        newest = max(plan.time_base + int(plan.newest.max()) for plan in plans)
        return newest - oldest < _SPAN_MAX and old[-1].entry.last - old[0].entry.first < _SPAN_MAX

    def _remove_unused(self) -> None:
        for path in self._snapshots.unused():
            self._catalog.target.opened.forget(path)
            try:
                self._files.unlink(path)
            except FileNotFoundError:
                pass
            except OSError as exc:
                logger.warning(
                    "a file that is not needed any more could not be removed", path=str(path), error=str(exc)
                )
                self._snapshots.put_back(path)

    def _save_filter(self) -> None:
        known = self._keys.filter
        if known is None or self.flushed_position != self.position:
            return
        content = known.encode(self._catalog.manifest.store, self.flushed_position)
        unfinished = self._folder / f"{FILTER_NAME}{UNFINISHED_SUFFIX}"
        replace_content(self._files, self._folder / FILTER_NAME, content, unfinished)

    def _flush_now_and_then(self) -> None:
        failures = RepeatedFailure("flushing the tail failed; trying again")
        while not self._stopping.is_set():
            with self._tail:
                due = self._tail.wait_for(lambda: self._stopping.is_set() or self._is_due(), timeout=1.0)
            if not due or self._stopping.is_set():
                continue
            try:
                self.flush()
            except Exception as exc:
                # Whatever it was: the tail is flushed by this thread or by none.
                failures.log(exc)
                self._stopping.wait(FLUSH_RETRY_SECONDS)

    def _is_due(self) -> bool:
        since = self._appended_at
        return self._is_full() or (since is not None and time.monotonic() - since >= SEGMENT_FLUSH_SECONDS)

    def _merge_now_and_then(self) -> None:
        failures = RepeatedFailure("merging segments failed; trying again after the next flush")
        while not self._stopping.is_set():
            self._merge_wanted.wait()
            self._merge_wanted.clear()
            try:
                while not self._stopping.is_set() and self.merge():
                    pass
            except Exception as exc:
                if self._stopping.is_set():
                    return
                failures.log(exc)
                self._stopping.wait(FLUSH_RETRY_SECONDS)


class RepeatedFailure:
    """Logs a failure that may come again every second: once, and then once in FAILURE_LOG_SECONDS."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._logged: tuple[str, float] = ("", -FAILURE_LOG_SECONDS)

    def log(self, exc: Exception) -> None:
        """Log it, with its traceback unless a disk is at fault."""
        told, since = self._logged
        now = time.monotonic()
        if str(exc) == told and now - since < FAILURE_LOG_SECONDS:
            return
        self._logged = str(exc), now
        is_disk = isinstance(exc, EventkeepError | OSError)
        logger.error(self._event, error=str(exc), exc_info=None if is_disk else exc)


def parts_of(snapshot: Snapshot) -> list[AnyPart]:
    """All parts of a snapshot."""
    return [*snapshot.segments, *(part.segment() for part in snapshot.memory)]


def take_filter(files: Files, folder: Path, catalog: Catalog) -> KeyFilter | None:
    """The filter that was saved at a clean stop; None if it can't be used. It is removed: it stands for that stop."""
    path = folder / FILTER_NAME
    manifest = catalog.manifest
    try:
        file = files.open(path)
    except FileNotFoundError:
        return KeyFilter() if not catalog.segments() else None
    except OSError as exc:
        raise EventStoreError(f"{path} can't be opened: {exc.strerror}") from exc
    try:
        content = files.read(file, files.size(file), 0)
        files.unlink(path)
    except OSError as exc:
        raise EventStoreError(f"{path} can't be read and removed: {exc.strerror}") from exc
    finally:
        files.close(file)
    found = KeyFilter.decode(content, manifest.store, manifest.flushed)
    if found is None:
        logger.warning("the saved filter of known keys can't be used and is made anew", path=str(path))
    return found
