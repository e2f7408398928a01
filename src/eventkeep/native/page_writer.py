"""The events of a page through the compiled writer: templates and columns in, JSON out."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from eventkeep.native.library import address, library

PUBLIC_ID: Final = b"\x0e"
PROFILE_ID: Final = b"\x0f"
METRIC_ID: Final = b"\x10"
TIMESTAMP: Final = b"\x11"
DATETIME: Final = b"\x12"
UUID: Final = b"\x13"
MEMBERS: Final = b"\x14"
"""The members of the properties object, and a comma if there are any."""
CURRENCY: Final = b"\x15"
UNIQUE_ID: Final = b"\x16"
VALUE: Final = b"\x17"
PROPERTIES: Final = b"\x18"
"""The properties as they are given."""
ATTRIBUTION_ID: Final = b"\x19"

HAS_VALUE: Final = 1
HAS_CURRENCY: Final = 2
IS_WHOLE: Final = 4
"""The properties are written as they are given, and are all of ``event_properties``."""
KINDS: Final = 5
"""An event is of the kind HAS_VALUE + HAS_CURRENCY, either, neither, or of the kind IS_WHOLE."""
TEMPLATES: Final = 2 * KINDS
"""One for each kind, and then one for each kind of an event that has an attribution."""

ESCAPED_BYTES_MAX: Final = 6
"""Bytes that a byte of a text takes at most in JSON."""
QUOTES: Final = 2
WIDTHS: Final = {PUBLIC_ID: 17, TIMESTAMP: 10, DATETIME: 25, UUID: 36}
"""Bytes at most of the fields that are made for each event. All other fields are copied from the columns."""


class Templates:
    """The TEMPLATES texts, by the number of the kind, with a marker in the place of each value.

    The marker of a copied field is in a text once at most. There are up to 31 markers in a text.
    """

    def __init__(self, kinds: Sequence[bytes]) -> None:
        self.pointers = (ctypes.c_char_p * TEMPLATES)(*kinds)
        self.event_bytes_max = 1 + max(map(bytes_max, kinds))
        """Bytes of an event and its comma, without the fields that are copied from the columns."""


class JoinedTexts(NamedTuple):
    """A text for each event: all of them one after the other, and the bytes of each (shape [n])."""

    joined: bytes
    sizes: npt.NDArray[np.uint32]


class PageColumns(NamedTuple):
    """The events of a page, each column in their order.

    ``times`` are in Unix seconds, of 32 bits (shape [n], like ``ids``).
    ``flags``: HAS_VALUE for an event that gets the value 0 if it has none, IS_WHOLE.
    The values and the ids of other resources come as JSON arrays without blanks: a value may be null, a currency "",
    and so may be the id of an attribution.
    """

    times: npt.NDArray[np.int64]
    ids: npt.NDArray[np.uint64]
    flags: bytes | bytearray
    profile_ids: bytes
    metric_ids: bytes
    values: bytes
    currencies: bytes
    attribution_ids: bytes
    unique_ids: JoinedTexts
    properties: JoinedTexts


def _text_fields(name: str) -> tuple[tuple[str, Any], ...]:
    """A column of texts: their bytes, the sizes of each, and of all."""
    return (
        (f"{name}_texts", ctypes.c_char_p),
        (f"{name}_sizes", ctypes.c_void_p),
        (f"{name}_bytes", ctypes.c_uint64),
    )


class Page(ctypes.Structure):
    """The input of the writer."""

    _fields_ = (
        ("events", ctypes.c_uint32),
        ("templates", ctypes.POINTER(ctypes.c_char_p)),
        *((name, ctypes.c_void_p) for name in ("times", "ids")),
        ("flags", ctypes.c_char_p),
        *((name, ctypes.c_char_p) for name in ("profile_ids", "metric_ids", "values", "currencies")),
        ("attribution_ids", ctypes.c_char_p),
        *_text_fields("unique_id"),
        *_text_fields("property"),
        ("out", ctypes.c_void_p),
        ("room", ctypes.c_uint64),
    )


def bytes_max(template: bytes) -> int:
    """Bytes of a filled template at most, without copied fields; the marker of such a field counts as its one byte."""
    return len(template) + sum([template.count(marker) * (width - 1) for marker, width in WIDTHS.items()])


def room_for(templates: Templates, columns: PageColumns) -> int:
    """Bytes that the page takes at most."""
    copied = (
        *(columns.profile_ids, columns.metric_ids, columns.values),
        *(columns.currencies, columns.attribution_ids, columns.properties.joined),
    )
    unique_ids = len(columns.times) * QUOTES + len(columns.unique_ids.joined) * ESCAPED_BYTES_MAX
    return len(columns.times) * templates.event_bytes_max + unique_ids + sum(map(len, copied))


def write_page(templates: Templates, columns: PageColumns) -> memoryview | None:
    """The events with commas between them. None without events or without a compiled writer, or if it gives up."""
    if not len(columns.times) or library() is None:
        return None
    output = np.empty(room_for(templates, columns), dtype=np.uint8)
    written = write_into(output, templates, columns)
    return output[:written].data if written else None


def write_into(output: npt.NDArray[np.uint8], templates: Templates, columns: PageColumns) -> int:
    """Write the events into ``output`` (shape [bytes]). Returns how many bytes they take, 0 if there is no room.

    It also returns 0 without events, or if the columns do not fit together.
    """
    unique_ids, properties = columns.unique_ids, columns.properties
    count = len(columns.times)
    if not count == len(columns.ids) == len(columns.flags) == len(unique_ids.sizes) == len(properties.sizes):
        return 0
    times, ids = np.ascontiguousarray(columns.times, dtype=np.int64), np.ascontiguousarray(columns.ids, dtype=np.uint64)
    id_sizes, property_sizes = (np.ascontiguousarray(each.sizes, dtype=np.uint32) for each in (unique_ids, properties))
    page = Page(
        *(count, templates.pointers, address(times), address(ids), bytes(columns.flags)),
        *(columns.profile_ids, columns.metric_ids, columns.values, columns.currencies, columns.attribution_ids),
        *(unique_ids.joined, address(id_sizes), len(unique_ids.joined)),
        *(properties.joined, address(property_sizes), len(properties.joined)),
        *(address(output), len(output)),
    )
    written: int = library().eventkeep_write_page(ctypes.byref(page))
    return written
