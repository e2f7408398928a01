"""Looking at an event log without opening it for work. Only while no server has the folder."""

from __future__ import annotations

from pathlib import Path

import msgspec

from eventkeep.eventlog.engine import Engine
from eventkeep.eventlog.schema import CHANGES, DATABASE, TABLE


class EventLogState(msgspec.Struct, frozen=True):
    """What an event log says of itself. ``newest`` is the newest event's time in Unix seconds, None without events.

    ``journal_files`` hold what the last server could not move to the table any more.
    """

    format: int
    events: int
    newest: int | None
    journal_files: int

    @property
    def is_known(self) -> bool:
        """Whether this program can open it; older formats are brought up to date."""
        return self.format <= len(CHANGES)


def inspect_event_log(folder: Path) -> EventLogState | None:
    """The state of the event log in ``folder``, None where there is none yet.

    Raises EventLogError where it can't be read.
    """
    if not (folder / "table").is_dir():
        return None
    journal_files = sum(1 for path in (folder / "journal").glob("*.journal") if path.stat().st_size)
    engine = Engine(folder / "table")
    try:
        known = engine.select(
            "SELECT count() AS tables FROM system.tables WHERE database = {database:String}", {"database": DATABASE}
        )
        if int(known["tables"][0].as_py()) < 2:
            return None
        version = engine.select(f"SELECT max(version) AS version FROM {DATABASE}.format")["version"][0].as_py()
        events = engine.select(f"SELECT count() AS events, max(time) AS newest FROM {TABLE}")
    finally:
        engine.close()
    count = int(events["events"][0].as_py())
    return EventLogState(
        format=int(version or 0),
        events=count,
        newest=int(events["newest"][0].as_py()) if count else None,
        journal_files=journal_files,
    )
