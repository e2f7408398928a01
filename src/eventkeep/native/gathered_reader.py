"""Many single creates at once through the compiled reader: one call for all, and their events side by side.

A call and what is fetched from C cost ten times what reading such a body does.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence

import msgspec

from eventkeep.limits import BULK_EVENTS_MAX, COMPILED_METRICS_MAX, GATHERED_BYTES_MAX
from eventkeep.native.bulk_reader import Memory, found
from eventkeep.native.library import library
from eventkeep.native.parsed import ParsedBulk
from eventkeep.native.validation_rules import ValidationRules, is_text

_END = b"\0"


class ParsedSingles(msgspec.Struct, gc=False):
    """What was found in single creates: the events of the plain ones, and of each body whether it is (a byte)."""

    events: ParsedBulk
    is_plain: bytes


class GatheredReader:
    """Reads single creates; any thread's."""

    def __init__(self, terms: ValidationRules) -> None:
        loaded = library()
        self._read = None if loaded is None else loaded.eventkeep_read_single_creates
        self._local = threading.local()
        self._terms = terms

    def read(self, bodies: Sequence[bytes], members: int, received_at: int) -> ParsedSingles | None:
        """What the bodies ask to keep, up to BULK_EVENTS_MAX of them and GATHERED_BYTES_MAX bytes.

        None where they are more, where one is no UTF-8, or there is no compiled reader.
        ``members`` adds up the MEMBERS that an event may have; ``received_at`` is in Unix seconds.
        """
        joined, count = _END.join(bodies), len(bodies)
        if self._read is None or count > BULK_EVENTS_MAX or len(joined) > GATHERED_BYTES_MAX or not is_text(joined):
            return None
        memory = self._memory()
        memory.make_room(len(joined))
        sizes = (ctypes.c_uint32 * count)(*map(len, bodies))
        is_plain = (ctypes.c_uint8 * count)()
        rules = self._terms.rules(members, received_at, BULK_EVENTS_MAX, COMPILED_METRICS_MAX)
        if not self._read(joined, sizes, count, rules, memory.columns, is_plain):
            return None
        return ParsedSingles(found(joined, memory.columns), bytes(is_plain))

    def _memory(self) -> Memory:
        memory: Memory | None = getattr(self._local, "memory", None)
        if memory is None:
            memory = self._local.memory = Memory()
        return memory
