"""Create bodies through the compiled reader: many in one call, their events side by side.

A call, and fetching the columns from C, cost ten times as much as parsing a small body. So single creates are parsed
together.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.limits import (
    BODY_BYTES_MAX,
    BULK_EVENTS_MAX,
    GATHERED_BYTES_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
    PROPERTY_LEVELS_MAX,
    PROPERTY_STRING_BYTES_MAX,
)
from eventkeep.native.library import Columns, LongValue, ObjectLimits, Rules, Span, address, library

BODIES_BYTES_MAX: Final = max(BODY_BYTES_MAX, GATHERED_BYTES_MAX) + BULK_EVENTS_MAX
"""Bytes of the bodies of one call, with a NUL behind each."""

NUMBERS: Final[dict[str, str]] = {
    "time": "<i8",
    "value": "<f8",
    "hash_high": "<u8",
    "hash_low": "<u8",
    "profile_index": "<u4",
    "metric_index": "<u4",
}
"""The columns of numbers, and their types."""
TEXTS: Final = {
    "unique_id": ("unique_ids", "unique_id_bytes"),
    "currency": ("currencies", "currency_bytes"),
    "properties": ("properties", "property_bytes"),
}
"""The columns of texts: the names, in C, of the joined texts and of their sizes."""
SIZE_TYPE: Final = "<u4"


MEMBERS: Final = {"time": 1, "value": 2, "unique_id": 4, "value_currency": 8, "backfill": 16}
"""The optional attributes of an event, by the reader's numbers for them."""
UNIQUE_ID_BYTES_MAX: Final = 240
"""The reader does not hash longer unique ids."""
CURRENCY_BYTES: Final = 3
LETTERS: Final = 26
OPEN_KEYS_MAX: Final = 512
"""Keys that the reader compares: those of an object and of all objects around it."""
RESOURCE_LEVELS_MAX: Final = 16
"""Levels of a profile or metric that the reader follows. The properties of a profile start at its fourth."""


class ParsedBodies(msgspec.Struct, gc=False):
    """The events of create bodies, side by side.

    ``is_plain`` says of each body whether its events are here. ``profiles`` and ``metrics`` are raw JSON objects with
    the member ``data``; ``profile_index`` and ``metric_index`` in ``numbers`` are places in them. ``texts`` holds, for
    each column, the texts end to end and their sizes in bytes. See ``eventkeep.model.submission`` for the columns.
    """

    is_plain: list[bool]
    profiles: list[bytes]
    metrics: list[bytes]
    numbers: dict[str, npt.NDArray[Any]]
    texts: dict[str, tuple[bytes, npt.NDArray[np.uint32]]]


class Memory:
    """The memory that the reader writes for one thread; it is used again for the next call."""

    def __init__(self) -> None:
        events = BULK_EVENTS_MAX
        self.numbers = {name: np.empty(events, dtype=kind) for name, kind in NUMBERS.items()}
        self.sizes = {sizes: np.empty(events, dtype=SIZE_TYPE) for _, sizes in TEXTS.values()}
        self._unique_ids = np.empty(events * UNIQUE_ID_BYTES_MAX, dtype=np.uint8)
        self._currencies = np.empty(events * CURRENCY_BYTES, dtype=np.uint8)
        self._properties = np.empty(0, dtype=np.uint8)
        self.columns = Columns(
            profile=(Span * events)(),
            metric=(Span * events)(),
            long_value=(LongValue * events)(),
            unique_ids=address(self._unique_ids),
            currencies=address(self._currencies),
            **{name: address(column) for name, column in {**self.numbers, **self.sizes}.items()},
        )

    def make_room(self, body_bytes: int) -> None:
        """Have room for the properties of bodies of so many bytes."""
        if body_bytes > len(self._properties):
            self._properties = np.empty(min(2 * body_bytes, BODIES_BYTES_MAX), dtype=np.uint8)
            self.columns.properties = address(self._properties)


class NativeReader:
    """Parses create bodies; any thread may call."""

    def __init__(self) -> None:
        loaded = library()
        self._read = None if loaded is None else loaded.eventkeep_read_creates
        self._local = threading.local()

    def read(self, bodies: Sequence[bytes], is_bulk: bool, rules: ReaderRules, received_at: int) -> ParsedBodies | None:
        """Parse bulk creates or single ones, up to BULK_EVENTS_MAX bodies and events, and BODIES_BYTES_MAX bytes.

        ``received_at`` is in Unix seconds. Returns None if there are more bodies, or if the reader was not built.
        """
        if self._read is None or len(bodies) > BULK_EVENTS_MAX:
            return None
        # The reader relies on UTF-8. A body that is empty is not plain.
        bodies = [body if is_utf8(body) else b"" for body in bodies]
        # A bytes object ends with a NUL of its own.
        joined = bodies[0] if len(bodies) == 1 else b"\0".join(bodies)
        if len(joined) >= BODIES_BYTES_MAX:
            return None
        memory = self._memory()
        memory.make_room(len(joined))
        sizes = (ctypes.c_uint32 * len(bodies))(*map(len, bodies))
        is_plain = (ctypes.c_uint8 * len(bodies))()
        if not self._read(joined, sizes, len(bodies), is_bulk, rules.at(received_at), memory.columns, is_plain):
            return None
        return parsed(joined, memory, list(map(bool, is_plain)))

    def _memory(self) -> Memory:
        memory: Memory | None = getattr(self._local, "memory", None)
        if memory is None:
            memory = self._local.memory = Memory()
        return memory


def parsed(bodies: bytes, memory: Memory, is_plain: list[bool]) -> ParsedBodies:
    """A copy of the reader's columns."""
    columns = memory.columns
    events = columns.events
    numbers = {name: column[:events].copy() for name, column in memory.numbers.items()}
    for value in columns.long_value[: columns.long_values]:
        text = bodies[value.text.start : value.text.start + value.text.size]
        numbers["value"][value.event] = float(text)
    return ParsedBodies(
        is_plain=is_plain,
        profiles=pieces(bodies, columns.profile, columns.profiles),
        metrics=pieces(bodies, columns.metric, columns.metrics),
        numbers=numbers,
        texts={
            name: (
                ctypes.string_at(getattr(columns, joined), getattr(columns, f"{joined}_size")),
                memory.sizes[sizes][:events].copy(),
            )
            for name, (joined, sizes) in TEXTS.items()
        },
    )


def pieces(bodies: bytes, spans: Any, count: int) -> list[bytes]:
    """The pieces of the bodies that so many spans mark."""
    numbers = iter(struct.unpack(f"<{2 * count}I", ctypes.string_at(spans, ctypes.sizeof(Span) * count)))
    return [bodies[start : start + size] for start, size in zip(numbers, numbers, strict=True)]


def is_utf8(body: bytes) -> bool:
    """Whether the body is valid UTF-8."""
    try:
        return body.isascii() or body.decode() is not None
    except UnicodeDecodeError:
        return False


class ReaderRules:
    """The rules of a revision.

    ``members`` is the sum of the MEMBERS that an event may have, ``properties_max`` the number of its properties;
    ``currencies`` are the codes that a value may be in; ``time_min`` is in Unix seconds.
    """

    def __init__(
        self, members: int, properties_max: int, time_min: int, future_seconds_max: int, currencies: frozenset[str]
    ) -> None:
        self._members, self._properties_max = members, properties_max
        self._time_min, self._future_seconds_max = time_min, future_seconds_max
        self._currencies = currency_table(currencies)

    def at(self, received_at: int) -> Rules:
        """The rules at a Unix second."""
        strings_and_arrays = {"elements": PROPERTY_ARRAY_ELEMENTS_MAX, "string_bytes": PROPERTY_STRING_BYTES_MAX}
        return Rules(
            received_at=received_at,
            time_min=self._time_min,
            time_max=received_at + self._future_seconds_max,
            events_max=BULK_EVENTS_MAX,
            unique_id_bytes_max=UNIQUE_ID_BYTES_MAX,
            members=self._members,
            properties=ObjectLimits(keys=self._properties_max, levels=PROPERTY_LEVELS_MAX, **strings_and_arrays),
            resources=ObjectLimits(keys=OPEN_KEYS_MAX, levels=RESOURCE_LEVELS_MAX, **strings_and_arrays),
            currencies=self._currencies,
        )


def currency_table(codes: frozenset[str]) -> bytes:
    """A byte for every three letters, in alphabetical order: 1 for those that are a code."""
    table = bytearray(LETTERS**CURRENCY_BYTES)
    for code in codes:
        first, second, third = (ord(letter) - ord("A") for letter in code)
        table[(first * LETTERS + second) * LETTERS + third] = 1
    return bytes(table)
