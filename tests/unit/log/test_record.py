"""Records: an encoded record comes back, and a change on the way is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkeep.errors import LogError
from eventkeep.log.record import BLOCK_BYTES, HEADER, Record, checked_header, decode, encode
from eventkeep.model.event_columns import NUMBERS, SIZE_TYPE, TEXTS, EventColumns, TextColumn
from tests.unit.log.made_records import events_of, record_of, same_events

LOG = 0x1234567890ABCDEF


@st.composite
def columns(draw: st.DrawFn) -> EventColumns:
    count = draw(st.integers(0, 5))
    numbers = {
        name: np.array(
            draw(st.lists(st.binary(min_size=kind.itemsize, max_size=kind.itemsize), min_size=count, max_size=count))
        )
        .astype(f"S{kind.itemsize}")
        .view(kind)
        if count
        else np.zeros(0, dtype=kind)
        for name, kind in NUMBERS.items()
    }
    texts = {}
    for name in TEXTS:
        values = draw(st.lists(st.binary(max_size=20), min_size=count, max_size=count))
        texts[name] = TextColumn(b"".join(values), np.array([len(value) for value in values], dtype=SIZE_TYPE))
    return EventColumns(numbers, texts)


@given(
    position=st.integers(1, 2**64 - 1),
    time=st.integers(-(2**63), 2**63 - 1),
    changes=st.binary(max_size=1_000),
    events=st.none() | columns(),
    epoch=st.integers(0, 2**32 - 1),
    previous=st.integers(0, 2**64 - 1),
)
def test_what_is_encoded_comes_back(
    position: int, time: int, changes: bytes, events: EventColumns | None, epoch: int, previous: int
) -> None:
    encoded = encode(Record(position, time, changes, events, epoch), LOG, previous)
    read = decode(encoded.content, "here")
    assert (read.position, read.time, read.changes, read.epoch) == (position, time, changes, epoch)
    assert same_events(read.events, events)
    header = checked_header(encoded.content, "here")
    assert (header.log, header.previous, header.checksum) == (LOG, previous, encoded.checksum)
    assert len(encoded.content) % BLOCK_BYTES == 0


def test_times_after_2106_come_back() -> None:
    events = events_of(3)
    events.numbers["time"] = np.array([2**32, 2**40, -5], dtype="<i8")
    read = decode(encode(Record(1, 0, b"", events), LOG, 0).content, "here")
    assert read.events is not None
    assert read.events.numbers["time"].tolist() == [2**32, 2**40, -5]


@pytest.mark.parametrize("position", [3, 4, 8])
def test_every_cut_is_noticed(position: int) -> None:
    content = encode(record_of(position), LOG, 7).content
    for size in range(len(content)):
        with pytest.raises(LogError, match=r"^here: "):
            decode(content[:size], "here")
    with pytest.raises(LogError, match=r"^here: "):
        decode(content + b"\0", "here")


def test_every_flipped_byte_is_noticed() -> None:
    content = encode(Record(5, 9, b"changes", events_of(3)), LOG, 7).content
    for place in range(len(content)):
        for bits in (0x01, 0x80, 0xFF):
            changed = bytearray(content)
            changed[place] ^= bits
            with pytest.raises(LogError, match=r"^here: "):
                decode(bytes(changed), "here")


@settings(max_examples=200)
@given(content=st.binary(max_size=2_000))
def test_what_is_no_record_is_refused(content: bytes) -> None:
    with pytest.raises(LogError, match=r"^here: "):
        decode(content, "here")


def test_newer_form_is_refused_by_name() -> None:
    from eventkeep.log import record as module

    content = bytearray(encode(Record(1, 0), LOG, 0).content)
    fields = list(HEADER.unpack_from(content))
    fields[1] = 9
    HEADER.pack_into(content, 0, *fields)
    fields[9] = module.header_checksum(content[: module.HEADER_CHECKED_BYTES])
    HEADER.pack_into(content, 0, *fields)
    with pytest.raises(LogError, match=r"form 9\.0, which this eventkeep does not know"):
        decode(bytes(content), "here")


def test_header_says_how_many_blocks_are_zeros() -> None:
    encoded = encode(Record(1, 0, bytes(10 * BLOCK_BYTES) + b"x"), LOG, 0)
    assert checked_header(encoded.content, "here").zero_blocks == 9
