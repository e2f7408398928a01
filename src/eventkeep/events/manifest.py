"""The manifest: which files the store is made of, replaced atomically."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from eventkeep.errors import EventStoreError
from eventkeep.events.documents import DocumentFileEntry
from eventkeep.events.format import (
    FORMAT_VERSION,
    MANIFEST_MAGIC,
    MANIFEST_NAME,
    RESTORE,
    UNFINISHED_SUFFIX,
    check_version,
    sealed,
    unsealed,
)
from eventkeep.events.segment import SegmentEntry
from eventkeep.files import Files, replace_content

_FIXED: Final = struct.Struct("<8sIIQQQQQI4x")
_SEGMENT: Final = struct.Struct("<QQQQQII")
_DOCUMENTS: Final = struct.Struct("<QQQQQ")


class ListedDocuments(msgspec.Struct, frozen=True):
    """A document file with the number of its documents that segments refer to."""

    file: DocumentFileEntry
    live: int


class Manifest(msgspec.Struct, frozen=True):
    """The files of a store.

    ``generation`` counts manifests, ``next_number`` is that of the next file. The segments cover the positions from
    ``first`` to ``flushed`` of the log, each once and in order; there are none before ``first``.
    """

    store: int
    generation: int
    next_number: int
    first: int
    flushed: int
    segments: tuple[SegmentEntry, ...]
    documents: tuple[ListedDocuments, ...]


def encode_manifest(manifest: Manifest) -> bytes:
    parts = [
        _FIXED.pack(
            MANIFEST_MAGIC,
            FORMAT_VERSION,
            len(manifest.segments),
            manifest.store,
            manifest.generation,
            manifest.next_number,
            manifest.first,
            manifest.flushed,
            len(manifest.documents),
        ),
        *(_SEGMENT.pack(*msgspec.structs.astuple(entry)) for entry in manifest.segments),
        *(_DOCUMENTS.pack(*msgspec.structs.astuple(listed.file), listed.live) for listed in manifest.documents),
    ]
    return sealed(b"".join(parts))


def decode_manifest(content: bytes, path: Path) -> Manifest:
    """Parse a manifest. Raises EventStoreError if it is damaged, of a newer format or not consistent."""
    if len(content) >= 12 and content[:8] == MANIFEST_MAGIC:
        check_version(int.from_bytes(content[8:12], "little"), path)
    body = unsealed(content)
    if body is None or len(body) < _FIXED.size or body[:8] != MANIFEST_MAGIC:
        raise EventStoreError(f"{path} is damaged; {RESTORE}")
    _, _, segments, store, generation, next_number, first, flushed, documents = _FIXED.unpack_from(body)
    if len(body) != _FIXED.size + segments * _SEGMENT.size + documents * _DOCUMENTS.size:
        raise EventStoreError(f"{path} has another length than it says; {RESTORE}")
    split = _FIXED.size + segments * _SEGMENT.size
    manifest = Manifest(
        store=store,
        generation=generation,
        next_number=next_number,
        first=first,
        flushed=flushed,
        segments=tuple(SegmentEntry(*entry) for entry in _SEGMENT.iter_unpack(body[_FIXED.size : split])),
        documents=tuple(
            ListedDocuments(DocumentFileEntry(*entry), live) for *entry, live in _DOCUMENTS.iter_unpack(body[split:])
        ),
    )
    check_ranges(manifest, path)
    return manifest


def check_ranges(manifest: Manifest, path: Path) -> None:
    """Raises EventStoreError if the segments do not cover each position from the first to the last flushed once."""
    ranges: Sequence[SegmentEntry] = manifest.segments
    ends = [manifest.first - 1, *(entry.last for entry in ranges)]
    begins = [*(entry.first for entry in ranges), manifest.flushed + 1]
    if any(begin != end + 1 for end, begin in zip(ends, begins, strict=True)) or any(
        entry.first > entry.last for entry in ranges
    ):
        raise EventStoreError(f"{path} lists positions that leave a gap or overlap; {RESTORE}")
    numbers = sorted(
        [entry.number for entry in ranges if entry.number] + [each.file.number for each in manifest.documents]
    )
    if any(one == other for one, other in pairwise(numbers)) or (numbers and numbers[-1] >= manifest.next_number):
        raise EventStoreError(f"{path} lists a file twice or one that it does not know of; {RESTORE}")


def read_manifest(files: Files, folder: Path) -> Manifest | None:
    """The manifest in ``folder``, None if there is none. Raises EventStoreError if it can't be used."""
    path = folder / MANIFEST_NAME
    try:
        file = files.open(path)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise EventStoreError(f"{path} can't be opened: {exc.strerror}") from exc
    try:
        return decode_manifest(files.read(file, files.size(file), 0), path)
    except OSError as exc:
        raise EventStoreError(f"{path} can't be read: {exc.strerror}") from exc
    finally:
        files.close(file)


def write_manifest(files: Files, folder: Path, manifest: Manifest) -> None:
    """Replace the manifest, durably.

    Raises OSError if an operation fails; after a start the folder then has the old manifest or the new one. So neither
    the files that only the one lists nor those that only the other lists may go before another manifest is durable.
    """
    unfinished = folder / f"{MANIFEST_NAME}-{manifest.generation}{UNFINISHED_SUFFIX}"
    try:
        replace_content(files, folder / MANIFEST_NAME, encode_manifest(manifest), unfinished)
    except OSError:
        with suppress(OSError):
            files.unlink(unfinished)
        raise
