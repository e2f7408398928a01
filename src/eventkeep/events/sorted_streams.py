"""Merging sorted streams of rows in bounded memory, a chunk of each at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from eventkeep.events.rows import Chunk

Key = tuple[Any, ...]


def merged(streams: Sequence[Iterator[Chunk]], keys: tuple[str, ...]) -> Iterator[Chunk]:
    """The rows of all streams, sorted by the columns ``keys``, the first of which counts most.

    Each stream is sorted so itself. Rows with equal keys come in the order of their streams if they are in the same
    chunk. At most one chunk of each stream is in memory, and a yielded chunk is no larger than they are together.
    """
    waiting = [next(stream, None) for stream in streams]
    while True:
        live = [place for place, chunk in enumerate(waiting) if chunk is not None]
        if not live:
            return
        # Up to the first end of a chunk nothing can come in between any more.
        bound = min(key_at(chunk, keys, -1) for chunk in waiting if chunk is not None)
        taken: list[Chunk] = []
        for place in live:
            chunk = waiting[place]
            assert chunk is not None
            end = end_of(chunk, keys, bound)
            count = len(chunk[keys[0]])
            if end:
                taken.append(cut(chunk, 0, end))
            waiting[place] = cut(chunk, end, count) if end < count else next(streams[place], None)
        if len(taken) == 1:
            yield taken[0]
            continue
        joined = {name: np.concatenate([chunk[name] for chunk in taken]) for name in taken[0]}
        order = np.lexsort([joined[name] for name in reversed(keys)])
        yield {name: column[order] for name, column in joined.items()}


def key_at(chunk: Chunk, keys: tuple[str, ...], place: int) -> Key:
    return tuple(chunk[name][place].item() for name in keys)


def cut(chunk: Chunk, start: int, end: int) -> Chunk:
    return {name: column[start:end] for name, column in chunk.items()}


def end_of(chunk: Chunk, keys: tuple[str, ...], bound: Key) -> int:
    """How many rows of the chunk are not behind the key ``bound``."""
    start, end = 0, len(chunk[keys[0]])
    for name, value in zip(keys, bound, strict=True):
        column = chunk[name][start:end]
        typed = column.dtype.type(value)
        first = start + int(np.searchsorted(column, typed, side="left"))
        behind = start + int(np.searchsorted(column, typed, side="right"))
        start, end = first, behind
        if start == end:
            break
    return end


def filtered(chunk: Chunk, flags: npt.NDArray[np.bool_]) -> Chunk:
    return {name: column[flags] for name, column in chunk.items()}
