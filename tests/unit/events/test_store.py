"""The event store: order, ties, bounds, room, threads, and the refusal without the compiled library."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eventkeep import limits
from eventkeep.errors import EventStoreError
from eventkeep.events import store as store_module
from eventkeep.events.bloom import KeyFilter, Layer
from eventkeep.events.rows import currency_text
from eventkeep.events.selection import EventSelection
from eventkeep.events.store import EventStore
from eventkeep.native import selecting, store_pieces
from tests.event_samples import Model, Row, check_all, columns, rows_of, stored

START = 1_700_000_000


def some_rows(count: int, seed: int = 1) -> list[Row]:
    choose = random.Random(seed)
    return [
        Row(
            account=choose.choice([1, 1, 1, 2, 3]),
            time=START + choose.randrange(count),
            id=choose.getrandbits(64),
            key_low=choose.getrandbits(64),
            profile=choose.randrange(1, 40),
            metric=choose.randrange(1, 6),
            value=choose.choice([None, choose.random()]),
            currency=choose.choice(["", "EUR", "USD"]),
            unique_id=f"é{choose.random()}" if choose.random() < 0.1 else f"{choose.random()}",
            properties=b'{"n":%d}' % choose.getrandbits(60),
        )
        for _ in range(count)
    ]


def filled(folder: Path, sizes: list[int]) -> tuple[EventStore, Model]:
    """A store with a segment of each of the sizes."""
    store, model = EventStore.open(folder, background=False), Model()
    for position, size in enumerate(sizes, start=1):
        rows = some_rows(size, position)
        model.rows += rows
        store.append(position, columns(rows))
        store.flush()
    return store, model


def test_the_same_with_and_without_the_compiled_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not store_pieces.is_built():
        pytest.skip("the library is not built")
    compiled, model = filled(tmp_path / "compiled", [700, *[30] * 8])
    assert compiled.merge()
    check_all(compiled, model)
    compiled.close()
    for name in ("compiled", "plain"):
        without_library(monkeypatch)
        if name == "plain":
            plain, model = filled(tmp_path / name, [700, *[30] * 8])
            assert plain.merge()
            check_all(plain, model)
            plain.close()
        monkeypatch.undo()
    with monkeypatch.context() as without:
        without_library(without)
        store = EventStore.open(tmp_path / "compiled", background=False)
        check_all(store, model)
        read_pages(store, model)
        store.close()
    store = EventStore.open(tmp_path / "plain", background=False)
    check_all(store, model)
    read_pages(store, model)
    store.close()


def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for calls in (store_pieces, selecting):
        monkeypatch.setattr(calls, "is_built", lambda: False)


def read_pages(store: EventStore, model: Model) -> None:
    for profile in (None, frozenset({1, 2, 99})):
        for metric in (None, frozenset({2, 3})):
            for time_min, time_max in ((None, None), (START + 10, START + 300)):
                for descending in (True, False):
                    selection = EventSelection(
                        account=1,
                        count=50,
                        descending=descending,
                        profiles=profile,
                        metrics=metric,
                        time_min=time_min,
                        time_max=time_max,
                    )
                    assert store.page(selection) == model.page(selection)


def test_pages_behind_cursors_and_with_ties_are_the_same_with_and_without_the_compiled_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not selecting.is_built():
        pytest.skip("the library is not built")
    store, model, choose = EventStore.open(tmp_path, background=False), Model(), random.Random(7)
    for position in range(1, 6):
        # Every second has events in every part; the last two parts are in memory.
        rows = [row._replace(time=START + choose.randrange(8)) for row in some_rows(150, position)]
        model.rows += rows
        store.append(position, columns(rows))
        if position < 4:
            store.flush()
    for _ in range(150):
        selection = some_selection(choose, model)
        row = choose.choice(model.rows)
        wanted = row.account, row.time, row.id ^ choose.randrange(2)
        found = store.page(selection), store.event(*wanted)
        assert found[0] == model.page(selection)
        assert found[1] == (stored(row) if row.id == wanted[2] else None)
        with monkeypatch.context() as without:
            without_library(without)
            assert (store.page(selection), store.event(*wanted)) == found
    store.close()


def some_selection(choose: random.Random, model: Model) -> EventSelection:
    """A selection whose bounds, if it has any, are among the model's events or next to them."""
    row = choose.choice(model.rows)
    cursor = row.time, choose.choice([row.id, row.id ^ 1, 0, 2**64 - 1])
    bounds = sorted(START + choose.randrange(-1, 9) for _ in range(2))
    return EventSelection(
        account=choose.choice([1, 1, 2]),
        count=choose.choice([1, 7, 50, 1_000]),
        descending=choose.random() < 0.5,
        after=choose.choice([None, cursor, cursor]),
        time_min=choose.choice([None, None, bounds[0]]),
        time_max=choose.choice([None, None, bounds[1]]),
        profiles=choose.choice([None, frozenset(choose.sample(range(45), choose.choice([1, 20])))]),
        metrics=choose.choice([None, frozenset(choose.sample(range(7), choose.choice([1, 3])))]),
    )


def test_a_profile_without_events_has_none(tmp_path: Path) -> None:
    store, _ = filled(tmp_path, [300])
    for numbers in ({0}, {1_000}, {2**32 - 1}, {2**32}, {2**70}, set()):
        assert store.page(EventSelection(account=1, count=10, profiles=frozenset(numbers))) == []
        assert store.page(EventSelection(account=1, count=10, metrics=frozenset(numbers))) == []
    assert store.page(EventSelection(account=9, count=10)) == []
    assert store.last_event_times(9, [1]) == store.last_event_times(1, []) == {}
    store.close()


def test_many_events_of_one_second_are_paged_by_id(tmp_path: Path) -> None:
    store, model = EventStore.open(tmp_path, background=False), Model()
    choose = random.Random(3)
    for position in (1, 2):
        rows = [Row(id=choose.getrandbits(64), properties=b"%d" % n) for n in range(3_000)]
        model.rows += rows
        store.append(position, columns(rows))
        if position == 1:
            store.flush()
    for descending in (True, False):
        paged: list[Any] = []
        after = None
        while page := store.page(EventSelection(account=1, count=700, descending=descending, after=after)):
            paged += page
            after = page[-1].time, page[-1].id
        assert paged == model.page(EventSelection(account=1, count=10_000, descending=descending))
    store.close()


@pytest.mark.parametrize("is_built", [True, False])
@pytest.mark.parametrize(
    ("size", "count"),
    [
        (300, 4),
        # Just as many bytes as a page may have: the one behind them is the last.
        (250, 5),
        (1_001, 1),
        # Each is more than is read at once.
        (3_000, 1),
    ],
)
def test_a_page_ends_early_behind_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, count: int, is_built: bool
) -> None:
    monkeypatch.setattr("eventkeep.events.page.PAGE_BYTES_MAX", 1_000)
    monkeypatch.setattr("eventkeep.events.found.DOCUMENTS_AT_ONCE_BYTES", 2_000)
    if not is_built:
        without_library(monkeypatch)
    elif not store_pieces.is_built():
        pytest.skip("the library is not built")
    store, model = EventStore.open(tmp_path, background=False), Model()
    rows = [Row(time=START + n, id=n, unique_id=f"é{n}" * (n % 3), properties=b"%*d" % (size, n)) for n in range(40)]
    # A page of both has events on disk and in memory by turns.
    model.rows += rows
    store.append(1, columns([*rows[:20], *rows[30::2]]))
    store.flush()
    store.append(2, columns([*rows[20:30], *rows[31::2]]))
    for descending in (True, False):
        for time_min, time_max in ((START, START + 39), (START + 18, START + 21), (START + 5, START + 10)):
            selection = EventSelection(
                account=1, count=100, descending=descending, time_min=time_min, time_max=time_max
            )
            page = store.page(selection)
            assert page == model.page(selection)[:count]
            assert len(page) == min(count, time_max - time_min + 1)
    scanned = [row for events in store.scan(EventSelection(account=1, count=0)) for row in rows_of(events)]
    assert scanned == rows[::-1]
    store.close()


def test_large_documents_have_blocks_of_their_own(tmp_path: Path) -> None:
    store, model = EventStore.open(tmp_path, background=False), Model()
    choose = random.Random(5)
    rows = [
        Row(id=n, time=START + n, properties=choose.randbytes(choose.choice([10, 3_000, 70_000]))) for n in range(36)
    ]
    for position in range(1, 9):
        own = [row._replace(id=row.id + 100 * position) for row in rows]
        model.rows += own
        store.append(position, columns(own))
        store.flush()
    assert store.merge()
    check_all(store, model)
    store.close()


def test_positions_without_events_are_covered_by_a_flush(tmp_path: Path) -> None:
    store = EventStore.open(tmp_path, background=False)
    for position in range(1, 4):
        store.append(position, None)
    store.flush()
    assert (store.flushed_position, store.segments) == (3, 0)
    store.append(4, columns([Row()]))
    store.append(5, None)
    store.flush()
    store.append(6, None)
    store.close()
    store = EventStore.open(tmp_path, log_start=7, background=False)
    assert (store.position, store.flushed_position, store.count()) == (6, 6, 1)
    store.close()


def test_a_record_that_is_known_is_ignored_and_a_gap_is_refused(tmp_path: Path) -> None:
    store = EventStore.open(tmp_path, background=False)
    store.append(1, columns([Row(id=1)]))
    store.append(1, columns([Row(id=2)]))
    assert store.count() == 1
    with pytest.raises(EventStoreError, match="expected the log's record 2, got 3"):
        store.append(3, columns([Row(id=3)]))
    store.close()


def test_times_behind_2106_are_kept_and_a_span_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    store, model = EventStore.open(tmp_path, background=False), Model()
    model.rows = [Row(time=2**33 + n, id=n) for n in range(5)]
    store.append(1, columns(model.rows))
    store.flush()
    check_all(store, model)
    store.append(2, columns([Row(time=0, id=9), Row(time=2**32, id=10)]))
    with pytest.raises(EventStoreError, match="136 years"):
        store.flush()
    assert store.count() == 7
    store._stopping.set()


def test_the_tail_says_when_it_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "TAIL_EVENTS_MAX", 10)
    store = EventStore.open(tmp_path, background=False)
    assert store.wait_for_room(0)
    store.append(1, columns([Row(id=n) for n in range(10)]))
    assert not store.wait_for_room(0.01)
    threading.Timer(0.05, store.flush).start()
    assert store.wait_for_room(10)
    store.close()


def test_a_flush_without_room_on_the_disk_is_refused_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EventStore.open(tmp_path, background=False)
    store.append(1, columns([Row()]))
    with monkeypatch.context() as full:
        full.setattr(store._files, "free_bytes", lambda path: 10)
        with pytest.raises(EventStoreError, match="free"):
            store.flush()
    store.flush()
    assert store.flushed_position == 1
    store.close()


def test_a_merge_leaves_its_reserve_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, model = filled(tmp_path, [5] * 8)
    with monkeypatch.context() as full:
        full.setattr(store._files, "free_bytes", lambda path: limits.MERGE_RESERVE_BYTES)
        with pytest.raises(EventStoreError, match="in reserve"):
            store.merge()
    check_all(store, model)
    assert store.merge()
    check_all(store, model)
    store.close()


def test_the_background_flushes_and_merges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "FLUSH_EVENTS", 40)
    monkeypatch.setattr(store_module, "SEGMENT_FLUSH_SECONDS", 0.01)
    store, model = EventStore.open(tmp_path), Model()
    for position in range(1, 60):
        rows = some_rows(25, position)
        model.rows += rows
        store.append(position, columns(rows))
        assert store.wait_for_room(10)
    deadline = threading.Event()
    while store.flushed_position < 59 and not deadline.wait(0.02):
        pass
    check_all(store, model)
    store.close()
    store = EventStore.open(tmp_path, log_start=60)
    check_all(store, model)
    store.close()


def test_readers_see_each_event_once_while_segments_come_and_go(tmp_path: Path) -> None:
    store = EventStore.open(tmp_path, background=False)
    stopping = threading.Event()
    wrong: list[Any] = []
    newest = EventSelection(account=1, count=100_000, descending=False)

    def look() -> None:
        before = 0
        while not stopping.is_set():
            page = [event.id for event in store.page(newest)]
            scanned = sum(len(events) for events in store.scan(newest))
            counts = store.counts(1)
            if page != list(range(len(page))) or len(page) < before or scanned < len(page):
                wrong.append((before, len(page), scanned))
            before = len(page)
            if counts and sum(count.events for count in counts.values()) < before:
                wrong.append(("counts", before, counts))

    def tend() -> None:
        while not stopping.is_set():
            store.flush()
            store.merge()

    threads = [threading.Thread(target=work) for work in (look, look, tend)]
    for thread in threads:
        thread.start()
    for position in range(1, 120):
        rows = [Row(time=START + n, id=n, metric=1 + n % 2) for n in range((position - 1) * 7, position * 7)]
        store.append(position, columns(rows))
    stopping.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert store.count() == 119 * 7
    store.close()
    files = {path.name for path in tmp_path.iterdir()}
    assert len([name for name in files if name.endswith(".segment")]) == store.segments


def test_a_scan_keeps_its_files_until_it_ends(tmp_path: Path) -> None:
    store, model = filled(tmp_path, [20] * 8)
    every = EventSelection(account=1, count=0)
    scan = store.scan(every)
    first = rows_of(next(scan))
    assert store.merge()
    assert first + [row for events in scan for row in rows_of(events)] == model.selected(every)
    store.flush()
    assert len([path for path in tmp_path.iterdir() if path.suffix == ".segment"]) == 1
    store.close()


def test_arrays_have_the_columns_of_all_events(tmp_path: Path) -> None:
    store, model = filled(tmp_path, [500, 300])
    rows = some_rows(50, 9)
    model.rows += rows
    store.append(3, columns(rows))
    found = []
    for chunk in store.arrays(1, frozenset({1, 2}), START + 5, START + 400):
        values = [None if value != value else value for value in chunk["value"].tolist()]
        texts = [currency_text(code) for code in chunk["currency"].tolist()]
        numbers = (chunk[name].tolist() for name in ("time", "profile", "metric"))
        found += list(zip(*numbers, values, texts, strict=True))
    expected = [
        (row.time, row.profile, row.metric, row.value, row.currency)
        for row in model.rows
        if row.account == 1 and row.metric in (1, 2) and START + 5 <= row.time <= START + 400
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    store.close()


def wait_until_loaded(store: EventStore) -> None:
    while store.is_loading:
        threading.Event().wait(0.01)


def test_keys_are_known_before_the_filter_is_made_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, model = filled(tmp_path, [300, 200])
    store.close()
    (tmp_path / "filter").unlink()
    waits = threading.Event()
    original = KeyFilter.add

    def add(self: KeyFilter, keys: Any) -> None:
        waits.wait()
        original(self, keys)

    monkeypatch.setattr(KeyFilter, "add", add)
    store = EventStore.open(tmp_path, background=False)
    rows = some_rows(10, 77)
    model.rows += rows
    store.append(3, columns(rows))
    assert store.is_loading
    check_all(store, model)
    waits.set()
    wait_until_loaded(store)
    check_all(store, model)
    store.close()


@pytest.mark.parametrize("change", ["flip", "cut", "other position"])
def test_a_saved_filter_that_can_not_be_used_is_made_anew(tmp_path: Path, change: str) -> None:
    store, model = filled(tmp_path, [300])
    store.close()
    path = tmp_path / "filter"
    content = bytearray(path.read_bytes())
    if change == "flip":
        content[1_000] ^= 1
    elif change == "cut":
        del content[-9:]
    path.write_bytes(content)
    if change == "other position":
        store = EventStore.open(tmp_path, background=False)
        store.append(2, columns([Row(id=5)]))
        model.rows.append(Row(id=5))
        store.flush()
        path.write_bytes(content)
        store._keys.close()
    store = EventStore.open(tmp_path, background=False)
    assert not path.exists()
    check_all(store, model)
    wait_until_loaded(store)
    check_all(store, model)
    store.close()


def test_the_filter_is_the_same_in_c_and_in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    if not store_pieces.is_built():
        pytest.skip("the library is not built")
    keys = np.random.default_rng(1).integers(0, 2**64, 20_000, dtype=np.uint64)
    compiled, plain = Layer(1_000), Layer(1_000)
    compiled.add(keys[:10_000])
    found = compiled.find(keys)
    monkeypatch.setattr(store_pieces, "is_built", lambda: False)
    plain.add(keys[:10_000])
    assert (compiled.words == plain.words).all()
    assert (plain.find(keys) == found).all()


def test_the_filter_grows_and_knows_every_key() -> None:
    known = KeyFilter()
    keys = np.random.default_rng(1).integers(0, 2**64, 600_000, dtype=np.uint64)
    for start in range(0, 600_000, 50_000):
        known.add(keys[start : start + 50_000])
    assert known.perhaps_known(keys).all()
    others = np.random.default_rng(2).integers(0, 2**64, 100_000, dtype=np.uint64)
    assert known.perhaps_known(others).mean() < 0.03
    assert known.memory_bytes * 8 / 600_000 < 32
    again = KeyFilter.decode(known.encode(7, 9), 7, 9)
    assert again is not None
    assert (again.perhaps_known(others) == known.perhaps_known(others)).all()
    assert KeyFilter.decode(known.encode(7, 9), 7, 8) is None
    assert KeyFilter.decode(known.encode(7, 9), 8, 9) is None


def test_one_event_by_its_id(tmp_path: Path) -> None:
    store, model = filled(tmp_path, [200, 150])
    for row in model.rows[::17]:
        assert store.event(row.account, row.time, row.id) == stored(row)
        assert store.event(row.account, row.time, row.id ^ 1) is None
        assert store.event(row.account, row.time + 10**6, row.id) is None
        assert store.event(7, row.time, row.id) is None
    store.close()


def test_closing_does_not_wait_for_a_merge(tmp_path: Path) -> None:
    store, model = filled(tmp_path, [20] * 8)
    store._stopping.set()
    with pytest.raises(EventStoreError, match="being closed"):
        store.merge()
    store.close()
    store = EventStore.open(tmp_path, background=False)
    check_all(store, model)
    assert store.merge()
    check_all(store, model)
    store.close()
