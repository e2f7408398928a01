"""How the engine merges the parts of the table: wide, and never most of it at once.

Every append makes a part, and the engine merges parts in the background. That is the one
cost of an event that could grow with the table: with the engine's own settings, which
merge five parts into one whatever their size, each event had been merged twice at 3
million and four times at 12 million, and a merge of ten million rows took a third of a
load's rate for a minute. Here eight parts become one, and once the table is large a
merge takes up an eighth of it at most, so that no load meets a giant one. More parts
would make a page slower, which reads a piece of each. As they become many, the engine
itself merges fewer of them at once; they stay some dozens.

What was merged may go after some seconds, for what replaced it is on disk by then. The
engine removes it when it comes by: soon under a load, within a minute or so without one.
"""

from __future__ import annotations

from typing import Final

from eventkeep.eventlog.engine import Engine
from eventkeep.eventlog.schema import DATABASE, TABLE

PARTS_MERGED: Final = 8
"""Parts of one size that become one."""
TABLE_SHARE: Final = 8
"""One merge takes up the table's bytes divided by this."""
MERGE_BYTES_MIN: Final = 512 * 2**20
"""Bytes that one merge may take up in any case; about 5 million events."""
MERGED_PARTS_SECONDS: Final = 5
"""How long parts are kept at least that were merged into another, in seconds."""
APPENDS_BETWEEN_LOOKS: Final = 50
"""Appends after which the size of the table is looked at again."""


class Merges:
    """Keeps the settings of merges in step with the size of the table; for the thread that appends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._bytes_max = 0
        self._appends = 0

    def after_append(self) -> None:
        """Look at the table now and then. Raises EventLogError where the engine does not answer."""
        self._appends += 1
        if self._appends % APPENDS_BETWEEN_LOOKS == 0:
            self.adapt()

    def adapt(self) -> None:
        """Set what the size of the table asks for."""
        bytes_max = merge_bytes_max(table_bytes(self._engine))
        if bytes_max != self._bytes_max:
            self._engine.command(
                f"ALTER TABLE {TABLE} MODIFY SETTING merge_selector_base = {PARTS_MERGED}, "
                f"max_bytes_to_merge_at_max_space_in_pool = {bytes_max}, "
                f"old_parts_lifetime = {MERGED_PARTS_SECONDS}"
            )
            self._bytes_max = bytes_max


def table_bytes(engine: Engine) -> int:
    """Bytes of the table's active parts on disk."""
    rows = engine.select(
        "SELECT sum(bytes_on_disk) AS bytes FROM system.parts "
        "WHERE active AND database = {database:String} AND table = 'event'",
        {"database": DATABASE},
    )
    return int(rows["bytes"][0].as_py() or 0)


def merge_bytes_max(table_bytes: int) -> int:
    """Bytes that one merge may take up: a share of the table, as a power of two so that it changes seldom."""
    share = max(table_bytes // TABLE_SHARE, MERGE_BYTES_MIN)
    return 1 << (share.bit_length() - 1)
