"""Events for the tests of the event store: columns of a few plain rows, and the model that reads are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from eventkeep.events.selection import EventSelection
from eventkeep.events.store import EventStore
from eventkeep.model.event import StoredEvent
from eventkeep.model.event_columns import NUMBERS, EventColumns, TextColumn
from eventkeep.model.event_count import EventCount


class Row(NamedTuple):
    """One event as a test writes it down."""

    account: int = 1
    time: int = 1_700_000_000
    id: int = 1
    key_low: int = 0
    profile: int = 1
    metric: int = 1
    value: float | None = None
    currency: str = ""
    unique_id: str = "u"
    properties: bytes = b"{}"


def columns(rows: Sequence[Row]) -> EventColumns:
    """The rows as the commit hands them to the store."""
    numbers = {name: np.array([getattr(row, name) for row in rows], dtype=kind) for name, kind in NUMBERS.items()}
    numbers["value"] = np.array([np.nan if row.value is None else row.value for row in rows], dtype="<f8")
    return EventColumns(
        numbers,
        {
            "unique_id": texts([row.unique_id.encode() for row in rows]),
            "currency": texts([row.currency.encode() for row in rows]),
            "properties": texts([row.properties for row in rows]),
        },
    )


def texts(values: Sequence[bytes]) -> TextColumn:
    return TextColumn(b"".join(values), np.array([len(value) for value in values], dtype=np.uint32))


def rows_of(events: EventColumns) -> list[Row]:
    """The other way round."""
    names = [name for name in NUMBERS if name != "value"]
    numbers = [events.numbers[name].tolist() for name in names]
    values = [None if value != value else value for value in events.numbers["value"].tolist()]
    found: list[Row] = []
    split = {name: split_texts(column) for name, column in events.texts.items()}
    for place, own in enumerate(zip(*numbers, strict=True)):
        fields = dict(zip(names, own, strict=True))
        found.append(
            Row(
                **fields,
                value=values[place],
                currency=split["currency"][place].decode(),
                unique_id=split["unique_id"][place].decode(),
                properties=split["properties"][place],
            )
        )
    return found


def split_texts(column: TextColumn) -> list[bytes]:
    offsets = column.offsets().tolist()
    return [column.joined[start:end] for start, end in pairwise(offsets)]


def stored(row: Row) -> StoredEvent:
    """The row as a page has it."""
    return StoredEvent(
        account=row.account,
        time=row.time,
        id=row.id,
        profile=row.profile,
        metric=row.metric,
        unique_id=row.unique_id,
        value=row.value,
        currency=row.currency,
        properties=row.properties,
    )


class Model:
    """A sorted list, which the store has to equal."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def selected(self, selection: EventSelection) -> list[Row]:
        """All rows that meet the conditions, in the selection's order."""
        found = [row for row in self.rows if meets(row, selection)]
        return sorted(found, key=lambda row: (row.time, row.id), reverse=selection.descending)

    def page(self, selection: EventSelection) -> list[StoredEvent]:
        return [stored(row) for row in self.selected(selection)[: selection.count]]

    def counts(self, account: int) -> dict[int, EventCount]:
        found: dict[int, EventCount] = {}
        for metric in {row.metric for row in self.rows if row.account == account}:
            times = [row.time for row in self.rows if (row.account, row.metric) == (account, metric)]
            found[metric] = EventCount(len(times), min(times), max(times))
        return found

    def last_event_times(self, account: int) -> dict[int, int]:
        found: dict[int, int] = {}
        for row in self.rows:
            if row.account == account:
                found[row.profile] = max(row.time, found.get(row.profile, row.time))
        return found


def meets(row: Row, selection: EventSelection) -> bool:
    place, after = (row.time, row.id), selection.after
    return (
        row.account == selection.account
        and (selection.time_min is None or row.time >= selection.time_min)
        and (selection.time_max is None or row.time <= selection.time_max)
        and (selection.metrics is None or row.metric in selection.metrics)
        and (selection.profiles is None or row.profile in selection.profiles)
        and (after is None or (place < after if selection.descending else place > after))
    )


def check_all(store: EventStore, model: Model, accounts: Sequence[int] = (1, 2, 3)) -> None:
    """Read everything in all ways, and compare it with the model."""
    assert store.count() == len(model.rows)
    for account in accounts:
        for descending in (True, False):
            every = EventSelection(account=account, count=10_000, descending=descending)
            assert store.page(every) == model.page(every)
            scanned = [row for events in store.scan(every) for row in rows_of(events)]
            assert scanned == model.selected(every)
        assert store.counts(account) == model.counts(account)
        newest = model.last_event_times(account)
        assert store.last_event_times(account, [*newest, 99]) == newest
    if model.rows:
        ids = np.array([row.id for row in model.rows] + [row.id for row in model.rows], dtype=np.uint64)
        lows = np.array([row.key_low for row in model.rows] + [row.key_low ^ 1 for row in model.rows], dtype=np.uint64)
        known = {(row.id, row.key_low) for row in model.rows}
        expected = [key not in known for key in zip(ids.tolist(), lows.tolist(), strict=True)]
        assert store.is_new(ids, lows).tolist() == expected
