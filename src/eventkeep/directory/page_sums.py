"""Checksums of the pages of the directory's database file, because SQLite has none there.

SQLite changes the file only while it copies its write-ahead log into it (a checkpoint), and here that happens only when
`Checkpoints` says so. Before each checkpoint the checksums that all pages will have afterwards are written to a file of
their own. So at any time each page either has its checksum or has a newer content in the write-ahead log, which has
checksums of its own and which SQLite cuts off at the first frame that is damaged. The commits of frames that were cut
off come back from the log of all changes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_intdigest

from eventkeep.errors import DirectoryError
from eventkeep.files import Files, replace_content

SUMS_NAME: Final = "directory.sums"
NEW_SUFFIX: Final = ".new"
MAGIC: Final = b"EVKSUMS\n"
FORMAT: Final = 1
HEAD: Final = struct.Struct("<8sIIQQ")
"""Magic, format, page size, pages, number of uncertain pages."""
SUM_TYPE: Final = np.dtype("<u8")
PAGE_TYPE: Final = np.dtype("<u4")
WAL_HEADER_BYTES: Final = 32
FRAME_HEADER_BYTES: Final = 24
FRAME_START: Final = struct.Struct(">II")
"""The number of a frame's page, and the pages of the database after the commit that it ends, or 0."""
READ_PAGES: Final = 1_024
READ_FRAMES: Final = 128
REPAIR: Final = "Restore the folder from a backup, or run eventkeep check --repair"

Sums = npt.NDArray[np.uint64]


class PageSums(msgspec.Struct):
    """The checksum of each page (shape [pages]); ``uncertain`` holds the numbers, from 1, of pages without one."""

    page_bytes: int
    sums: Sums
    uncertain: frozenset[int] = frozenset()

    def encode(self) -> bytes:
        uncertain = np.array(sorted(self.uncertain), dtype=PAGE_TYPE)
        content = HEAD.pack(MAGIC, FORMAT, self.page_bytes, len(self.sums), len(uncertain))
        content += self.sums.astype(SUM_TYPE).tobytes() + uncertain.tobytes()
        return content + struct.pack("<Q", xxh3_64_intdigest(content))


class Frames(msgspec.Struct):
    """The frames of a write-ahead log up to its last commit.

    ``checksums`` has the checksum of the newest content of each page by its number; ``pages`` is how many pages the
    database has after the last commit. ``touched`` holds the pages of all frames, uncommitted and damaged ones too, and
    ``contents`` each page with the checksum of each content that a commit gave it.
    """

    checksums: dict[int, int]
    pages: int
    touched: frozenset[int]
    contents: frozenset[tuple[int, int]]

    def waiting(self, sums: PageSums) -> frozenset[int]:
        """The pages whose checksum in ``sums`` is that of a frame: a checkpoint may not have copied it yet."""
        count = len(sums.sums)
        return frozenset(page for page, content in self.contents if page <= count and sums.sums[page - 1] == content)


def decode_sums(content: bytes, path: Path) -> PageSums:
    """Decode a file of checksums. Raises DirectoryError if it is damaged or made by a newer eventkeep."""
    if len(content) < HEAD.size + 8 or xxh3_64_intdigest(content[:-8]) != int.from_bytes(content[-8:], "little"):
        raise DirectoryError(f"The checksums {path} are damaged. {REPAIR}.")
    magic, version, page_bytes, pages, uncertain = HEAD.unpack_from(content)
    if magic != MAGIC or version != FORMAT:
        raise DirectoryError(f"The checksums {path} have form {version}, made by a newer eventkeep: use that one.")
    if len(content) != HEAD.size + pages * SUM_TYPE.itemsize + uncertain * PAGE_TYPE.itemsize + 8:
        raise DirectoryError(f"The checksums {path} are damaged. {REPAIR}.")
    sums = np.frombuffer(content, dtype=SUM_TYPE, count=pages, offset=HEAD.size)
    numbers = np.frombuffer(content, dtype=PAGE_TYPE, count=uncertain, offset=HEAD.size + sums.nbytes)
    return PageSums(page_bytes, sums, frozenset(numbers.tolist()))


def read_sums(path: Path, files: Files) -> PageSums | None:
    """Read a file of checksums, None if there is none. Raises DirectoryError and OSError."""
    try:
        file = files.open(path)
    except FileNotFoundError:
        return None
    try:
        return decode_sums(files.read(file, files.size(file), 0), path)
    finally:
        files.close(file)


def write_sums(path: Path, sums: PageSums, files: Files) -> None:
    """Put the checksums in place of the ones before, durably. Raises OSError."""
    replace_content(files, path, sums.encode(), path.with_name(path.name + NEW_SUFFIX))


def read_frames(path: Path, files: Files) -> Frames | None:
    """The frames of a write-ahead log, None if there is none. Raises OSError.

    Frames of before the last restart of the write-ahead log, which have other salts, are not among them.
    """
    try:
        file = files.open(path)
    except FileNotFoundError:
        return None
    try:
        header = files.read(file, WAL_HEADER_BYTES, 0)
        size = files.size(file)
        if len(header) < WAL_HEADER_BYTES:
            return None
        page_bytes, salts = int.from_bytes(header[8:12]), header[16:24]
        newest: dict[int, int] = {}
        touched: set[int] = set()
        committed: dict[int, int] = {}
        contents: set[tuple[int, int]] = set()
        pages = 0
        for frame in frames_of(file, size, FRAME_HEADER_BYTES + page_bytes, files):
            if frame[8:16] != salts:
                break
            page, committed_pages = FRAME_START.unpack_from(frame)
            touched.add(page)
            newest[page] = xxh3_64_intdigest(frame[FRAME_HEADER_BYTES:])
            if committed_pages:
                committed.update(newest)
                contents.update(newest.items())
                newest.clear()
                pages = committed_pages
        return Frames(committed, pages, frozenset(touched), frozenset(contents)) if touched else None
    finally:
        files.close(file)


def frames_of(file: int, size: int, frame_bytes: int, files: Files) -> Iterator[memoryview]:
    """All whole frames of a write-ahead log of ``size`` bytes, read many at once. Raises OSError."""
    for start in range(WAL_HEADER_BYTES, size - frame_bytes + 1, frame_bytes * READ_FRAMES):
        some = memoryview(files.read(file, frame_bytes * READ_FRAMES, start))
        for offset in range(0, len(some) - frame_bytes + 1, frame_bytes):
            yield some[offset : offset + frame_bytes]


def sums_after(sums: PageSums, frames: Frames) -> PageSums:
    """The checksums as they are once the frames are copied into the database."""
    after: npt.NDArray[Any] = np.zeros(frames.pages, dtype=SUM_TYPE)
    kept = min(frames.pages, len(sums.sums))
    after[:kept] = sums.sums[:kept]
    for page, checksum in frames.checksums.items():
        if page <= frames.pages:
            after[page - 1] = checksum
    return PageSums(sums.page_bytes, after, sums.uncertain - frames.checksums.keys())


def sums_of_file(file: int, path: Path, files: Files) -> PageSums:
    """The checksums of all pages of an open database file as they are. Raises OSError and DirectoryError."""
    size = files.size(file)
    head = files.read(file, 18, 0)
    page_bytes = int.from_bytes(head[16:18]) if len(head) == 18 else 0
    page_bytes = 65_536 if page_bytes == 1 else page_bytes
    if page_bytes < 512 or size % page_bytes:
        raise DirectoryError(f"The directory {path} is damaged: {size} bytes are no whole pages. {REPAIR}.")
    made: list[int] = []
    for offset in range(0, size, page_bytes * READ_PAGES):
        made += page_checksums(files.read(file, page_bytes * READ_PAGES, offset), page_bytes)
    return PageSums(page_bytes, np.array(made, dtype=SUM_TYPE))


def sums_with(sums: PageSums, found: PageSums, pages: frozenset[int]) -> PageSums:
    """The checksums for a file whose ``pages`` are taken as they were ``found``."""
    after = np.zeros(len(found.sums), dtype=SUM_TYPE)
    kept = min(len(after), len(sums.sums))
    after[:kept] = sums.sums[:kept]
    places = [page - 1 for page in pages if page <= len(after)]
    after[places] = found.sums[places]
    return PageSums(sums.page_bytes, after)


def page_checksums(content: bytes, page_bytes: int) -> list[int]:
    view = memoryview(content)
    return [xxh3_64_intdigest(view[start : start + page_bytes]) for start in range(0, len(view), page_bytes)]


def verify(path: Path, found: PageSums, sums: PageSums, exempt: frozenset[int]) -> None:
    """Compare the checksums of a database file with those it should have, except for the pages in ``exempt``.

    Raises DirectoryError naming the first page that differs.
    """
    if found.page_bytes != sums.page_bytes:
        raise DirectoryError(f"The directory {path} is damaged: byte 16: its pages have another size. {REPAIR}.")
    pages = max(len(found.sums), len(sums.sums))
    differs = np.ones(pages, dtype=np.bool_)
    both = min(len(found.sums), len(sums.sums))
    differs[:both] = found.sums[:both] != sums.sums[:both]
    for place in np.flatnonzero(differs).tolist():
        if place + 1 not in exempt:
            raise DirectoryError(
                f"The directory {path} is damaged: byte {place * sums.page_bytes}: page {place + 1} differs from its "
                f"checksum. {REPAIR}."
            )
