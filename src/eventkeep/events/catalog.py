"""The catalog: which segments and document files the store has, as its manifest says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from eventkeep.errors import EventStoreError
from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.documents import DocumentFile
from eventkeep.events.format import DOCUMENTS_SUFFIX, SEGMENT_SUFFIX, FileName
from eventkeep.events.manifest import ListedDocuments, Manifest, write_manifest
from eventkeep.events.rewrite import Rewritten, Target
from eventkeep.events.segment import Segment, SegmentEntry

logger = structlog.get_logger(__name__)


class Range(msgspec.Struct, frozen=True, eq=False):
    """A range of positions with its segment; None if it has no events."""

    entry: SegmentEntry
    segment: Segment | None


class Catalog:
    """The ranges of the store and the document files behind them. One thread at a time may change it."""

    def __init__(
        self,
        opened: OpenFiles,
        folder: Path,
        manifest: Manifest,
        next_number: int,
        ranges: tuple[Range, ...],
        document_files: dict[int, DocumentFile],
    ) -> None:
        self._opened, self._folder, self._manifest = opened, folder, manifest
        self.ranges, self._document_files = ranges, document_files
        self._generation, self._next_number = manifest.generation, next_number
        # Files that a manifest lists which may be on the disk, though writing it failed.
        self._doubtful: list[Path] = []
        self.target = Target(opened, folder, manifest.store, self._new_number)

    @property
    def manifest(self) -> Manifest:
        """The manifest that was written last."""
        return self._manifest

    def segments(self) -> tuple[Segment, ...]:
        """The segments, the oldest first."""
        return tuple(each.segment for each in self.ranges if each.segment is not None)

    def disk_bytes(self) -> int:
        """Bytes of all listed files."""
        manifest = self._manifest
        return sum(entry.size for entry in manifest.segments) + sum(each.file.size for each in manifest.documents)

    def replace(self, old: Sequence[Range], written: Rewritten | None, positions: tuple[int, int]) -> list[Path]:
        """List a new segment in place of the ranges ``old``, behind all if there are none; durable on return.

        ``written`` is None if there are no events at ``positions``. Returns the files that are not listed any more.
        Raises EventStoreError if the manifest can't be written; then nothing changes here, and the new files stay on
        the disk until another manifest is written.
        """
        document_files = dict(self._document_files)
        if written is not None and written.documents is not None:
            entry = written.documents
            document_files[entry.number] = DocumentFile(self._opened, self._folder, self._manifest.store, entry)
        new = [] if written is None else self._paths(written)
        try:
            ranges = self._with(old, self._range(written, positions, document_files))
            manifest, used = self._manifest_of(ranges, document_files)
            self._generation = manifest.generation
            write_manifest(self._opened.files, self._folder, manifest)
        except (OSError, EventStoreError) as exc:
            self._doubtful += new
            raise EventStoreError(f"the manifest in {self._folder} can't be written: {exc}") from exc
        gone = [each.segment.path for each in old if each.segment is not None]
        gone += [each.path for number, each in document_files.items() if number not in used]
        gone += self._doubtful
        gone += new if written is not None and not written.segment.rows else []
        self._doubtful, self._manifest = [], manifest
        self.ranges = ranges
        self._document_files = {number: document_files[number] for number in used}
        return gone

    def _range(
        self, written: Rewritten | None, positions: tuple[int, int], document_files: dict[int, DocumentFile]
    ) -> Range:
        if written is None or not written.segment.rows:
            first, last = positions
            return Range(SegmentEntry(0, first, last, 0, 0, 0, 0), None)
        segment = Segment(self._opened, self._folder, self._manifest.store, written.segment, document_files)
        return Range(written.segment, segment)

    def _with(self, old: Sequence[Range], added: Range) -> tuple[Range, ...]:
        if old:
            place = self.ranges.index(old[0])
            return (*self.ranges[:place], added, *self.ranges[place + len(old) :])
        last = self.ranges[-1] if self.ranges else None
        if last is not None and last.segment is None and added.segment is None:
            joined = msgspec.structs.replace(last.entry, last=added.entry.last)
            return (*self.ranges[:-1], Range(joined, None))
        return (*self.ranges, added)

    def _manifest_of(
        self, ranges: tuple[Range, ...], document_files: dict[int, DocumentFile]
    ) -> tuple[Manifest, set[int]]:
        live: dict[int, int] = {}
        for each in ranges:
            if each.segment is not None:
                plan = each.segment.directory
                for number, rows in zip(plan.documents.tolist(), plan.document_rows.tolist(), strict=True):
                    live[number] = live.get(number, 0) + rows
        used = {number for number, rows in live.items() if rows}
        manifest = msgspec.structs.replace(
            self._manifest,
            generation=self._generation + 1,
            next_number=self._next_number,
            flushed=ranges[-1].entry.last,
            segments=tuple(each.entry for each in ranges),
            documents=tuple(ListedDocuments(document_files[number].entry, live[number]) for number in sorted(used)),
        )
        return manifest, used

    def _paths(self, written: Rewritten) -> list[Path]:
        names = [FileName(written.segment.number, SEGMENT_SUFFIX)]
        if written.documents is not None:
            names.append(FileName(written.documents.number, DOCUMENTS_SUFFIX))
        return [self._folder / str(name) for name in names]

    def _new_number(self) -> int:
        number = self._next_number
        self._next_number += 1
        return number
