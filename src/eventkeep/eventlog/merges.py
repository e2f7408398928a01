"""How the engine merges the parts of the table: little under a load, all of them at rest.

Every append makes a part, and the engine merges parts in the background. That is the one
cost of an event that could grow with the table: with the engine's own settings, which
merge five parts into one whatever their size, each event had been merged twice at 3
million and four times at 12 million, and a merge of ten million rows took a third of a
load's rate for a minute. So under a load eight parts become one, and once the table is
large a merge takes up an eighth of it at most: no load meets a giant one.

A page reads a piece of each part that may hold it, and by the end of a load there are
dozens. So at rest, when no large append has come for some seconds, parts are merged as
soon as the smaller ones of a row have as many bytes as the largest. That leaves about as
many parts as the table has doublings of size (ten million events: two or three), and for
the same reason no event is merged more often than the table doubles, however often a load
comes and goes. A load that begins meanwhile ends the merge that is too large for it, and
what it read is read once more at the next rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec

from eventkeep.eventlog.engine import Engine
from eventkeep.eventlog.schema import DATABASE, LATER_SETTINGS, TABLE

LOAD_ROWS_MIN: Final = 1_000
"""Rows of one append that are taken for a load; a part of fewer costs next to nothing to merge."""
REST_SECONDS: Final = 3.0
"""Seconds after the last append of a load from which the table is at rest."""
PARTS_MERGED: Final = 8
"""Parts of one size that become one under a load."""
PARTS_MERGED_AT_REST: Final = 2
"""The same at rest."""
TABLE_SHARE: Final = 8
"""Under a load one merge takes up the table's bytes divided by this."""
MERGE_BYTES_MIN: Final = 512 * 2**20
"""Bytes that one merge may take up in any case; about 10 million events."""
MERGE_BYTES_MAX_AT_REST: Final = 8 * 2**30
"""Bytes that one merge may take up at rest; about 150 million events."""
END_SECONDS_MAX: Final = 0.5
"""Seconds that a merge gets to end when a load begins; one that takes longer goes on."""
APPENDS_BETWEEN_LOOKS: Final = 50
"""Appends after which the size of the table is looked at again."""


class MergeSettings(msgspec.Struct, frozen=True):
    """``parts`` of one size become one, of up to ``bytes_max`` together."""

    parts: int
    bytes_max: int


AT_REST: Final = MergeSettings(PARTS_MERGED_AT_REST, MERGE_BYTES_MAX_AT_REST)


class Merges:
    """Keeps the settings of merges in step with the load and the size of the table; for the thread that appends.

    Every method raises EventLogError where the engine does not answer.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` tells seconds from any moment on."""
        self._engine, self._clock = engine, clock
        self._current: MergeSettings | None = None
        self._loaded_at = clock()
        self._appends = 0

    def start(self) -> None:
        """Set what a load would need, until it is seen that there is none."""
        self._set(self._under_load())

    def after_append(self, rows: int) -> None:
        """Learn that so many rows were appended."""
        if rows >= LOAD_ROWS_MIN:
            self._loaded_at = self._clock()
            if self._current == AT_REST:
                self._end_rest()
        self._appends += 1
        if self._appends % APPENDS_BETWEEN_LOOKS == 0 and self._current != AT_REST:
            self._set(self._under_load())

    def look(self) -> None:
        """Begin the rest where it is time to; to be called about once a second."""
        if self._current != AT_REST and self._clock() - self._loaded_at >= REST_SECONDS:
            self._set(AT_REST)

    def _end_rest(self) -> None:
        settings = self._under_load()
        self._set(settings)
        if largest_merge_bytes(self._engine) > settings.bytes_max:
            self._end_merges()

    def _end_merges(self) -> None:
        """End all merges under way; those that fit into the settings are begun again."""
        self._engine.command(f"SYSTEM STOP MERGES {TABLE}")
        try:
            # A merge looks now and then whether it is to stop.
            deadline = self._clock() + END_SECONDS_MAX
            while largest_merge_bytes(self._engine) and self._clock() < deadline:
                time.sleep(END_SECONDS_MAX / 50)
        finally:
            self._engine.command(f"SYSTEM START MERGES {TABLE}")

    def _under_load(self) -> MergeSettings:
        return MergeSettings(PARTS_MERGED, merge_bytes_max(table_bytes(self._engine)))

    def _set(self, settings: MergeSettings) -> None:
        if settings == self._current:
            return
        self._engine.command(
            f"ALTER TABLE {TABLE} MODIFY SETTING merge_selector_base = {settings.parts}, "
            f"max_bytes_to_merge_at_max_space_in_pool = {settings.bytes_max}, {LATER_SETTINGS}"
        )
        self._current = settings


def table_bytes(engine: Engine) -> int:
    """Bytes of the table's active parts on disk."""
    return _bytes(engine, "sum(bytes_on_disk)", "system.parts", "AND active")


def largest_merge_bytes(engine: Engine) -> int:
    """Bytes on disk of what the table's largest running merge takes up; 0 where there is none."""
    return _bytes(engine, "max(total_size_bytes_compressed)", "system.merges")


def merge_bytes_max(table_bytes: int) -> int:
    """Bytes that one merge may take up under a load: a share of the table, as a power of two so that it changes seldom.

    Never more than at rest.
    """
    share = min(max(table_bytes // TABLE_SHARE, MERGE_BYTES_MIN), MERGE_BYTES_MAX_AT_REST)
    return 1 << (share.bit_length() - 1)


def _bytes(engine: Engine, what: str, source: str, condition: str = "") -> int:
    rows = engine.select(
        f"SELECT {what} AS bytes FROM {source} WHERE database = {{database:String}} AND table = 'event' {condition}",
        {"database": DATABASE},
    )
    return int(rows["bytes"][0].as_py() or 0)
