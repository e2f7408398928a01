"""Any sequence of appends, flushes, merges, restarts and reads equals a sorted list."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eventkeep.events.selection import EventSelection
from eventkeep.events.store import EventStore
from tests.event_samples import Model, Row, check_all, columns, stored

START = 1_700_000_000
ACCOUNTS = st.sampled_from([1, 2, 3])
TIMES = st.integers(0, 6) | st.integers(-(10**6), 10**6)
IDS = st.integers(0, 40) | st.integers(0, 2**64 - 1)
NUMBERS = st.integers(1, 4) | st.sampled_from([255, 256, 65_535, 65_536, 2**32 - 1])
ROWS = st.builds(
    Row,
    account=ACCOUNTS,
    time=TIMES.map(lambda offset: START + offset),
    id=IDS,
    key_low=st.integers(0, 2**64 - 1),
    profile=NUMBERS,
    metric=NUMBERS,
    value=st.none() | st.floats(allow_nan=False),
    currency=st.sampled_from(["", "EUR", "USD"]),
    unique_id=st.text(max_size=8),
    properties=st.binary(max_size=40),
)


class StoreMachine(RuleBasedStateMachine):
    """The store beside its model, with a thread that reads meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.model = Model()
        self.log: list[list[Row]] = []
        self.log_start = 1
        self.store = EventStore.open(self.folder, log_start=1, background=False)
        self.seen: set[tuple[int, int, int]] = set()

    @rule(rows=st.lists(ROWS, max_size=30))
    def append(self, rows: list[Row]) -> None:
        fresh: list[Row] = []
        for row in rows:
            if (row.account, row.time, row.id) not in self.seen:
                self.seen.add((row.account, row.time, row.id))
                fresh.append(row)
        self.log.append(fresh)
        self.model.rows += fresh
        self.store.append(len(self.log), columns(fresh) if fresh else None)

    @rule(row=ROWS, count=st.integers(100, 400), step=st.integers(0, 1))
    def append_many(self, row: Row, count: int, step: int) -> None:
        own = [row._replace(id=(row.id + 7 * n) % 2**64, time=row.time + step * n) for n in range(count)]
        self.append([each._replace(metric=1 + place % 3) for place, each in enumerate(own)])

    @rule()
    def flush(self) -> None:
        self.store.flush()
        assert self.store.flushed_position == self.store.position

    @rule()
    def merge(self) -> None:
        while self.store.merge():
            pass

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = EventStore.open(self.folder, log_start=self.log_start, background=False)
        assert self.store.position == len(self.log)

    @rule(trims=st.booleans())
    def crash(self, trims: bool) -> None:
        """The process ends; events that are not flushed come out of the log again."""
        if trims:
            self.log_start = self.store.flushed_position + 1
        self.store = EventStore.open(self.folder, log_start=self.log_start, background=False)
        for position in range(self.log_start, len(self.log) + 1):
            rows = self.log[position - 1]
            self.store.append(position, columns(rows) if rows else None)

    @rule(
        selection=st.builds(
            EventSelection,
            account=ACCOUNTS,
            count=st.integers(0, 40) | st.just(1_000),
            descending=st.booleans(),
            time_min=st.none() | TIMES.map(lambda offset: START + offset),
            time_max=st.none() | TIMES.map(lambda offset: START + offset),
            metrics=st.none() | st.frozensets(NUMBERS, max_size=3),
            profiles=st.none() | st.frozensets(NUMBERS, max_size=3),
            after=st.none() | st.tuples(TIMES.map(lambda offset: START + offset), IDS),
        )
    )
    def read(self, selection: EventSelection) -> None:
        assert self.store.page(selection) == self.model.page(selection)

    @precondition(lambda self: self.model.rows)
    @rule(data=st.data())
    def read_behind(self, data: st.DataObject) -> None:
        """Pages one behind the other by cursor are the whole, each event once."""
        row = data.draw(st.sampled_from(self.model.rows))
        descending, size = data.draw(st.booleans()), data.draw(st.sampled_from([1, 7, 200]))
        every = EventSelection(account=row.account, count=size, descending=descending, after=(row.time, row.id))
        assert self.store.page(every) == self.model.page(every)
        assert self.store.event(row.account, row.time, row.id) == stored(row)
        next_to_it = row.account, row.time, (row.id + 1) % 2**64
        found = [stored(each) for each in self.model.rows if each[:3] == next_to_it]
        assert self.store.event(*next_to_it) == (found[0] if found else None)

    @invariant()
    def all_is_there(self) -> None:
        assert self.store.count() == len(self.model.rows)

    def teardown(self) -> None:
        check_all(self.store, self.model)
        self.store.close()
        store = EventStore.open(self.folder, log_start=len(self.log) + 1, background=False)
        check_all(store, self.model)
        store.close()
        shutil.rmtree(self.folder)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
