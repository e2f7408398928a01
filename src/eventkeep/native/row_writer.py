"""The rows of an export through the compiled writer: columns in, JSON Lines out, without the interpreter's lock."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from eventkeep.native.library import address, call, calls_of

TEXTS: Final = ("unique_id", "currency", "properties", "metric", "profile", "metric_id", "profile_id")
"""The columns of texts of a row."""
STRINGS: Final = 2
"""The first of them are escaped; the others are JSON already."""
FIXED_BYTES: Final = 25 + 17 + 36 + len('{"","",,}\n')
"""Bytes of a row at most, beside its names, its value and its texts."""
ESCAPE_BYTES: Final = 6
"""Bytes of a byte of a string at most."""


class Texts(NamedTuple):
    """Texts of rows: those of a row begin at ``starts`` in ``joined`` and have ``sizes`` bytes (each of shape [n])."""

    joined: bytes
    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.uint32]

    def take(self, places: npt.NDArray[np.intp]) -> Texts:
        """The texts at ``places`` (shape [m]) as those of m rows."""
        return Texts(self.joined, self.starts[places], self.sizes[places])

    def listed(self) -> list[bytes]:
        """The texts one by one."""
        starts, sizes = self.starts.tolist(), self.sizes.tolist()
        return [self.joined[start : start + size] for start, size in zip(starts, sizes, strict=True)]


class _Column(ctypes.Structure):
    _fields_ = (("joined", ctypes.c_char_p), ("starts", ctypes.c_void_p), ("sizes", ctypes.c_void_p))


class _Rows(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_uint32),
        ("has_ids", ctypes.c_bool),
        ("names", ctypes.POINTER(ctypes.c_char_p)),
        *((name, ctypes.c_void_p) for name in ("time", "id")),
        ("values", ctypes.c_char_p),
        *((name, _Column) for name in TEXTS),
        ("out", ctypes.c_void_p),
        ("room", ctypes.c_uint64),
    )


class _Order(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_uint32),
        *((name, ctypes.c_void_p) for name in ("time", "rank")),
        *((name, _Column) for name in ("unique_id", "identity")),
        *((name, ctypes.c_void_p) for name in ("places", "room")),
    )


@cache
def _calls() -> dict[str, Any] | None:
    """The calls by their names, None if the library was not built or lacks them."""
    return calls_of(
        {
            "write_rows": ((ctypes.c_void_p,), ctypes.c_uint64),
            "find_verbatim": ((ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p), None),
            "order_within_seconds": ((ctypes.c_void_p,), None),
        }
    )


def is_built() -> bool:
    """Whether the compiled writer is there."""
    return _calls() is not None


def find_verbatim(objects: Texts) -> npt.NDArray[np.bool_]:
    """Whether each JSON object stands in a row as it is (shape [n]).

    Its members have no blanks between them, plain names, and are all on one line.
    """
    flags = np.empty(len(objects.sizes), dtype=np.bool_)
    column = _column(objects)
    call(_calls(), "find_verbatim")(ctypes.byref(column), len(flags), address(flags))
    return flags


class RowBuffer:
    """Memory for rows that is used again: new memory takes the system longer than writing to it."""

    def __init__(self) -> None:
        self._memory = np.empty(0, dtype=np.uint8)

    def write_rows(
        self,
        names: Sequence[bytes],
        time: npt.NDArray[np.int64],
        id: npt.NDArray[np.uint64],
        values: bytes,
        texts: Sequence[Texts],
        has_ids: bool,
    ) -> memoryview:
        """The rows of events as lines, which stay until the next call.

        ``names`` are the fixed texts of a row; ``time`` (Unix seconds) and ``id`` have shape [n]; ``values`` is a JSON
        array without blanks of n numbers, null for none; ``texts`` are in the order of TEXTS.
        Raises ValueError if there are fewer values than rows.
        """
        count = len(time)
        # A text begins and ends with a quote.
        room = count * (FIXED_BYTES + sum(map(len, names)) + 2 * len(texts)) + len(values)
        room += sum([int(column.sizes.sum(dtype=np.uint64)) for column in texts])
        room += (ESCAPE_BYTES - 1) * sum([int(column.sizes.sum(dtype=np.uint64)) for column in texts[:STRINGS]])
        if room > len(self._memory):
            self._memory = np.empty(room, dtype=np.uint8)
        rows = _Rows(
            count,
            has_ids,
            (ctypes.c_char_p * len(names))(*names),
            address(time),
            address(id),
            values,
            *map(_column, texts),
            address(self._memory),
            room,
        )
        written: int = call(_calls(), "write_rows")(ctypes.byref(rows))
        if count and not written:
            # An export that lacks rows without a word would be worse than none.
            raise ValueError(f"expected {count} values, one for each row, found fewer")
        return self._memory.data[:written]


def order_within_seconds(
    time: npt.NDArray[np.int64], rank: npt.NDArray[np.uint32], unique_id: Texts, identity: Texts
) -> npt.NDArray[np.intp]:
    """The places of rows (shape [n]), those of one time sorted by the others, each of shape [n].

    Rows of one time are neighbours; those that are equal stay as they are.
    """
    count = len(time)
    places, room = np.arange(count, dtype=np.uint32), np.empty(count, dtype=np.uint32)
    order = _Order(
        count,
        address(time),
        address(rank),
        _column(unique_id),
        _column(identity),
        address(places),
        address(room),
    )
    call(_calls(), "order_within_seconds")(ctypes.byref(order))
    return places.astype(np.intp)


def _column(texts: Texts) -> _Column:
    return _Column(texts.joined, address(texts.starts), address(texts.sizes))
