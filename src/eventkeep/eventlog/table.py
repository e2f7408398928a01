"""The table of the event log: sorted batches in, ranges out. SQL with bound parameters, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from eventkeep.errors import EventLogError
from eventkeep.eventlog.counting import table_counts
from eventkeep.eventlog.engine import Engine, Parameter
from eventkeep.eventlog.merges import Merges, table_bytes
from eventkeep.eventlog.rows import REST_COLUMNS, ROWS_SCHEMA, STORED_COLUMNS, stored_event, stored_events
from eventkeep.eventlog.schema import CHANGES, CREATE_FORMAT_TABLE, DATABASE, TABLE
from eventkeep.eventlog.seen import Keys
from eventkeep.eventlog.selection import EventSelection, events_within
from eventkeep.limits import PAGE_BYTES_MAX, PAGE_QUERY_BYTES_MAX
from eventkeep.model.event import StoredEvent
from eventkeep.model.event_count import EventCount

APPEND_EVENTS_MAX: Final = 1_000_000
"""Rows of one append: the engine cuts larger inserts into several parts, which could then be half kept."""
APPEND_BYTES_MAX: Final = 4_000_000_000
"""Bytes of one append in the engine's memory, likewise; more than a tail of rows has."""
COLUMNS: Final = ", ".join(ROWS_SCHEMA.names)
INSERT: Final = (
    f"INSERT INTO {TABLE} ({COLUMNS}) SELECT {COLUMNS} FROM Python(rows) "
    "SETTINGS max_threads = 1, max_insert_threads = 1, max_block_size = 1000000, "
    # The engine reads rows in blocks of 65,409; these are joined, so that one insert makes one part.
    f"min_insert_block_size_rows = {APPEND_EVENTS_MAX}, min_insert_block_size_bytes = {APPEND_BYTES_MAX}"
)
KEY_LIST_MAX: Final = 500
"""Keys that are sent as a bound array; longer lists go as an Arrow table."""
KEY_BITS: Final = 64
"""Bits of the half of a key that is the event's id."""
KEY_PIECE: Final = 1_000_000
"""Keys that are read together where all are."""
OF_ALL: Final = ", query_plan_optimize_lazy_materialization = 0, optimize_move_to_prewhere = 0"
"""Settings for a page of events of all kinds: nearly all rows that are read belong to it, and no column is to wait."""
OF_FEW: Final = (
    ", query_plan_optimize_lazy_materialization = 0, optimize_use_projection_filtering = 0"
    ", optimize_use_implicit_projections = 0"
)
"""Settings for a page of events that lie far apart: where they are is known, and need not be found out again."""
SPARSE_ROWS_MIN: Final = 300_000
"""Rows read for one page from which the next one is read in another way."""
SPARSE_METRICS_MAX: Final = 10_000
"""Metrics that are remembered to be sparse."""
LOOKS_AT_KEYS: Final = 3
"""How often it is asked at the most whether the projection by key is whole."""
KEYS: Final = f"mergeTreeProjection('{DATABASE}', 'event', 'by_key')"
"""The projection by key as a table: asked by way of the event table, the engine first looks at each granule of that."""
STORED: Final = ", ".join(STORED_COLUMNS)
REST: Final = ", ".join(REST_COLUMNS)


class EventTable:
    """The events that the engine holds. Every method may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._merges = engine, Merges(engine)
        # Metrics, each with its account, whose events are few among the others.
        self._sparse: set[tuple[int, int]] = set()
        self._keys = TABLE
        """What keys are looked up in."""

    @classmethod
    def open(cls, folder: Path) -> EventTable:
        """Open the table in ``folder``, making it where there is none, and bring its format up to date.

        Raises EventLogError where the folder can't be used or is newer than this program.
        """
        table = cls(Engine(folder))
        try:
            table._migrate(folder)
            table._merges.start()
            # Parts that are merged in between would look as if they lacked it.
            if any(has_all_keys(table._engine) for _ in range(LOOKS_AT_KEYS)):
                table._keys = KEYS
        except BaseException:
            table.close()
            raise
        return table

    def close(self) -> None:
        self._engine.close()

    def append(self, rows: pa.Table) -> None:
        """Keep ``rows`` (as ``rows.ROWS_SCHEMA``), all or none; on disk when this returns."""
        if rows.num_rows > APPEND_EVENTS_MAX:
            raise EventLogError(f"an append holds at most {APPEND_EVENTS_MAX} events, not {rows.num_rows}")
        self._engine.insert(INSERT, rows)
        self._merges.after_append(rows.num_rows)

    def tend(self) -> None:
        """What the table needs about once a second, by the thread that appends."""
        self._merges.look()

    def stored(self, ids: Keys, key_lows: Keys) -> npt.NDArray[np.bool_]:
        """For each key (two halves, each of shape [n]): whether an event with it is stored (shape [n])."""
        if len(ids) <= KEY_LIST_MAX:
            listed = ",".join(map(str, ids.tolist()))
            found = self._engine.select(
                f"SELECT id, key_low FROM {self._keys} WHERE id IN {{ids:Array(UInt64)}} SETTINGS max_threads = 1",
                {"ids": f"[{listed}]"},
            )
        else:
            keys = pa.table({"id": ids})
            found = self._engine.select_in(
                f"SELECT id, key_low FROM {self._keys} WHERE id IN (SELECT id FROM Python(keys)) "
                "SETTINGS max_threads = 2",
                keys,
            )
        if not found.num_rows:
            return np.zeros(len(ids), dtype=np.bool_)
        known = set(zip(found["id"].to_pylist(), found["key_low"].to_pylist(), strict=True))
        return np.fromiter(
            (pair in known for pair in zip(ids.tolist(), key_lows.tolist(), strict=True)), np.bool_, len(ids)
        )

    def count(self) -> int:
        """Stored events of all accounts."""
        return int(self._engine.select(f"SELECT count() AS count FROM {TABLE}")["count"][0].as_py())

    def newest_profile(self) -> int:
        """The highest number of a profile that has events; 0 where there are none."""
        rows = self._engine.select(f"SELECT max(profile) AS newest FROM {TABLE} SETTINGS max_threads = 2")
        return int(rows["newest"][0].as_py() or 0)

    def page(self, selection: EventSelection) -> list[StoredEvent]:
        """Up to ``selection.count`` events in the selection's order, ties by id.

        There may be fewer where their properties have more than PAGE_BYTES_MAX bytes, but
        always as many as have that much.
        """
        is_sparse = self._is_sparse(selection)
        where, parameters = conditions(selection)
        way = "DESC" if selection.descending else "ASC"
        settings, quick, condition = "max_threads = 1", "", "WHERE"
        if is_sparse:
            # Reading in the primary order, the engine would look at each row between the first one and the last. So
            # it is told the times first, which a projection has, and not to read in order; and to have all conditions
            # decide which rows of the other columns it needs, where it would choose some of them.
            condition = "PREWHERE"
            where += f" AND {at_their_times(selection, way)}"
            settings += ", optimize_read_in_order = 0"
            quick = OF_FEW
        elif selection.metric is None:
            quick = OF_ALL
        rest = (
            f"FROM {TABLE} {condition} {where} "
            f"ORDER BY account {way}, time {way}, id {way} LIMIT {{count:UInt32}} SETTINGS {settings}"
        )
        parameters["count"] = selection.count
        rows, rows_read = self._engine.select_within(f"SELECT {STORED} {rest}{quick}", parameters, PAGE_QUERY_BYTES_MAX)
        if rows_read > SPARSE_ROWS_MIN:
            self._learn(selection, not is_sparse)
        if rows is None:
            sizes = self._engine.select(f"SELECT length(properties) AS bytes {rest}", parameters)
            parameters["count"] = events_within(sizes["bytes"].to_numpy(), PAGE_BYTES_MAX)
            rows = self._engine.select(f"SELECT {STORED} {rest}", parameters)
        return stored_events(rows)

    def _is_sparse(self, selection: EventSelection) -> bool:
        """Whether the events that are meant are few among those of the account: a profile's always, some metrics'."""
        if selection.profile is not None:
            return True
        return selection.metric is not None and (selection.account, selection.metric) in self._sparse

    def _learn(self, selection: EventSelection, is_sparse: bool) -> None:
        """Read pages of the selection's metric in the other way from now on: this one had to read too many rows."""
        if selection.metric is None or selection.profile is not None:
            return
        metric = selection.account, selection.metric
        if not is_sparse:
            self._sparse.discard(metric)
        elif len(self._sparse) < SPARSE_METRICS_MAX:
            self._sparse.add(metric)

    def event(self, account: int, time: int, event_id: int) -> StoredEvent | None:
        """One event by its place in the primary order, or None."""
        # Nearly all of its time is the engine's planning, and here is nothing to be planned.
        rows = self._engine.select(
            f"SELECT {REST} FROM {TABLE} "
            "PREWHERE account = {account:UInt32} AND time = {time:UInt32} AND id = {id:UInt64} "
            "SETTINGS max_threads = 1, optimize_use_projections = 0, query_plan_enable_optimizations = 0",
            {"account": account, "time": time, "id": event_id},
        )
        return stored_event(account, time, event_id, rows) if rows.num_rows else None

    def last_event_times(self, account: int, profiles: Sequence[int]) -> dict[int, int]:
        """The newest event's time (Unix seconds) of each of ``profiles`` that has events."""
        if not profiles:
            return {}
        listed = ",".join(map(str, profiles))
        rows = self._engine.select(
            f"SELECT profile, max(time) AS newest FROM {TABLE} "
            "WHERE account = {account:UInt32} AND profile IN {profiles:Array(UInt64)} "
            "GROUP BY profile SETTINGS max_threads = 1",
            {"account": account, "profiles": f"[{listed}]"},
        )
        if not rows.num_rows:
            return {}
        return dict(zip(rows["profile"].to_pylist(), rows["newest"].to_pylist(), strict=True))

    def counts(self, account: int, metric: int | None = None) -> dict[int, EventCount]:
        """The account's stored events by their metric's number; of one metric where it is given."""
        return table_counts(self._engine, account, metric)

    def disk_bytes(self) -> int:
        """Bytes that the log's active parts take on disk."""
        return table_bytes(self._engine)

    def key_pieces(self) -> Iterator[Keys]:
        """The upper halves of all stored keys, in pieces of about KEY_PIECE (each of shape [n])."""
        pieces = self.count() // KEY_PIECE + 1
        # Keys are as good as random, so equal ranges of them hold about equally many.
        starts = [(number << KEY_BITS) // pieces for number in range(pieces + 1)]
        for start, end in pairwise(starts):
            rows = self._engine.select(
                f"SELECT id FROM {self._keys} WHERE id >= {{first:UInt64}} AND id <= {{last:UInt64}} "
                "SETTINGS max_threads = 2",
                {"first": start, "last": end - 1},
            )
            if rows.num_rows:
                yield rows["id"].to_numpy()

    def _migrate(self, folder: Path) -> None:
        self._engine.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        self._engine.command(CREATE_FORMAT_TABLE)
        rows = self._engine.select(f"SELECT max(version) AS version FROM {DATABASE}.format")
        version = int(rows["version"][0].as_py() or 0)
        if version > len(CHANGES):
            raise EventLogError(
                f"the event log in {folder} has format {version}, and this program knows formats up to {len(CHANGES)}: "
                "start the newer eventkeep that last used this folder"
            )
        for number, statements in enumerate(CHANGES[version:], start=version + 1):
            for statement in statements:
                self._engine.command(statement)
            self._engine.command(f"INSERT INTO {DATABASE}.format VALUES ({number})")


def has_all_keys(engine: Engine) -> bool:
    """Whether the projection by key is whole in every part: where it is not, the part would be passed over."""
    rows = engine.select(
        "SELECT sum(rows) AS rows, (SELECT sum(rows) FROM system.projection_parts WHERE active AND NOT is_broken "
        "AND database = {database:String} AND table = 'event' AND name = 'by_key') AS keys "
        "FROM system.parts WHERE active AND database = {database:String} AND table = 'event'",
        {"database": DATABASE},
    )
    return bool(rows["rows"][0].as_py() == rows["keys"][0].as_py())


def at_their_times(selection: EventSelection, way: str) -> str:
    """The condition that an event has one of the times that the page's events have; bound as ``conditions`` is."""
    # A projection knows no ids: those of the second that the page starts in are all taken, and sorted out later.
    where, _ = conditions(msgspec.structs.replace(selection, after=None))
    start = ""
    if selection.after is not None:
        where += f" AND time {'<' if selection.descending else '>'} {{after_time:UInt32}}"
        start = "time = {after_time:UInt32} OR "
    return f"({start}time IN (SELECT time FROM {TABLE} WHERE {where} ORDER BY time {way} LIMIT {{count:UInt32}}))"


def conditions(selection: EventSelection) -> tuple[str, dict[str, Parameter]]:
    """The WHERE text of a selection and what its names are bound to."""
    terms = ["account = {account:UInt32}"]
    parameters: dict[str, Parameter] = {"account": selection.account}
    bounds = (
        ("time", ">=", "time_min"),
        ("time", "<=", "time_max"),
        ("metric", "=", "metric"),
        ("profile", "=", "profile"),
    )
    for column, operator, name in bounds:
        value = getattr(selection, name)
        if value is not None:
            terms.append(f"{column} {operator} {{{name}:UInt64}}")
            parameters[name] = value
    if selection.after is not None:
        time, event_id = selection.after
        operator = "<" if selection.descending else ">"
        # The plain bound on time lets the primary index skip; the pair says where exactly.
        terms.append(f"time {operator}= {{after_time:UInt32}}")
        terms.append(f"(time, id) {operator} ({{after_time:UInt32}}, {{after_id:UInt64}})")
        parameters["after_time"], parameters["after_id"] = time, event_id
    return " AND ".join(terms), parameters
