"""Looking at an event store without opening it for work; nothing is changed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.documents import DocumentFile
from eventkeep.events.manifest import read_manifest
from eventkeep.events.recovery import check_sizes
from eventkeep.events.segment import Segment
from eventkeep.files import Files


class EventStoreState(msgspec.Struct, frozen=True):
    """The state of the files of an event store.

    ``newest`` is the newest event's time in Unix seconds, None without events; ``flushed`` the last position of the log
    whose events are in segments; ``generation`` counts the manifests that were written.
    """

    events: int
    newest: int | None
    segments: int
    disk_bytes: int
    flushed: int
    generation: int


def inspect_event_store(folder: Path) -> EventStoreState | None:
    """The state of the event store in ``folder``, None if there is none yet.

    Raises EventStoreError, naming the file, if it is of a newer format, or a file is missing or damaged.
    """
    files = Files()
    manifest = read_manifest(files, folder)
    if manifest is None:
        return None
    check_sizes(files, folder, manifest)
    opened = OpenFiles(files)
    listed = [each.file for each in manifest.documents]
    documents = {entry.number: DocumentFile(opened, folder, manifest.store, entry) for entry in listed}
    try:
        entries = [entry for entry in manifest.segments if entry.number]
        plans = [Segment(opened, folder, manifest.store, entry, documents).directory for entry in entries]
        for document_file in documents.values():
            document_file.table()
    finally:
        opened.close()
    return EventStoreState(
        events=sum(entry.rows for entry in entries),
        newest=max((plan.time_base + int(plan.newest.max()) for plan in plans), default=None),
        segments=len(entries),
        disk_bytes=sum(entry.size for entry in entries) + sum(entry.size for entry in listed),
        flushed=manifest.flushed,
        generation=manifest.generation,
    )
