"""Checked reads: pieces of immutable files, each verified by its checksum whenever it is read.

Nothing is cached here: the system's page cache holds the pieces that are read often, and they are verified again each
time. No file is mapped: a mapped file that is cut short or whose disk fails ends the process, and a cold one stops all
threads.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eventkeep.errors import EventStoreError
from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.format import RESTORE, checksum
from eventkeep.native import store_pieces

Words = npt.NDArray[np.uint64]
Sizes = npt.NDArray[np.uint32]
Content = npt.NDArray[np.uint8]


def read_pieces(
    opened: OpenFiles,
    paths: Sequence[Path],
    file_of: npt.NDArray[np.int32] | None,
    offsets: Words,
    sizes: Sizes,
    checksums: Words,
) -> Content:
    """The content of pieces, one after the other.

    ``offsets``, ``sizes`` and ``checksums`` are of shape [n]; ``file_of`` has the place of each piece's file in
    ``paths``, None if there is one file. Raises EventStoreError with the file and the place of a piece that can't be
    read or has changed since it was written.
    """
    with opened.borrowed(paths) as descriptors:
        if store_pieces.is_built():
            if file_of is None:
                files = np.full(len(offsets), descriptors[0], dtype=np.int32)
            else:
                files = np.array(descriptors, dtype=np.int32)[file_of]
            content, good, error = store_pieces.read_pieces(files, offsets, sizes, checksums)
            if good == len(offsets):
                return content
        else:
            found: list[bytes] = []
            good = error = 0
            for offset, size, expected in zip(offsets.tolist(), sizes.tolist(), checksums.tolist(), strict=True):
                file = descriptors[0 if file_of is None else int(file_of[good])]
                try:
                    piece = opened.files.read(file, size, offset)
                except OSError as exc:
                    error = exc.errno or 0
                    break
                if len(piece) != size or checksum(piece) != expected:
                    break
                found.append(piece)
                good += 1
            else:
                return np.frombuffer(b"".join(found), dtype=np.uint8)
    path, start = paths[0 if file_of is None else int(file_of[good])], int(offsets[good])
    raise bad_piece(path, start, int(sizes[good]), error)


def bad_piece(path: Path, start: int, size: int, error: int) -> EventStoreError:
    """The error for a piece that can't be read, or that is damaged if ``error`` is 0."""
    place = f"{path}: the bytes from {start} to {start + size}"
    if error:
        return EventStoreError(f"{place} can't be read: {os.strerror(error)}")
    return EventStoreError(f"{place} are damaged; {RESTORE}")


def checksums_of(content: npt.NDArray[Any], sizes: Sizes) -> Words:
    """The checksums (shape [n]) of pieces of these sizes in bytes that lie one after the other in ``content``."""
    if store_pieces.is_built():
        return store_pieces.checksums(content.view(np.uint8), sizes)
    view, found, start = memoryview(content.tobytes()), [], 0
    for size in sizes.tolist():
        found.append(checksum(view[start : start + size]))
        start += size
    return np.array(found, dtype=np.uint64)
