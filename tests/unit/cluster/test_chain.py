"""The check that records follow one another."""

from __future__ import annotations

import pytest

from eventkeep.cluster.chain import Chain
from eventkeep.errors import LogError
from eventkeep.log.record import EncodedRecord, Record, encode

LOG = 77


def records(*epochs: int, log: int = LOG) -> list[EncodedRecord]:
    """Records that follow one another, one for each epoch."""
    made: list[EncodedRecord] = []
    for place, epoch in enumerate(epochs, 1):
        made.append(encode(Record(place, 0, b"x", epoch=epoch), log, made[-1].checksum if made else 0))
    return made


def test_records_that_follow_are_taken() -> None:
    chain = Chain(LOG)
    for record in records(1, 1, 2):
        chain.add(record.content, "here")
    assert (chain.position, chain.epoch) == (3, 2)


def test_a_record_that_is_left_out_is_noticed() -> None:
    first, _, third = records(1, 1, 1)
    chain = Chain(LOG)
    chain.add(first.content, "here")
    with pytest.raises(LogError, match="record 2 was expected, and record 3 is there"):
        chain.add(third.content, "here")
    assert chain.position == 1


def test_a_record_behind_another_one_is_noticed() -> None:
    chain = Chain(LOG)
    chain.add(records(1)[0].content, "here")
    with pytest.raises(LogError, match="does not follow"):
        chain.add(records(2, 2)[1].content, "here")


def test_a_record_of_an_earlier_leader_is_noticed() -> None:
    chain = Chain(LOG)
    first, second = records(5, 4)
    chain.add(first.content, "here")
    with pytest.raises(LogError, match="of leader 4, and the one before of 5"):
        chain.add(second.content, "here")


def test_a_record_of_another_log_is_noticed() -> None:
    with pytest.raises(LogError, match="another log"):
        Chain(LOG).add(records(1, log=78)[0].content, "here")


def test_each_flipped_byte_is_noticed() -> None:
    content = records(1)[0].content
    for place in range(len(content)):
        damaged = content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]
        with pytest.raises(LogError):
            Chain(LOG).add(damaged, "here")


def test_the_first_record_is_taken_if_the_one_before_is_not_known() -> None:
    chain = Chain(LOG, 1, checksum=None)
    assert chain.add(records(1, 1)[1].content, "here").position == 2
