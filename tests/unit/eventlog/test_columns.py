"""Columns keep what they are given: as records, as Arrow rows, joined."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import EventLogError
from eventkeep.eventlog.columns import Columns, joined
from eventkeep.eventlog.rows import ROWS_SCHEMA

KINDS = {
    pa.uint32(): st.integers(0, 2**32 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): st.none() | st.floats(allow_nan=False),
    pa.binary(): st.binary(max_size=40),
}
rows = st.fixed_dictionaries({field.name: KINDS[field.type] for field in ROWS_SCHEMA})
tables = st.lists(rows, max_size=20).map(lambda given: pa.Table.from_pylist(given, schema=ROWS_SCHEMA))


@given(tables)
def test_events_come_back_from_a_record_and_from_rows(table: pa.Table) -> None:
    columns = Columns.of_table(table)
    assert len(columns) == table.num_rows
    for again in (columns, Columns.decode(columns.encode()), Columns.of_table(columns.table)):
        assert again.table.to_pylist() == table.to_pylist()
        assert again.table.schema == ROWS_SCHEMA


@given(st.lists(tables, min_size=1, max_size=5))
def test_joined_events_keep_their_order(parts: list[pa.Table]) -> None:
    together = joined([Columns.of_table(part) for part in parts])
    assert together.table.to_pylist() == pa.concat_tables(parts).to_pylist()


@given(tables)
def test_records_of_the_first_form_are_read(table: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ROWS_SCHEMA) as writer:
        writer.write_table(table)
    assert Columns.decode(sink.getvalue().to_pybytes()).table.to_pylist() == table.to_pylist()


@given(tables, st.data())
def test_record_that_is_cut_or_longer_is_refused(table: pa.Table, data: st.DataObject) -> None:
    record = Columns.of_table(table).encode()
    cut = record[: data.draw(st.integers(0, len(record) - 1))]
    for broken in (cut, record + b"x"):
        with pytest.raises(EventLogError, match="can't be read"):
            Columns.decode(broken)
