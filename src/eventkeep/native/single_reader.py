"""A single create through the compiled reader: everything in one piece of memory, to be taken out at once.

A call costs a microsecond, and so does every two or three things that are fetched from C
one by one; reading the body itself takes half of one.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from typing import Any, Final

from eventkeep.limits import PARSED_AT_ONCE_BYTES_MAX
from eventkeep.native.library import Columns, LongValue, Rules, library
from eventkeep.native.parsed import FoundSingle
from eventkeep.native.validation_rules import ValidationRules, is_text

LAYOUT: Final = struct.Struct("<8s16s4s4s4s4sIIII1s3s240sI")
"""Value, hash, time, sizes of unique id, currency and properties, where profile and metric stand, whether there is a
value, currency, unique id; the last is room for what needs no reading."""
PLACES: Final = {
    "value": 0,
    "unique_id_hash": 8,
    "time": 24,
    "unique_id_bytes": 28,
    "currency_bytes": 32,
    "property_bytes": 36,
    "profile": 40,
    "metric": 48,
    "has_value": 56,
    "currencies": 57,
    "unique_ids": 60,
    "profile_index": 300,
    "metric_index": 300,
}
"""Where each column is written, in bytes."""


class Memory:
    """Where the reader writes for one thread, and the rules that it was last given."""

    def __init__(self) -> None:
        self.written = ctypes.create_string_buffer(LAYOUT.size + PARSED_AT_ONCE_BYTES_MAX)
        self.view = memoryview(self.written)
        self.columns = Columns(long_value=(LongValue * 1)())
        types: dict[str, Any] = {name: type for name, type, *_ in Columns._fields_}
        start = ctypes.addressof(self.written)
        for name, place in [*PLACES.items(), ("properties", LAYOUT.size)]:
            setattr(self.columns, name, ctypes.cast(start + place, types[name]))
        self._rules: dict[int, Rules] = {}
        self._received_at = 0

    def rules(self, terms: ValidationRules, members: int, received_at: int) -> Rules:
        """The rules, which are the same for all bodies of one second and revision."""
        if received_at != self._received_at:
            self._rules.clear()
            self._received_at = received_at
        rules = self._rules.get(members)
        if rules is None:
            rules = self._rules[members] = terms.rules(members, received_at, events_max=1, metrics_max=1)
        return rules


class SingleReader:
    """Reads single creates; any thread's."""

    def __init__(self, terms: ValidationRules) -> None:
        loaded = library(holding=True)
        self._read = None if loaded is None else loaded.eventkeep_read_single_create
        self._terms = terms
        self._local = threading.local()

    def read(self, body: bytes, members: int, received_at: int) -> FoundSingle | None:
        """What the body asks to keep; None where it is not plain, or there is no compiled reader.

        ``members`` adds up the MEMBERS that an event may have; ``received_at`` is in Unix seconds.
        """
        size = len(body)
        if self._read is None or size > PARSED_AT_ONCE_BYTES_MAX or not is_text(body):
            return None
        memory = self._memory()
        columns = memory.columns
        if not self._read(body, size, memory.rules(self._terms, members, received_at), columns) or columns.long_values:
            return None
        return found(body, memory)

    def _memory(self) -> Memory:
        memory: Memory | None = getattr(self._local, "memory", None)
        if memory is None:
            memory = self._local.memory = Memory()
        return memory


def found(body: bytes, memory: Memory) -> FoundSingle:
    """What the reader has written."""
    (value, hashed, time, id_bytes, currency_bytes, property_bytes, *spans, has_value, currency, unique_id, _) = (
        LAYOUT.unpack_from(memory.written)
    )
    profile, profile_size, metric, metric_size = spans
    properties_end = LAYOUT.size + int.from_bytes(property_bytes, "little")
    return FoundSingle(
        profile=body[profile : profile + profile_size],
        metric=body[metric : metric + metric_size],
        time=time,
        unique_id=unique_id[: int.from_bytes(id_bytes, "little")],
        unique_id_bytes=id_bytes,
        unique_id_hash=hashed,
        value=value,
        has_value=has_value,
        currency=currency[: currency_bytes[0]],
        currency_bytes=currency_bytes,
        properties=bytes(memory.view[LAYOUT.size : properties_end]),
        property_bytes=property_bytes,
    )
