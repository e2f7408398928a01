"""One bulk create body at a time through the compiled reader: rules in, columns out.

A thread has its own memory for what the reader writes, and keeps it for the next body.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from typing import Any

from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX, COMPILED_METRICS_MAX
from eventkeep.native.library import Columns, LongValue, Span, library
from eventkeep.native.parsed import ParsedBulk
from eventkeep.native.validation_rules import CURRENCY_BYTES, HASH_BYTES, UNIQUE_ID_BYTES_MAX, ValidationRules, is_text


class Memory:
    """Where the reader writes for one thread."""

    def __init__(self) -> None:
        numbers, events = ctypes.c_uint32 * BULK_EVENTS_MAX, BULK_EVENTS_MAX
        self.columns = Columns(
            profile_index=numbers(),
            metric_index=numbers(),
            time=numbers(),
            unique_id_bytes=numbers(),
            currency_bytes=numbers(),
            property_bytes=numbers(),
            value=(ctypes.c_double * events)(),
            has_value=(ctypes.c_uint8 * events)(),
            unique_id_hash=(ctypes.c_uint8 * (HASH_BYTES * events))(),
            unique_ids=(ctypes.c_uint8 * (UNIQUE_ID_BYTES_MAX * events))(),
            currencies=(ctypes.c_uint8 * (CURRENCY_BYTES * events))(),
            profile=(Span * events)(),
            metric=(Span * COMPILED_METRICS_MAX)(),
            long_value=(LongValue * events)(),
        )
        self.property_room = 0

    def make_room(self, body_bytes: int) -> None:
        """Have room for all properties of a body of so many bytes."""
        if body_bytes > self.property_room:
            self.property_room = min(2 * body_bytes, BODY_BYTES_MAX)
            self.columns.properties = (ctypes.c_uint8 * self.property_room)()


class BulkReader:
    """Reads bulk creates; any thread's."""

    def __init__(self, terms: ValidationRules) -> None:
        loaded = library()
        self._read = None if loaded is None else loaded.eventkeep_read_bulk_create
        self._local = threading.local()
        self._terms = terms

    def read(self, body: bytes, members: int, received_at: int) -> ParsedBulk | None:
        """What the body asks to keep; None where it is not plain, or there is no compiled reader.

        ``members`` adds up the MEMBERS that an event may have; ``received_at`` is in Unix seconds.
        """
        if self._read is None or len(body) > BODY_BYTES_MAX or not is_text(body):
            return None
        memory = self._memory()
        memory.make_room(len(body))
        columns = memory.columns
        rules = self._terms.rules(members, received_at, BULK_EVENTS_MAX, COMPILED_METRICS_MAX)
        if not self._read(body, len(body), rules, columns):
            return None
        return found(body, columns)

    def _memory(self) -> Memory:
        memory = getattr(self._local, "memory", None)
        if memory is None:
            memory = self._local.memory = Memory()
        return memory


def found(body: bytes, columns: Columns) -> ParsedBulk:
    """What the reader has written."""
    events, copy = columns.events, ctypes.string_at
    return ParsedBulk(
        events=events,
        profiles=pieces(body, columns.profile, columns.profiles),
        metrics=pieces(body, columns.metric, columns.metrics),
        profile_index=copy(columns.profile_index, 4 * events),
        metric_index=copy(columns.metric_index, 4 * events),
        time=copy(columns.time, 4 * events),
        unique_id=copy(columns.unique_ids, columns.unique_ids_size),
        unique_id_bytes=copy(columns.unique_id_bytes, 4 * events),
        unique_id_hash=copy(columns.unique_id_hash, HASH_BYTES * events),
        value=values(body, columns),
        has_value=copy(columns.has_value, events),
        currency=copy(columns.currencies, columns.currencies_size),
        currency_bytes=copy(columns.currency_bytes, 4 * events),
        properties=copy(columns.properties, columns.properties_size),
        property_bytes=copy(columns.property_bytes, 4 * events),
    )


def pieces(body: bytes, spans: Any, count: int) -> list[bytes]:
    """The pieces of the body that so many spans mark."""
    numbers = iter(struct.unpack(f"<{2 * count}I", ctypes.string_at(spans, ctypes.sizeof(Span) * count)))
    return [body[start : start + size] for start, size in zip(numbers, numbers, strict=True)]


def values(body: bytes, columns: Columns) -> bytes:
    """The column of values, with those that took more to be exact."""
    column = ctypes.string_at(columns.value, 8 * columns.events)
    if not columns.long_values:
        return column
    changed = bytearray(column)
    for value in columns.long_value[: columns.long_values]:
        text = body[value.text.start : value.text.start + value.text.size]
        struct.pack_into("<d", changed, 8 * value.event, float(text))
    return bytes(changed)
