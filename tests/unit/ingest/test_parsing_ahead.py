"""Bulk creates that are parsed by another thread while the commit thread is busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from eventkeep.errors import Unavailable
from eventkeep.ingest import parsing
from eventkeep.ingest.parsing import CreateParser
from eventkeep.ingest.queue import CreateQueue, QueuedCreates
from eventkeep.native.library import is_built
from eventkeep.protocol.creates.native_parser import Parsed
from eventkeep.protocol.revisions import REVISIONS
from tests.create_rules import bulk, event, item, text
from tests.submitted import comparable

NOW = 1_750_000_000
PLAIN = text(bulk(item(event(properties={"a": 1}), event(properties={"a": "é"}))))
Failed = list[tuple[object, type[Exception]]]
NOT_PLAIN = b'{"data": 1}'

pytestmark = pytest.mark.skipif(not is_built(), reason="the library is not built")


def queued(body: bytes = PLAIN) -> QueuedCreates:
    return QueuedCreates(
        account=1, revision=REVISIONS[-1], is_bulk=True, bodies=[body], received_at=NOW, tickets=["ticket"]
    )


@pytest.fixture
def failed() -> Failed:
    return []


@pytest.fixture
def parser(failed: Failed) -> Iterator[CreateParser]:
    parser = CreateParser(CreateQueue(), lambda ticket, failure: failed.append((ticket, type(failure))))
    yield parser
    parser.close()


def test_the_submission_is_the_same_whichever_thread_parses(parser: CreateParser) -> None:
    ahead = queued()
    with parser.begun(ahead):
        assert ahead.parsing is not None
        ahead.parsing.result()
    found = parser.parse([ahead])
    assert len(found) == 1
    assert len(found[0].submission) == 2
    (here,) = parser.parse([queued()])
    assert comparable(found[0].submission) == comparable(here.submission)


def test_what_the_other_thread_has_not_got_to_is_parsed_by_the_commit(
    parser: CreateParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, natively = threading.Event(), parsing.natively
    threads: list[threading.Thread] = []

    def slow(creates: QueuedCreates) -> Parsed:
        threads.append(threading.current_thread())
        if threads[-1] is not threading.main_thread():
            goes_on.wait(10)
        return natively(creates)

    monkeypatch.setattr(parsing, "natively", slow)
    first, second = queued(), queued()
    with parser.begun(first), parser.begun(second):
        pass
    assert len(parser.parse([second])) == 1
    goes_on.set()
    assert len(parser.parse([first])) == 1
    assert threads.count(threading.main_thread()) == 1
    assert len(threads) == 2


def test_a_body_that_is_not_plain_gets_the_full_parser(parser: CreateParser, failed: Failed) -> None:
    ahead = queued(NOT_PLAIN)
    with parser.begun(ahead):
        pass
    assert parser.parse([ahead]) == []
    parser.close()
    assert [ticket for ticket, _ in failed] == ["ticket"]


def test_bodies_are_bounded_and_their_room_is_given_back(parser: CreateParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "PARSED_AHEAD_BYTES_MAX", 2 * len(PLAIN))
    for _ in range(3):
        some = [queued(), queued(), queued()]
        for each in some:
            with parser.begun(each):
                pass
        assert [each.parsing is not None for each in some] == [True, True, False]
        assert len(parser.parse(some)) == 3
    for _ in range(3):
        refused = queued()
        with pytest.raises(Unavailable), parser.begun(refused):
            raise Unavailable("The queue is full.", 1)
        assert refused.parsing is None
