"""An independent rule of attribution, in SQL: that of fivetran/dbt_klaviyo (int_klaviyo__event_attribution).

A message event starts a session of its profile, and later events belong to the session while its window is open. The
rule knows one session at a time: a touch with a closed window hides an earlier one with an open window.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any, Final

import msgspec

_SESSIONS: Final = """
with numbered as (
    select *, sum(is_touch) over (
        partition by person order by time, is_touch desc, id rows unbounded preceding
    ) as session from event
), started as (
    select id, is_touch, time,
        max(case when is_touch then id end) over (partition by person, session) as touch_id,
        max(case when is_touch then time end) over (partition by person, session) as session_start,
        max(case when is_touch then window end) over (partition by person, session) as window
    from numbered
)
select id, case when time - session_start <= window then touch_id end from started where not is_touch
"""


class SessionEvent(msgspec.Struct, frozen=True):
    """An event, by an id that SQLite can sort. ``window`` is None if it is no touch, in seconds otherwise."""

    person: Any
    time: int
    id: Any
    window: int | None = None


def credits_by_sessions(events: Iterable[SessionEvent]) -> dict[Any, Any]:
    """The id of the touch that each event is credited to, None if to none. Touches are left out."""
    rows = [(each.person, each.time, each.id, each.window is not None, each.window) for each in events]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("create table event (person, time, id, is_touch, window)")
        database.executemany("insert into event values (?, ?, ?, ?, ?)", rows)
        return dict(database.execute(_SESSIONS).fetchall())
