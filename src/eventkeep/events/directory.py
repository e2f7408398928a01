"""The directory of a segment: the places of its parts in the file, with the checksums and fences of all pieces.

It stands behind the pieces, is read when the store is opened, and stays in memory.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.errors import EventStoreError
from eventkeep.events.format import RESTORE

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.uint32]

GROUP_ROWS: Final = 64
"""Rows whose columns are stored, read and verified together.

A page of events that lie far apart reads one piece for each: with all columns in one piece this takes an eighth of the
reads, and with few rows most of the bytes that are read are used.
"""
ORDER_ENTRIES: Final = 256
"""Entries of an order that are stored, read and verified together."""
ORDERS: Final = ("profile", "metric", "key")
"""The orders, in their order in the file. ``key`` is by the upper 32 bits of the ids."""
SUMS: Final = (
    *("account", "time", "id", "key_low", "profile", "metric", "value", "currency", "position", "file", "slot"),
    "document",
)
"""The columns whose sums modulo 2^64 a segment has; ``document`` is of the documents, each with its event's id."""

_FIXED: Final = struct.Struct("<IIIIIIQqQBBBB4x")
_ORDER: Final = struct.Struct("<QII")
_SUMS: Final = struct.Struct(f"<{len(SUMS)}Q")


class OrderPlan(msgspec.Struct, frozen=True):
    """The place of an order in the file, the bytes of its numbers, the checksums and first numbers of its pieces."""

    offset: int
    width: int
    checksums: Words
    fences: Numbers


class Widths(msgspec.Struct, frozen=True):
    """The bytes of those columns whose numbers are small in most segments."""

    metric: int
    position: int
    file: int
    currency: int


class Directory(msgspec.Struct, frozen=True):
    """The places of the parts of a segment.

    ``accounts`` ascends, with the first row, the oldest and the newest time of each; the columns ``currency`` and
    ``file`` point into ``currencies`` and ``documents``; ``document_rows`` counts the rows of each document file;
    the fences are time and id of each group's first row. Times are from ``time_base``.
    """

    rows: int
    widths: Widths
    group_rows: int
    order_entries: int
    groups_offset: int
    time_base: int
    position_base: int
    orders: tuple[OrderPlan, ...]
    sums: dict[str, int]
    accounts: Numbers
    account_starts: Numbers
    oldest: Numbers
    newest: Numbers
    currencies: Words
    documents: Words
    document_rows: Words
    group_checksums: Words
    fence_times: Numbers
    fence_ids: Words


_ARRAYS: Final = (
    *(("accounts", 0, "<u4"), ("account_starts", 0, "<u4"), ("oldest", 0, "<u4"), ("newest", 0, "<u4")),
    *(("currencies", 1, "<u8"), ("documents", 2, "<u8"), ("document_rows", 2, "<u8")),
    *(("group_checksums", 3, "<u8"), ("fence_times", 3, "<u4"), ("fence_ids", 3, "<u8")),
)
"""The arrays behind the fixed part: name, which count is theirs, and type."""


def group_type(group_rows: int, widths: Widths) -> np.dtype[Any]:
    """The layout of one group of rows: the columns one after the other."""
    return np.dtype(
        [
            ("id", "<u8", (group_rows,)),
            ("key_low", "<u8", (group_rows,)),
            ("value", "<f8", (group_rows,)),
            ("time", "<u4", (group_rows,)),
            ("profile", "<u4", (group_rows,)),
            ("slot", "<u4", (group_rows,)),
            *((name, f"<u{getattr(widths, name)}", (group_rows,)) for name in Widths.__struct_fields__),
        ]
    )


def order_type(order_entries: int, width: int) -> np.dtype[Any]:
    """The layout of one piece of an order: the numbers, then their rows."""
    return np.dtype([("row", "<u4", (order_entries,)), ("number", f"<u{width}", (order_entries,))])


def bytes_for(count: int) -> int:
    """Bytes of an unsigned integer that tells ``count`` things apart."""
    return 1 if count <= 1 << 8 else 2 if count <= 1 << 16 else 4


def encode_directory(directory: Directory) -> bytes:
    counts = (len(directory.accounts), len(directory.currencies), len(directory.documents))
    parts = [
        _FIXED.pack(
            directory.rows,
            directory.group_rows,
            directory.order_entries,
            *counts,
            directory.groups_offset,
            directory.time_base,
            directory.position_base,
            *msgspec.structs.astuple(directory.widths),
        ),
        *(_ORDER.pack(order.offset, order.width, len(order.checksums)) for order in directory.orders),
        _SUMS.pack(*(directory.sums[name] for name in SUMS)),
        *(getattr(directory, name).astype(kind).tobytes() for name, _, kind in _ARRAYS),
    ]
    for order in directory.orders:
        parts += [order.checksums.astype("<u8").tobytes(), order.fences.astype("<u4").tobytes()]
    return b"".join(parts)


def decode_directory(content: bytes, path: Path) -> Directory:
    """Parse the directory of the segment at ``path``. Raises EventStoreError if it is not one."""
    try:
        return _decode(content)
    except (struct.error, ValueError) as exc:
        raise EventStoreError(f"{path}: its directory is not one of a segment; {RESTORE}") from exc


def _decode(content: bytes) -> Directory:
    fixed = _FIXED.unpack_from(content)
    rows, group_rows, entries, accounts, currencies, documents, offset, time_base, position_base, *widths = fixed
    place = _FIXED.size
    plans = []
    for _ in ORDERS:
        plans.append(_ORDER.unpack_from(content, place))
        place += _ORDER.size
    sums = _SUMS.unpack_from(content, place)
    place += _SUMS.size
    counts = (accounts, currencies, documents, -(-rows // group_rows))

    def array(count: int, kind: str) -> npt.NDArray[Any]:
        nonlocal place
        found = np.frombuffer(content, dtype=kind, count=count, offset=place).copy()
        place += found.nbytes
        return found

    arrays = {name: array(counts[which], kind) for name, which, kind in _ARRAYS}
    orders = tuple(
        OrderPlan(start, width, array(pieces, "<u8"), array(pieces, "<u4")) for start, width, pieces in plans
    )
    return Directory(
        rows=rows,
        widths=Widths(*widths),
        group_rows=group_rows,
        order_entries=entries,
        groups_offset=offset,
        time_base=time_base,
        position_base=position_base,
        orders=orders,
        sums=dict(zip(SUMS, sums, strict=True)),
        **arrays,
    )
