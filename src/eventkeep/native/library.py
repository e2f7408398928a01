"""The compiled library: its structures, its calls, and whether it was built.

It knows nothing of Python: bytes go in, columns come out, in memory that the caller owns. A call may run beside
other threads, and one build serves every version of Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

LIBRARY: Final = Path(__file__).parent / "_reader.so"
FORM: Final = 5
"""The version of the structures and calls, as ``eventkeep_reader_form`` returns it."""

_numbers: Final = ctypes.POINTER(ctypes.c_uint32)
_bytes: Final = ctypes.POINTER(ctypes.c_uint8)


class Span(ctypes.Structure):
    """A piece of the bodies, in bytes."""

    _fields_ = (("start", ctypes.c_uint32), ("size", ctypes.c_uint32))


class LongValue(ctypes.Structure):
    """A value whose nearest double Python has to find, and its event."""

    _fields_ = (("event", ctypes.c_uint32), ("text", Span))


class ObjectLimits(ctypes.Structure):
    """The limits of a JSON object: its own keys, its levels, the elements and bytes of each array and string in it."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("keys", "levels", "elements", "string_bytes"))


class Rules(ctypes.Structure):
    """The rules of a body. Times are in Unix seconds; ``currencies`` has a byte for every three letters."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("received_at", "time_min", "time_max")),
        *((name, ctypes.c_uint32) for name in ("events_max", "unique_id_bytes_max", "members")),
        *((name, ObjectLimits) for name in ("properties", "resources")),
        ("currencies", ctypes.c_char_p),
    )


class Columns(ctypes.Structure):
    """The parsed events: how many there are of each, and the addresses of the columns."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("events", "profiles", "metrics", "long_values")),
        *((name, ctypes.c_uint32) for name in ("unique_ids_size", "currencies_size", "properties_size")),
        *((name, ctypes.c_void_p) for name in ("time", "value", "hash_high", "hash_low")),
        *((name, ctypes.c_void_p) for name in ("profile_index", "metric_index")),
        *((name, ctypes.c_void_p) for name in ("unique_id_bytes", "currency_bytes", "property_bytes")),
        *((name, ctypes.c_void_p) for name in ("unique_ids", "currencies", "properties")),
        *((name, ctypes.POINTER(Span)) for name in ("profile", "metric")),
        ("long_value", ctypes.POINTER(LongValue)),
    )


READ_ARGUMENTS: Final = (
    ctypes.c_char_p,
    _numbers,
    ctypes.c_uint32,
    ctypes.c_bool,
    ctypes.POINTER(Rules),
    ctypes.POINTER(Columns),
    _bytes,
)
"""The arguments of the reader: bodies, sizes, their number, whether they are bulk creates, rules, columns, flags."""


_byte_of: Final[Callable[[Any], ctypes.c_char]] = ctypes.c_char.from_buffer


@cache
def library(holding: bool = False) -> Any:
    """The library; None if it was not built or is of another version.

    Its calls release the interpreter's lock, unless they are ``holding`` it: for calls that take less time than
    getting the lock back.
    """
    try:
        loaded = (ctypes.PyDLL if holding else ctypes.CDLL)(str(LIBRARY))
        loaded.eventkeep_reader_form.restype = ctypes.c_uint32
        if loaded.eventkeep_reader_form() != FORM:
            return None
        read = loaded.eventkeep_read_creates
        read.argtypes, read.restype = READ_ARGUMENTS, ctypes.c_bool
        # The structure of its page is in eventkeep.native.page_writer.
        loaded.eventkeep_write_page.argtypes = (ctypes.c_void_p,)
        loaded.eventkeep_write_page.restype = ctypes.c_uint64
    except (OSError, AttributeError):
        return None
    return loaded


def calls_of(arguments: Mapping[str, tuple[Any, Any]]) -> dict[str, Any] | None:
    """Calls of the library by their names, given the types of their arguments and of their result.

    None if the library was not built or lacks one of them.
    """
    loaded = library()
    if loaded is None:
        return None
    try:
        calls = {name: getattr(loaded, f"eventkeep_{name}") for name in arguments}
    except AttributeError:
        return None
    for name, (takes, gives) in arguments.items():
        calls[name].argtypes, calls[name].restype = takes, gives
    return calls


def address(column: npt.NDArray[Any]) -> int:
    """The address of an array's memory."""
    try:
        # Takes a fifth of the time of the other way.
        return ctypes.addressof(_byte_of(column))
    except (TypeError, ValueError):
        # It is empty, may only be read, or is not contiguous.
        found: int = column.__array_interface__["data"][0]
        return found


def call(calls: dict[str, Any] | None, name: str) -> Any:
    """One of the `calls_of` a module, which its callers know to be there."""
    assert calls is not None, "eventkeep's compiled library is missing; callers ask is_built() first"
    return calls[name]


def is_built() -> bool:
    """Whether the library is there."""
    return library() is not None
