"""Blocks: a few documents compressed together. Packing and cutting let go of the interpreter's lock."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import zstandard

from eventkeep.events.pieces import Content, Sizes, Words
from eventkeep.events.texts import CutTexts, DocumentTexts
from eventkeep.model.event_columns import TextColumn
from eventkeep.native import store_pieces
from eventkeep.native.library import address

BLOCK_DOCUMENTS_MAX: Final = 16
"""Documents in a block; the number in the block takes four bits of a place."""
BLOCK_BYTES_MAX: Final = 65_536
"""Bytes of the documents of a block, unless one document alone has more."""
COMPRESSION_LEVEL: Final = 1
_COUNT_BYTES: Final = 4
"""Bytes of a block that tell how many documents it has."""
_SIZES_BYTES: Final = 8
"""Bytes of a block that tell the sizes of the two texts of each document."""

_own = threading.local()
"""Compressors are for one thread each: shared by two, they fail or crash."""


def compress(content: Content, sizes: Sizes) -> tuple[bytes, Sizes]:
    """Compress blocks of these sizes that lie one after the other; returns them joined, and their sizes."""
    if not hasattr(_own, "compressor"):
        _own.compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=False)
    frames = _own.compressor.multi_compress_to_buffer(_segments(content, sizes.astype(np.uint64)))
    found = [frames[place] for place in range(len(frames))]
    return b"".join(found), np.array([len(frame) for frame in found], dtype=np.uint32)


def decompress(content: Content, sizes: Sizes, raw_sizes: Words) -> tuple[Words, Any] | None:
    """Decompress blocks of these sizes that lie one after the other.

    Returns the addresses of the raw blocks and their memory, or None if one is not of its raw size.
    """
    if not hasattr(_own, "decompressor"):
        _own.decompressor = zstandard.ZstdDecompressor()
    try:
        blocks = _own.decompressor.multi_decompress_to_buffer(
            _segments(content, sizes.astype(np.uint64)), decompressed_sizes=raw_sizes.tobytes()
        )
    except zstandard.ZstdError:
        return None
    addresses, base = np.empty(len(raw_sizes), dtype=np.uint64), 0
    for place in range(len(addresses)):
        block = blocks[place]
        # A block at offset 0 begins another buffer; asking each for its address would take longer.
        if block.offset == 0:
            base = address(np.frombuffer(block, dtype=np.uint8))
        addresses[place] = base + block.offset
    return addresses, blocks


def _segments(content: Content, sizes: Words) -> zstandard.BufferWithSegments:
    segments = np.zeros((len(sizes), 2), dtype=np.uint64)
    segments[:, 1] = sizes
    np.cumsum(sizes[:-1], out=segments[1:, 0])
    return zstandard.BufferWithSegments(memoryview(content.data), segments.tobytes())


def block_starts(sizes: npt.NDArray[np.int64], breaks: npt.NDArray[Any]) -> Sizes:
    """Which documents each block begins with, and the end of the last (shape [blocks + 1]).

    ``sizes`` are the bytes of the documents (shape [n]); a block begins at each of ``breaks``, which are ascending
    places of documents with 0 first.
    """
    ends = np.append(breaks[1:], len(sizes))
    pieces = [
        np.arange(start, end, BLOCK_DOCUMENTS_MAX) for start, end in zip(breaks.tolist(), ends.tolist(), strict=True)
    ]
    starts = np.append(np.concatenate(pieces), len(sizes))
    totals = np.concatenate([[0], np.cumsum(sizes)])
    large = np.flatnonzero(totals[starts[1:]] - totals[starts[:-1]] > BLOCK_BYTES_MAX)
    if len(large):
        more: list[int] = []
        for block in large.tolist():
            begun = int(starts[block])
            for place in range(begun + 1, int(starts[block + 1])):
                if totals[place + 1] - totals[begun] > BLOCK_BYTES_MAX:
                    more.append(place)
                    begun = place
        starts = np.union1d(starts, np.array(more, dtype=starts.dtype))
    return starts.astype(np.uint32)


def pack(texts: DocumentTexts, starts: Sizes) -> tuple[Content, Sizes]:
    """The raw blocks with the documents from each of ``starts`` to the next, one after the other, and their sizes."""
    counts = np.diff(starts)
    totals = np.concatenate([[0], np.cumsum(texts.sizes())])
    sizes = np.diff(totals[starts]) + counts * np.int64(_SIZES_BYTES) + _COUNT_BYTES
    if store_pieces.is_built():
        content = store_pieces.pack(
            np.ascontiguousarray(texts.unique_ids),
            np.ascontiguousarray(texts.unique_id_sizes),
            np.ascontiguousarray(texts.properties),
            np.ascontiguousarray(texts.property_sizes),
            starts,
        )
        return content, sizes.astype(np.uint32)
    blocks: list[bytes] = []
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        places = range(start, end)
        blocks += [
            (end - start).to_bytes(_COUNT_BYTES, "little"),
            texts.unique_id_sizes[start:end].tobytes(),
            texts.property_sizes[start:end].tobytes(),
            *map(texts.unique_id_at, places),
            *map(texts.properties_at, places),
        ]
    return np.frombuffer(b"".join(blocks), dtype=np.uint8), sizes.astype(np.uint32)


def joined(texts: DocumentTexts) -> CutTexts:
    """The documents end to end."""
    content, _ = pack(texts, np.array([0, len(texts)], dtype=np.uint32))
    begin = _COUNT_BYTES + _SIZES_BYTES * len(texts)
    middle = begin + int(texts.unique_id_sizes.sum(dtype=np.int64))
    return CutTexts(
        TextColumn(content[begin:middle].tobytes(), texts.unique_id_sizes),
        TextColumn(content[middle:].tobytes(), texts.property_sizes),
    )


def cut(addresses: Words, raw_sizes: Words, kept: Any, block_of: Sizes, number_of: Content) -> CutTexts | None:
    """The documents with these numbers in these raw blocks (shape [n]); None if a block does not hold one."""
    if not store_pieces.is_built():
        return _cut_in_python(kept, block_of, number_of)
    found = store_pieces.cut(addresses, raw_sizes, block_of, number_of)
    if isinstance(found, int):
        return None
    unique_ids, unique_id_sizes, properties, property_sizes = found
    return CutTexts(TextColumn(unique_ids.tobytes(), unique_id_sizes), TextColumn(properties.tobytes(), property_sizes))


def _cut_in_python(blocks: Any, block_of: Sizes, number_of: Content) -> CutTexts | None:
    opened: dict[int, tuple[list[bytes], list[bytes]]] = {}
    unique_ids: list[bytes] = []
    properties: list[bytes] = []
    for block, number in zip(block_of.tolist(), number_of.tolist(), strict=True):
        if block not in opened:
            opened[block] = _documents_of(blocks[block].tobytes())
        own, others = opened[block]
        if number >= len(own):
            return None
        unique_ids.append(own[number])
        properties.append(others[number])
    return CutTexts(TextColumn.of(unique_ids), TextColumn.of(properties))


def _documents_of(block: bytes) -> tuple[list[bytes], list[bytes]]:
    count = int.from_bytes(block[:_COUNT_BYTES], "little")
    sizes = np.frombuffer(block, dtype="<u4", count=2 * count, offset=_COUNT_BYTES)
    ends = np.cumsum(sizes, dtype=np.int64)
    offsets = (np.append(0, ends) + _COUNT_BYTES + sizes.nbytes).tolist()
    texts = [block[start:end] for start, end in pairwise(offsets)]
    return texts[:count], texts[count:]
