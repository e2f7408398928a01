from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkeep.client.drafts import BatchedEvent
from eventkeep.client.errors import SpoolError
from eventkeep.client.spool import Spool
from tests.unit.client.made_events import made_event


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.spool"


def left(path: Path) -> list[BatchedEvent]:
    spool = Spool(path)
    spool.close()
    return spool.left


def numbers(events: Sequence[BatchedEvent]) -> list[int]:
    return [event.number for event in events]


def test_unsettled_events_are_left(path: Path) -> None:
    events = [made_event(number, {"external_id": f"c{number}"}, text="ü\n😀") for number in (1, 2, 3, 5, 6)]
    spool = Spool(path)
    assert spool.left == []
    spool.append(events)
    spool.complete([events[0], events[3]])
    spool.close()
    assert left(path) == [events[1], events[2], events[4]]


def test_file_is_empty_when_all_is_settled(path: Path) -> None:
    spool = Spool(path)
    for number in (1, 2):
        spool.append([made_event(number)])
    spool.complete([made_event(1), made_event(2)])
    assert path.stat().st_size == 0
    spool.append([made_event(3)])
    spool.close()
    assert numbers(left(path)) == [3]


def test_line_that_was_cut_short_is_left_out(path: Path) -> None:
    spool = Spool(path)
    spool.append([made_event(1), made_event(2)])
    spool.close()
    content = path.read_bytes()
    second = content.index(b"\n") + 1
    for end in range(second, len(content)):
        path.write_bytes(content[:end])
        assert numbers(left(path)) == [1]
        assert path.read_bytes() == content[:second], "the next line must not be joined to half a line"


def test_file_of_something_else_is_refused_and_not_touched(path: Path) -> None:
    path.write_bytes(b'{"number":1,"profile":{"attributes":{}},"event":{}}\nname,price\nTeapot,3\n')
    with pytest.raises(SpoolError, match="line 2 is not that of a spool file"):
        Spool(path)
    assert path.read_bytes().endswith(b"Teapot,3\n")


def test_settling_an_unknown_event_is_refused(path: Path) -> None:
    path.write_bytes(b'{"settled":[[1,2]]}\n')
    with pytest.raises(SpoolError, match="line 1"):
        Spool(path)


def test_file_is_used_by_one_batch_at_a_time(path: Path) -> None:
    spool = Spool(path)
    with pytest.raises(SpoolError, match="in use by another batch"):
        Spool(path)
    spool.close()
    Spool(path).close()


def test_compacted_file_holds_only_unsettled_events_and_stays_locked(path: Path) -> None:
    spool = Spool(path, compact_bytes=100)
    events = [made_event(number, text="x" * 100) for number in range(1, 11)]
    spool.append(events)
    assert spool.is_large
    spool.complete(events[:9])
    size = path.stat().st_size
    spool.compact(events[9:])
    assert path.stat().st_size < size / 5
    with pytest.raises(SpoolError, match="in use"):
        Spool(path)
    spool.append([made_event(11)])
    spool.close()
    assert numbers(left(path)) == [10, 11]


def test_file_is_for_its_owner_alone(path: Path) -> None:
    Spool(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_folder_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(SpoolError, match=r"can't be used: No such file or directory"):
        Spool(path.parent / "absent" / "events.spool")


@settings(deadline=None)
@given(steps=st.lists(st.one_of(st.just("append"), st.integers(0, 30), st.just("compact"), st.just("reopen"))))
def test_any_course_leaves_the_unsettled_events(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str | int]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "events.spool"
    spool = Spool(path)
    held: list[BatchedEvent] = []
    number = 0
    for step in steps:
        if step == "append":
            number += 1
            held.append(made_event(number))
            spool.append(held[-1:])
        elif step == "compact":
            spool.compact(held)
        elif step == "reopen":
            spool.close()
            spool = Spool(path)
            assert spool.left == held
        elif held:
            spool.complete([held.pop(int(step) % len(held))])
    spool.close()
    assert left(path) == held
