"""The events of a page through the compiled writer: templates and columns in, JSON out."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from eventkeep.native.library import library

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


class PageColumns(NamedTuple):
    """The events of a page, each column in their order.

    ``flags``: HAS_VALUE for an event that gets the value 0 if it has none, IS_WHOLE.
    The texts and values come as JSON arrays without blanks: a value may be null, a currency "", and so may be the id
    of an attribution.
    ``time`` is in Unix seconds of 32 bits, ``id`` of 64 bits. ``properties`` are joined.
    """

    time: Sequence[int]
    id: Sequence[int]
    flags: bytes | bytearray
    profile_ids: bytes
    metric_ids: bytes
    unique_ids: bytes
    values: bytes
    currencies: bytes
    attribution_ids: bytes
    property_bytes: Sequence[int]
    properties: bytes


class Page(ctypes.Structure):
    """The input of the writer."""

    _fields_ = (
        ("events", ctypes.c_uint32),
        ("templates", ctypes.POINTER(ctypes.c_char_p)),
        *((name, ctypes.c_char_p) for name in ("time", "id", "flags")),
        *((name, ctypes.c_char_p) for name in ("profile_ids", "metric_ids", "unique_ids", "values", "currencies")),
        ("attribution_ids", ctypes.c_char_p),
        ("property_bytes", ctypes.c_char_p),
        ("properties", ctypes.c_char_p),
        ("properties_size", ctypes.c_uint64),
        ("out", ctypes.c_void_p),
        ("room", ctypes.c_uint64),
    )


def bytes_max(template: bytes) -> int:
    """Bytes of a filled template at most, without copied fields; the marker of such a field counts as its one byte."""
    return len(template) + sum([template.count(marker) * (width - 1) for marker, width in WIDTHS.items()])


def room_for(templates: Templates, columns: PageColumns) -> int:
    """Bytes that the page takes at most."""
    copied = (
        *(columns.profile_ids, columns.metric_ids, columns.unique_ids),
        *(columns.values, columns.currencies, columns.attribution_ids),
    )
    return len(columns.time) * templates.event_bytes_max + len(columns.properties) + sum(map(len, copied))


def write_page(templates: Templates, columns: PageColumns) -> memoryview | None:
    """The events with commas between them. None without events or without a compiled writer, or if it gives up."""
    if not columns.time or library() is None:
        return None
    output = bytearray(room_for(templates, columns))
    written = write_into(output, templates, columns)
    return memoryview(output)[:written] if written else None


def write_into(output: bytearray | memoryview, templates: Templates, columns: PageColumns) -> int:
    """Write the events into ``output``. Returns the bytes that they take, or 0 if there is no room for them.

    It also returns 0 without events, or if the columns do not fit together.
    """
    if not len(columns.time) == len(columns.id) == len(columns.flags) == len(columns.property_bytes):
        return 0
    view = (ctypes.c_char * 0).from_buffer(output)
    page = Page(
        len(columns.time),
        templates.pointers,
        array("I", columns.time).tobytes(),
        array("Q", columns.id).tobytes(),
        bytes(columns.flags),
        columns.profile_ids,
        columns.metric_ids,
        columns.unique_ids,
        columns.values,
        columns.currencies,
        columns.attribution_ids,
        array("I", columns.property_bytes).tobytes(),
        columns.properties,
        len(columns.properties),
        ctypes.addressof(view),
        len(output),
    )
    written: int = library().eventkeep_write_page(ctypes.byref(page))
    return written
