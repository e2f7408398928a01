"""Events as Arrow rows: the shape that the tail is read in and the table takes."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from eventkeep.model.event import StoredEvent

ROWS_SCHEMA: Final = pa.schema(
    [
        ("account", pa.uint32()),
        ("time", pa.uint32()),
        ("id", pa.uint64()),
        ("key_low", pa.uint64()),
        ("profile", pa.uint64()),
        ("metric", pa.uint32()),
        ("unique_id", pa.binary()),
        ("value", pa.float64()),
        ("currency", pa.binary()),
        ("properties", pa.binary()),
    ]
)
"""The columns of the rows, in the order of the table's."""
PLACE_COLUMNS: Final = ("account", "time", "id")
"""Where an event stands in the log."""
REST_COLUMNS: Final = ("profile", "metric", "unique_id", "value", "currency", "properties")
"""What else there is of it."""
STORED_COLUMNS: Final = PLACE_COLUMNS + REST_COLUMNS
"""The columns of a StoredEvent, in its order."""


def warm_up() -> None:
    """Make one array of a list, for the first one makes pyarrow look for pandas.

    That takes a third of a second, which belongs to the start and not to somebody's request.
    """
    pa.array([b""], pa.binary())


def stored_events(rows: pa.Table) -> list[StoredEvent]:
    """Rows that have (at least) STORED_COLUMNS as events."""
    if not rows.num_rows:
        return []
    columns: list[list[Any]] = [rows[name].to_pylist() for name in STORED_COLUMNS]
    return [
        StoredEvent(
            account=account,
            time=time,
            id=event_id,
            profile=profile,
            metric=metric,
            unique_id=unique_id.decode(),
            value=value,
            currency=currency.decode(),
            properties=properties,
        )
        for account, time, event_id, profile, metric, unique_id, value, currency, properties in zip(
            *columns, strict=True
        )
    ]


def stored_event(account: int, time: int, event_id: int, rest: pa.Table) -> StoredEvent:
    """The event at that place, the first of rows that have REST_COLUMNS."""
    profile, metric, unique_id, value, currency, properties = [rest[name][0].as_py() for name in REST_COLUMNS]
    return StoredEvent(
        account, time, event_id, profile, metric, unique_id.decode(), value, currency.decode(), properties
    )
