"""The heads and trailers that all files of the event store have. See docs/segment-format.md."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

import msgspec
import xxhash

from eventkeep.errors import EventStoreError

FORMAT_VERSION: Final = 1
"""The version of all files; a program refuses those of a later one."""
SEGMENT_MAGIC: Final = b"EKSEGMNT"
DOCUMENTS_MAGIC: Final = b"EKDOCMTS"
MANIFEST_MAGIC: Final = b"EKMANIFS"
FILTER_MAGIC: Final = b"EKFILTER"
SEGMENT_SUFFIX: Final = ".segment"
DOCUMENTS_SUFFIX: Final = ".documents"
UNFINISHED_SUFFIX: Final = ".new"
"""Ends the name of a file that is being written: it is renamed when it is whole and synced."""
MANIFEST_NAME: Final = "manifest"
FILTER_NAME: Final = "filter"
NUMBER_DIGITS: Final = 10

_HEAD: Final = struct.Struct("<8sIIQQQQQ")
_TRAILER: Final = struct.Struct("<8sQQ")
CHECKSUM: Final = struct.Struct("<Q")
HEAD_BYTES: Final = _HEAD.size + CHECKSUM.size
TRAILER_BYTES: Final = _TRAILER.size + CHECKSUM.size

RESTORE: Final = "restore the folder from a backup, or this file if a copy of the same file exists"


class Head(msgspec.Struct, frozen=True):
    """The beginning of a segment or document file.

    ``store`` is the random number of the store that wrote it, ``number`` that of the file, ``first`` and ``last`` the
    positions of the log that it covers.
    """

    magic: bytes
    store: int
    number: int
    first: int
    last: int


class FileName(msgspec.Struct, frozen=True):
    """The number and the suffix of a segment or document file."""

    number: int
    suffix: str

    def __str__(self) -> str:
        return f"{self.number:0{NUMBER_DIGITS}d}{self.suffix}"

    @classmethod
    def parse(cls, name: str) -> FileName | None:
        """Returns None if no file of ours has such a name."""
        stem, dot, suffix = name.partition(".")
        if f".{suffix}" not in (SEGMENT_SUFFIX, DOCUMENTS_SUFFIX) or not dot or not stem.isdecimal():
            return None
        parsed = cls(int(stem), f".{suffix}")
        return parsed if str(parsed) == name else None


def checksum(content: bytes | memoryview) -> int:
    """The 64-bit XXH3 of ``content``, seed 0."""
    return xxhash.xxh3_64_intdigest(content)


def sealed(content: bytes) -> bytes:
    """``content`` with its checksum behind it."""
    return content + CHECKSUM.pack(checksum(content))


def unsealed(content: bytes) -> bytes | None:
    """The content that ``sealed`` was given; None if the checksum is wrong."""
    if len(content) < CHECKSUM.size:
        return None
    body = content[: -CHECKSUM.size]
    return body if CHECKSUM.unpack(content[-CHECKSUM.size :])[0] == checksum(body) else None


def encode_head(head: Head) -> bytes:
    return sealed(_HEAD.pack(head.magic, FORMAT_VERSION, 0, head.store, head.number, head.first, head.last, 0))


def decode_head(content: bytes, magic: bytes, path: Path) -> Head:
    """Parse the first HEAD_BYTES of the file at ``path``. Raises EventStoreError if they are not a known head."""
    if len(content) >= 12 and content[:8] == magic:
        check_version(int.from_bytes(content[8:12], "little"), path)
    body = unsealed(content)
    if body is None or len(content) != HEAD_BYTES:
        raise EventStoreError(f"{path}: the first {HEAD_BYTES} bytes are damaged; {RESTORE}")
    found, _, _, store, number, first, last, _ = _HEAD.unpack(body)
    if found != magic:
        raise EventStoreError(f"{path}: expected a file that begins with {magic!r}, got {found!r}; {RESTORE}")
    return Head(magic, store, number, first, last)


def check_version(version: int, path: Path) -> None:
    """Raises EventStoreError if ``version`` is newer than this program's."""
    if version > FORMAT_VERSION:
        raise EventStoreError(
            f"{path} has format {version}, and this program knows formats up to {FORMAT_VERSION}: "
            "start the newer eventkeep that last used this folder"
        )


def encode_trailer(magic: bytes, directory_bytes: int, directory_checksum: int) -> bytes:
    """The last TRAILER_BYTES of a file, behind its directory."""
    return sealed(_TRAILER.pack(magic, directory_bytes, directory_checksum))


def decode_trailer(content: bytes, magic: bytes, path: Path) -> tuple[int, int]:
    """The size and the checksum of the directory. Raises EventStoreError if the trailer is damaged."""
    body = unsealed(content)
    if body is None or len(content) != TRAILER_BYTES or body[:8] != magic:
        raise EventStoreError(f"{path}: the last {TRAILER_BYTES} bytes are damaged; {RESTORE}")
    _, directory_bytes, directory_checksum = _TRAILER.unpack(body)
    return directory_bytes, directory_checksum
