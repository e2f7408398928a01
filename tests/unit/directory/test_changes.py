"""Changes as records hold them: an encoded change comes back, and nothing else is read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.directory import Directory
from eventkeep.directory.changes import (
    SHAPES,
    Change,
    Operation,
    Table,
    decode_changes,
    encode_changes,
)
from eventkeep.errors import DirectoryError

rows = {
    Table.SETTING: st.tuples(st.text(max_size=5), st.text(max_size=5)),
    Table.ACCOUNT: st.tuples(st.integers(1, 2**31), st.text(max_size=5), st.integers(0, 2**60)),
    Table.IDENTIFIER: st.tuples(st.text(max_size=5), st.text(max_size=5), st.integers(1, 2**32 - 1)),
    Table.MERGED_PROFILE: st.tuples(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1)),
}


@st.composite
def changes(draw: st.DrawFn) -> Change:
    table = draw(st.sampled_from(list(rows)))
    operation = draw(st.sampled_from(list(Operation)))
    made = draw(st.lists(rows[table], max_size=4))
    keys = SHAPES[table].keys
    return Change(
        table,
        operation,
        draw(st.integers(0, 2**31)),
        [row if operation is Operation.PUT else row[:keys] for row in made],
    )


@given(st.lists(changes(), max_size=4))
def test_what_is_encoded_comes_back(given_changes: list[Change]) -> None:
    assert decode_changes(encode_changes(given_changes), "here") == given_changes


@given(st.binary(min_size=1, max_size=60))
def test_anything_else_is_refused(content: bytes) -> None:
    try:
        read = decode_changes(content, "here")
    except DirectoryError as exc:
        assert str(exc).startswith("here: ")
    else:
        assert decode_changes(encode_changes(read), "here") == read


@pytest.mark.parametrize("fields", [(99, 1, 0, []), (1, 9, 0, [])])
def test_table_or_operation_of_a_newer_program_is_refused(fields: tuple[object, ...]) -> None:
    with pytest.raises(DirectoryError, match="use the newer one that wrote it"):
        decode_changes(msgspec.msgpack.encode([fields]), "here")


def test_row_that_could_not_be_applied_is_not_encoded() -> None:
    with pytest.raises(DirectoryError, match="does not have 3 columns"):
        encode_changes([Change(Table.ACCOUNT, Operation.PUT, 0, [(1, "shop")])])


@pytest.mark.parametrize("count", [1, 3, 4, 63, 64, 65, 200])
def test_rows_of_every_number_are_put_and_deleted(directory: Directory, count: int) -> None:
    from tests.unit.directory.held import keep

    numbers = range(10, 10 + count)
    owners = [("email", f"{number}@shop.example", number) for number in numbers]
    put = Change(Table.IDENTIFIER, Operation.PUT, 1, owners)
    keep(directory, [put, put])
    assert [directory.profiles.find_identifier(1, *owner[:2]) for owner in owners] == list(numbers)
    keep(directory, [Change(Table.IDENTIFIER, Operation.DELETE, 1, [owner[:2] for owner in owners[1:]])])
    assert [directory.profiles.find_identifier(1, *owner[:2]) for owner in owners] == [10] + [None] * (count - 1)
