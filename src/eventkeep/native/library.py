"""What is compiled as a shared library: its structures, its calls, and whether it is there.

Nothing of it knows Python: bytes go in, columns come out, in memory that is made here.
So a call may run beside other threads, and one build serves every version of Python.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any, Final

LIBRARY: Final = Path(__file__).parent / "_reader.so"
FORM: Final = 3
"""What is exchanged, as ``eventkeep_reader_form`` numbers it."""

_numbers: Final = ctypes.POINTER(ctypes.c_uint32)
_bytes: Final = ctypes.POINTER(ctypes.c_uint8)


class Span(ctypes.Structure):
    """A piece of the body, in bytes."""

    _fields_ = (("start", ctypes.c_uint32), ("size", ctypes.c_uint32))


class LongValue(ctypes.Structure):
    """A value that takes more to be exact than the reader does, and which event it is of."""

    _fields_ = (("event", ctypes.c_uint32), ("text", Span))


class PropertyLimits(ctypes.Structure):
    """What properties past which are refused."""

    _fields_ = (
        ("properties", ctypes.c_uint32),
        ("levels", ctypes.c_uint32),
        ("elements", ctypes.c_uint32),
        ("string_bytes", ctypes.c_uint32),
    )


class Rules(ctypes.Structure):
    """What a body is held to. Times are in Unix seconds; ``currencies`` has a byte for each three letters."""

    _fields_ = (
        ("received_at", ctypes.c_int64),
        ("time_min", ctypes.c_int64),
        ("time_max", ctypes.c_int64),
        ("events_max", ctypes.c_uint32),
        ("metrics_max", ctypes.c_uint32),
        ("unique_id_bytes_max", ctypes.c_uint32),
        ("members", ctypes.c_uint32),
        ("properties", PropertyLimits),
        ("currencies", ctypes.c_char_p),
    )


class Columns(ctypes.Structure):
    """What is found: how much of each, and where it is written."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("events", "profiles", "metrics", "long_values")),
        *((name, ctypes.c_uint32) for name in ("unique_ids_size", "currencies_size", "properties_size")),
        *((name, _numbers) for name in ("profile_index", "metric_index", "time")),
        *((name, _numbers) for name in ("unique_id_bytes", "currency_bytes", "property_bytes")),
        ("value", ctypes.POINTER(ctypes.c_double)),
        *((name, _bytes) for name in ("has_value", "unique_id_hash", "unique_ids", "currencies", "properties")),
        *((name, ctypes.POINTER(Span)) for name in ("profile", "metric")),
        ("long_value", ctypes.POINTER(LongValue)),
    )


ARGUMENTS: Final = (ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(Rules), ctypes.POINTER(Columns))
"""What the readers of one body take."""
MANY_ARGUMENTS: Final = (
    ctypes.c_char_p,
    _numbers,
    ctypes.c_uint32,
    ctypes.POINTER(Rules),
    ctypes.POINTER(Columns),
    ctypes.POINTER(ctypes.c_uint8),
)
"""What the reader of many bodies takes."""
SEEN_ARGUMENTS: Final = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
"""What the calls of the seen filter take: its layer, the keys, and how many they are."""


@cache
def library(holding: bool = False) -> Any:
    """The library, None where it was not built or is of another version.

    Its calls let go of the interpreter's lock, unless they are ``holding`` it: for what
    takes less time than to get it back.
    """
    try:
        loaded = (ctypes.PyDLL if holding else ctypes.CDLL)(str(LIBRARY))
        loaded.eventkeep_reader_form.restype = ctypes.c_uint32
        if loaded.eventkeep_reader_form() != FORM:
            return None
        for read in (loaded.eventkeep_read_bulk_create, loaded.eventkeep_read_single_create):
            read.argtypes, read.restype = ARGUMENTS, ctypes.c_bool
        read_many = loaded.eventkeep_read_single_creates
        read_many.argtypes, read_many.restype = MANY_ARGUMENTS, ctypes.c_bool
        # Its page is a structure of its own; see eventkeep.native.page_writer.
        loaded.eventkeep_write_page.argtypes = (ctypes.c_void_p,)
        loaded.eventkeep_write_page.restype = ctypes.c_uint64
        # See eventkeep.native.native_bloom.
        loaded.eventkeep_seen_add.argtypes = SEEN_ARGUMENTS
        loaded.eventkeep_seen_find.argtypes = (*SEEN_ARGUMENTS, ctypes.c_void_p)
        loaded.eventkeep_seen_add.restype = loaded.eventkeep_seen_find.restype = None
    except (OSError, AttributeError):
        return None
    return loaded


def is_built() -> bool:
    """Whether the compiled reader is there."""
    return library() is not None
