"""The tail while several threads look at it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

import pytest

from eventkeep.eventlog import tail as tail_module
from eventkeep.eventlog.columns import Columns, joined
from eventkeep.eventlog.tail import Chunk, Tail
from tests.unit.eventlog.test_log import columns_of, made


def events_in(chunks: Sequence[Chunk]) -> int:
    return sum(map(len, chunks))


def test_reader_finds_what_another_thread_is_making_chunks_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was answered is found by the next read, whoever is at work in between."""
    working, may_go_on = threading.Event(), threading.Event()

    def slowly(parts: Sequence[Columns]) -> Columns:
        working.set()
        assert may_go_on.wait(30)
        return joined(parts)

    monkeypatch.setattr(tail_module, "joined", slowly)
    tail = Tail()
    tail.add(columns_of([made(1), made(2)]), 100)
    with ThreadPoolExecutor(2) as threads:
        sealing = threads.submit(tail.seal)
        try:
            assert working.wait(30)
            reading = threads.submit(tail.chunks)
            with pytest.raises(NotYet):
                assert events_in(reading.result(0.2)) == 2
        finally:
            may_go_on.set()
        assert events_in(sealing.result(30)) == events_in(reading.result(30)) == 2


def test_what_is_added_is_found_at_once_while_others_look() -> None:
    tail = Tail()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            tail.chunks()
            # Lets the others run now, and not after the interpreter's 5 ms.
            time.sleep(0)

    with ThreadPoolExecutor(2) as threads:
        others = [threads.submit(look), threads.submit(look)]
        try:
            for number in range(1, 200):
                tail.add(columns_of([made(number)]), 100)
                assert events_in(tail.chunks()) == tail.events == number
        finally:
            done.set()
        for other in others:
            other.result(30)
    chunks = tail.seal()
    tail.remove(chunks)
    assert (tail.events, tail.bytes, tail.chunks()) == (0, 0, ())
