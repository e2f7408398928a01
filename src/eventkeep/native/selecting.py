"""The compiled search for the rows of a page, and of one event, in all parts of the event store at once.

Every function lets go of the interpreter's lock. They are there if ``is_built`` says so; without them
`eventkeep.events.page` does the same with numpy.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.native.library import address, call, calls_of
from eventkeep.native.store_pieces import OrderStructure

ROW: Final = np.dtype(
    [
        *(("time", "<i8"), ("id", "<u8"), ("value", "<f8"), ("currency", "<u8")),
        *(("profile", "<u4"), ("metric", "<u4"), ("file", "<u4"), ("slot", "<u4")),
        *(("part", "<u4"), ("row", "<u4")),
    ]
)
"""A row that was found: the columns of a page, its part by its place, and its document's file and slot, if it has."""
ORDERS: Final = 2
"""The orders that are searched: by profile and by metric."""
_ACCOUNTS: Final = ("accounts", "starts")
_FENCES: Final = ("oldest", "newest", "group_checksums", "fence_times", "fence_ids", "currencies")
_COLUMNS: Final = {
    **{"time": "<i8", "id": "<u8", "currency": "<u8"},
    **{"profile": "<u4", "metric": "<u4", "value": "<f8"},
}
_BAD, _NO_MEMORY = -1, -2


class PartStructure(ctypes.Structure):
    """Sorted rows, on disk or in memory: the addresses of what the search reads."""

    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("accounts_count", "currencies_count")),
        *((name, ctypes.c_void_p) for name in _ACCOUNTS),
        ("time_base", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("oldest", "newest")),
        ("groups_offset", ctypes.c_uint64),
        *((name, ctypes.c_void_p) for name in ("group_checksums", "fence_times", "fence_ids", "currencies")),
        ("is_file", ctypes.c_uint32),
        ("group_rows", ctypes.c_uint32),
        *((f"{name}_width", ctypes.c_uint32) for name in ("metric", "position", "file", "currency")),
        ("orders", OrderStructure * ORDERS),
        *((f"{name}_column", ctypes.c_void_p) for name in ("time", "id", "currency", "profile", "metric", "value")),
        ("numbers", ctypes.c_void_p * ORDERS),
        ("rows", ctypes.c_void_p * ORDERS),
    )


class _Selection(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("time_min", "time_max", "after_time")),
        *((name, ctypes.c_uint64) for name in ("after_id", "count")),
        *((name, ctypes.c_void_p) for name in ("profiles", "metrics")),
        *((name, ctypes.c_uint64) for name in ("profiles_count", "metrics_count")),
        ("account", ctypes.c_uint32),
        *((name, ctypes.c_uint8) for name in ("has_min", "has_max", "has_after", "descending")),
    )


class BadPiece(ctypes.Structure):
    """A piece that can't be used: its place in its file, the part, and the system's error number, 0 if it is damaged.

    ``offset`` and ``size`` are in bytes.
    """

    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("offset", "size")),
        ("part", ctypes.c_uint32),
        ("error", ctypes.c_int32),
    )


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for.

    Times are in Unix seconds, in 64 bits as ids are, and the account in 32. The sets are sorted numbers of 32 bits
    (each of shape [n]), None for no condition; an empty one selects nothing.
    """

    account: int
    count: int
    descending: bool
    time_min: int | None
    time_max: int | None
    after: tuple[int, int] | None
    profiles: npt.NDArray[np.uint32] | None
    metrics: npt.NDArray[np.uint32] | None


@cache
def _calls() -> dict[str, Any] | None:
    """The calls by their names, None if the library was not built or lacks them."""
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    return calls_of(
        {
            "select": ((pointer, pointer, size, pointer, pointer, pointer), ctypes.c_int64),
            "find_event": (
                (pointer, pointer, size, ctypes.c_uint32, ctypes.c_int64, ctypes.c_uint64, pointer, pointer),
                ctypes.c_int64,
            ),
        }
    )


def is_built() -> bool:
    """Whether the calls are there."""
    return _calls() is not None


class SearchedPart:
    """A part for the search. It keeps what its structure points into."""

    def __init__(self, accounts: npt.NDArray[np.uint32], starts: npt.NDArray[np.int64]) -> None:
        """``accounts`` ascend (shape [n]); ``starts`` has the first row of each, and the end of the last."""
        self._kept: list[Any] = []
        self.structure = PartStructure(accounts_count=len(accounts))
        self._point("accounts", accounts, "<u4")
        self._point("starts", starts, "<i8")
        self.address = ctypes.addressof(self.structure)

    def _point(self, name: str, column: npt.NDArray[Any], kind: str) -> None:
        setattr(self.structure, name, self._address(column, kind))

    def _address(self, column: npt.NDArray[Any], kind: str) -> int:
        column = np.ascontiguousarray(column, dtype=kind)
        self._kept.append(column)
        return address(column)

    def be_file(
        self,
        arrays: Mapping[str, npt.NDArray[Any]],
        widths: Mapping[str, int],
        groups_offset: int,
        group_rows: int,
        time_base: int,
        orders: Sequence[OrderStructure],
    ) -> None:
        """The rows are in a file: its fences and checksums, bytes of its narrow columns, and its orders."""
        structure = self.structure
        structure.is_file, structure.time_base = 1, time_base
        structure.groups_offset, structure.group_rows = groups_offset, group_rows
        structure.currencies_count = len(arrays["currencies"])
        for name in _FENCES:
            self._point(name, arrays[name], "<u4" if name in ("oldest", "newest", "fence_times") else "<u8")
        for name, width in widths.items():
            setattr(structure, f"{name}_width", width)
        for place in range(ORDERS):
            structure.orders[place] = orders[place]

    def be_memory(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """The rows are in memory, in these columns (each of shape [rows])."""
        for name, kind in _COLUMNS.items():
            self._point(f"{name}_column", columns[name], kind)

    def add_order(self, place: int, numbers: npt.NDArray[np.uint32], rows: npt.NDArray[np.int64]) -> None:
        """An order of rows in memory: its numbers and rows (each of shape [rows]), once it is there."""
        self.structure.numbers[place] = self._address(numbers, "<u4")
        self.structure.rows[place] = self._address(rows, "<i8")


def select(parts: Sequence[SearchedPart], files: Sequence[int], wanted: Wanted) -> npt.NDArray[Any] | BadPiece:
    """The first ``wanted.count`` rows (of type ROW, shape [n]) in their order; or the piece that can't be used.

    ``files`` are the descriptors of the parts in files; those of parts in memory are not looked at. Raises MemoryError.
    """
    sets = {"profiles": wanted.profiles, "metrics": wanted.metrics}
    if any(numbers is not None and not len(numbers) for numbers in sets.values()):
        # An empty array may have no address, which is no condition for the call.
        return np.empty(0, dtype=ROW)
    selection = _Selection(
        account=wanted.account,
        count=wanted.count,
        descending=wanted.descending,
        has_min=wanted.time_min is not None,
        has_max=wanted.time_max is not None,
        has_after=wanted.after is not None,
        time_min=wanted.time_min or 0,
        time_max=wanted.time_max or 0,
    )
    if wanted.after is not None:
        selection.after_time, selection.after_id = wanted.after
    for name, numbers in sets.items():
        if numbers is not None:
            setattr(selection, name, address(numbers))
            setattr(selection, f"{name}_count", len(numbers))
    page = np.empty(wanted.count, dtype=ROW)
    bad = BadPiece()
    written = call(_calls(), "select")(
        _addresses(parts),
        _descriptors(files),
        len(parts),
        ctypes.byref(selection),
        address(page),
        ctypes.byref(bad),
    )
    return _result(written, page, bad)


def find_event(
    parts: Sequence[SearchedPart], files: Sequence[int], account: int, time: int, event_id: int
) -> npt.NDArray[Any] | BadPiece:
    """The row of one event (of type ROW, shape [1], or [0] if there is none); or the piece that can't be used."""
    page = np.empty(1, dtype=ROW)
    bad = BadPiece()
    written = call(_calls(), "find_event")(
        _addresses(parts),
        _descriptors(files),
        len(parts),
        account,
        time,
        event_id,
        address(page),
        ctypes.byref(bad),
    )
    return _result(written, page, bad)


def _addresses(parts: Sequence[SearchedPart]) -> Any:
    return (ctypes.c_void_p * len(parts))(*[part.address for part in parts])


def _descriptors(files: Sequence[int]) -> Any:
    return (ctypes.c_int32 * len(files))(*files)


def _result(written: int, page: npt.NDArray[Any], bad: BadPiece) -> npt.NDArray[Any] | BadPiece:
    if written == _NO_MEMORY:
        raise MemoryError
    return bad if written == _BAD else page[:written]
