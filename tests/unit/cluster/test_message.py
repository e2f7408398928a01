"""Records as messages of a stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.cluster.message import Part, PartList, compress, decompress, part_list, split
from eventkeep.errors import LogError


@given(st.binary(min_size=1, max_size=2_000), st.integers(1, 700))
def test_a_message_in_parts_becomes_the_record_again(content: bytes, size: int) -> None:
    pieces = split(compress(content), size)
    assert all(len(piece) <= size for piece in pieces)
    assert decompress(b"".join(pieces), "here") == content


def test_a_list_of_parts_is_found_again() -> None:
    parts = [Part(7, 100), Part(9, 20)]
    assert decompress(part_list(parts), "here") == PartList(tuple(parts))


@pytest.mark.parametrize(
    "message", [b"", b"EKZ1", b"EKZ1abc", b"EKZ9" + b"x" * 20, b"EKP1\xff", compress(b"a" * 99)[:-3]]
)
def test_what_is_no_message_is_refused_by_name(message: bytes) -> None:
    with pytest.raises(LogError, match=r"^record 5: "):
        decompress(message, "record 5")
