"""Each operation of a flush and of a merge fails once: nothing is lost, nothing doubled, and the next open is clean."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from eventkeep.errors import EventStoreError
from eventkeep.events.manifest import read_manifest
from eventkeep.events.recovery import listed_names
from eventkeep.events.store import EventStore
from eventkeep.files import Files
from tests.event_samples import Model, Row, check_all, columns
from tests.faulty_files import FaultyFiles, Killed
from tests.source_tree import source_files

FLUSHED = 7
"""Segments before the flush that fails; with its own there are enough for a merge."""


def rows_at(position: int) -> list[Row]:
    return [
        Row(
            account=1 + n % 2,
            time=1_700_000_000 + position * 10 + n,
            id=position * 1_000 + n,
            key_low=n,
            profile=1 + n,
            metric=1 + position % 3,
            unique_id=f"{position}-{n}",
            properties=b'{"n":%d}' % n,
        )
        for n in range(3)
    ]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "events"
    store = EventStore.open(folder, background=False)
    for position in range(1, FLUSHED + 1):
        store.append(position, columns(rows_at(position)))
        store.flush()
    store.close()
    return folder


def whole(positions: int) -> Model:
    model = Model()
    model.rows = [row for position in range(1, positions + 1) for row in rows_at(position)]
    return model


def run(store: EventStore) -> None:
    """The operations that are made to fail: a flush, and the merge that it causes."""
    store.flush()
    assert store.merge()


def operations(template: Path, folder: Path) -> list[str]:
    shutil.copytree(template, folder)
    files = FaultyFiles()
    store = EventStore.open(folder, files, background=False)
    store.append(FLUSHED + 1, columns(rows_at(FLUSHED + 1)))
    files.arm(None, "error")
    run(store)
    done = list(files.done)
    store.close()
    return done


def check_folder(folder: Path) -> None:
    """The folder has the files that the manifest lists, and no others."""
    manifest = read_manifest(Files(), folder)
    assert manifest is not None
    assert {path.name for path in folder.iterdir()} == {*listed_names(manifest), "manifest", "filter"}


def places(names: list[str], fault: str) -> list[int]:
    """Which operations are made to fail: all, but of the files that a merge removes the first and the last."""
    unlinks = [at for at, name in enumerate(names) if name == "unlink"]
    if fault in ("short", "full"):
        return [at for at, name in enumerate(names) if name == "write" or (name == "create" and fault == "full")]
    # To be killed behind an operation is to be killed before the next.
    return [at for at, name in enumerate(names) if name != "unlink" or at in (unlinks[0], unlinks[-1])]


@pytest.mark.parametrize("fault", ["error", "short", "full", "kill"])
def test_each_operation_fails_once(template: Path, tmp_path: Path, fault: str) -> None:
    names = operations(template, tmp_path / "measured")
    assert {"create", "write", "sync", "sync_folder", "replace", "unlink"} <= set(names)
    for at in places(names, fault):
        folder = tmp_path / str(at)
        shutil.copytree(template, folder)
        fail_and_go_on(folder, at, fault)
        shutil.rmtree(folder)


def fail_and_go_on(folder: Path, at: int, fault: str) -> None:
    model, files = whole(FLUSHED + 1), FaultyFiles()
    store = EventStore.open(folder, files, background=False)
    store.append(FLUSHED + 1, columns(rows_at(FLUSHED + 1)))
    files.arm(at, fault)
    try:
        run(store)
    except EventStoreError:
        assert fault in ("error", "short", "full")
    except Killed:
        assert fault == "kill"
    files.arm(None, "error")
    if not files.is_dead:
        check_all(store, model, (1, 2))
        store.flush()
        store.merge()
        assert store.flushed_position == FLUSHED + 1
        store.close()
        check_folder(folder)
    # The log may have been trimmed up to the position that the store reported.
    log_start = store.flushed_position + 1
    again = EventStore.open(folder, log_start=log_start, background=False)
    for position in range(log_start, FLUSHED + 2):
        again.append(position, columns(rows_at(position)))
    check_all(again, model, (1, 2))
    if files.is_dead:
        again.flush()
        again.merge()
        check_all(again, model, (1, 2))
    again.close()
    check_folder(folder)


def test_a_flush_that_fails_keeps_the_tail_and_appends_go_on(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    shutil.copytree(template, folder)
    files = FaultyFiles()
    store = EventStore.open(folder, files, background=False)
    for position in range(FLUSHED + 1, FLUSHED + 6):
        store.append(position, columns(rows_at(position)))
        files.arm(3, "full")
        with pytest.raises(EventStoreError, match="No space left"):
            store.flush()
        check_all(store, whole(position))
    files.arm(None, "error")
    store.flush()
    check_all(store, whole(FLUSHED + 5))
    store.close()
    check_folder(folder)


def test_every_operation_of_the_store_that_changes_a_file_is_made_to_fail() -> None:
    sources = [path.read_text(encoding="utf-8") for path in source_files() if path.parent.name == "events"]
    used = {name for source in sources for name in re.findall(r"files\.(\w+)\(", source)} & vars(Files).keys()
    assert {"create", "write", "sync", "replace"} <= used
    assert used - vars(FaultyFiles).keys() <= {"open", "close", "size", "read", "free_bytes", "make_folder"}
