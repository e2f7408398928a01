"""Whatever happens to a file: it is noticed at the open or at the read that meets it, and no read is wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from eventkeep.errors import EventStoreError
from eventkeep.events.found import AnyPart
from eventkeep.events.page import events_of, select
from eventkeep.events.recovery import open_catalog
from eventkeep.events.selection import EventSelection
from eventkeep.events.store import EventStore
from eventkeep.files import Files
from eventkeep.model.event import StoredEvent
from tests.event_samples import Model, Row, columns

ROWS = [
    Row(
        account=1 + n % 2,
        time=1_700_000_000 + n // 2,
        id=n * 2**58 + n,
        key_low=n,
        profile=1 + n % 3,
        metric=1 + n % 2,
        value=None if n % 2 else n / 2,
        currency="EUR" if n % 3 else "",
        unique_id=f"unique-{n}",
        properties=b'{"number":%d}' % n,
    )
    for n in range(9)
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two segments."""
    folder = tmp_path_factory.mktemp("template") / "events"
    store = EventStore.open(folder, background=False)
    for position, rows in enumerate((ROWS[:6], ROWS[6:]), start=1):
        store.append(position, columns(rows))
        store.flush()
    store.close()
    (folder / "filter").unlink()
    return folder


def selections() -> Iterator[EventSelection]:
    for account in (1, 2):
        yield EventSelection(account=account, count=100)
        yield EventSelection(account=account, count=100, descending=False, profiles=frozenset({1, 2, 3}))
        yield EventSelection(account=account, count=100, metrics=frozenset({1, 2}))


def read_all(folder: Path) -> tuple[list[list[StoredEvent]], list[bool]]:
    """Read every byte of the store that says something."""
    catalog = open_catalog(Files(), folder, None)
    parts: list[AnyPart] = list(catalog.segments())
    opened = catalog.target.opened
    try:
        pages = []
        for selection in selections():
            found = select(parts, selection, opened)
            pages.append([] if found is None else list(events_of(parts, found, selection.account, opened)))
        ids, lows = (np.array([getattr(row, name) for row in ROWS], dtype=np.uint64) for name in ("id", "key_low"))
        known = np.zeros(len(ROWS), dtype=np.bool_)
        for segment in catalog.segments():
            known |= segment.contains(ids, lows)
        return pages, known.tolist()
    finally:
        opened.close()


def expected() -> tuple[list[list[StoredEvent]], list[bool]]:
    model = Model()
    model.rows = list(ROWS)
    return [model.page(selection) for selection in selections()], [True] * len(ROWS)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_store_is_whole(template: Path) -> None:
    assert len(names_in(template)) == 5
    assert read_all(template) == expected()


def test_each_flipped_byte_is_noticed(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    shutil.copytree(template, folder)
    for name in names_in(folder):
        path = folder / name
        file = os.open(path, os.O_RDWR)
        for place, byte in enumerate(path.read_bytes()):
            os.pwrite(file, bytes([byte ^ (1 << place % 8)]), place)
            with pytest.raises(EventStoreError, match=r"\.segment|\.documents|manifest"):
                read_all(folder)
            os.pwrite(file, bytes([byte]), place)
        os.close(file)
    assert read_all(folder) == expected()


def test_each_shortened_lengthened_or_missing_file_is_noticed(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    shutil.copytree(template, folder)
    for name in names_in(folder):
        path, content = folder / name, (folder / name).read_bytes()
        for size in {*range(0, len(content), 512), len(content) - 1}:
            path.write_bytes(content[:size])
            with pytest.raises(EventStoreError, match=name):
                read_all(folder)
        path.write_bytes(content + b"\0")
        with pytest.raises(EventStoreError, match=name):
            read_all(folder)
        path.unlink()
        with pytest.raises(EventStoreError, match=name):
            read_all(folder)
        path.write_bytes(content)
    assert read_all(folder) == expected()


def test_each_pair_of_swapped_files_is_noticed(template: Path, tmp_path: Path) -> None:
    names = names_in(template)
    for one in names:
        for other in names:
            if one == other:
                continue
            folder = tmp_path / f"{one}-{other}"
            shutil.copytree(template, folder)
            (folder / one).write_bytes((template / other).read_bytes())
            (folder / other).write_bytes((template / one).read_bytes())
            with pytest.raises(EventStoreError):
                read_all(folder)


def test_files_of_another_store_are_noticed(template: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    store = EventStore.open(other, background=False)
    for position, rows in enumerate((ROWS[:6], ROWS[6:]), start=1):
        store.append(position, columns(rows))
        store.flush()
    store.close()
    for name in names_in(template):
        folder = tmp_path / name
        shutil.copytree(template, folder)
        shutil.copy(other / name, folder / name)
        with pytest.raises(EventStoreError):
            read_all(folder)


def test_an_older_manifest_is_noticed(tmp_path: Path) -> None:
    """Put back after a flush, and after a merge; with a log that does not have the positions any more."""
    folder = tmp_path / "events"
    store = EventStore.open(folder, background=False)
    manifests: list[bytes] = []
    for position in range(1, 9):
        store.append(position, columns([row._replace(id=row.id + position) for row in ROWS]))
        store.flush()
        manifests.append((folder / "manifest").read_bytes())
    assert store.merge()
    store.close()
    for manifest in manifests:
        (folder / "manifest").write_bytes(manifest)
        with pytest.raises(EventStoreError, match=r"is missing|is older"):
            EventStore.open(folder, log_start=9, background=False)


def test_an_older_manifest_whose_newer_files_are_there_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    store = EventStore.open(folder, background=False)
    store.append(1, columns(ROWS[:5]))
    store.flush()
    older = (folder / "manifest").read_bytes()
    store.append(2, columns(ROWS[5:]))
    store.close()
    names = names_in(folder)
    (folder / "manifest").write_bytes(older)
    with pytest.raises(EventStoreError, match="the manifest is older than the file"):
        EventStore.open(folder, log_start=3, background=False)
    assert names_in(folder) == names
    # A log that still has the record makes the files dispensable.
    store = EventStore.open(folder, log_start=2, background=False)
    assert (store.position, store.count()) == (1, 5)
    store.append(2, columns(ROWS[5:]))
    assert store.count() == len(ROWS)
    store.close()


def test_a_log_that_begins_behind_the_store_is_refused(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    shutil.copytree(template, folder)
    with pytest.raises(EventStoreError, match="events are missing between them"):
        EventStore.open(folder, log_start=4, background=False)
    shutil.rmtree(folder)
    with pytest.raises(EventStoreError, match="restore it from a backup"):
        EventStore.open(folder, log_start=3, background=False)


@pytest.mark.parametrize("suffix", ["manifest", ".segment", ".documents"])
def test_a_newer_format_is_refused_before_anything_is_touched(template: Path, tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "events"
    shutil.copytree(template, folder)
    path = next(path for path in sorted(folder.iterdir()) if path.name.endswith(suffix))
    content = bytearray(path.read_bytes())
    content[8:12] = (2).to_bytes(4, "little")
    path.write_bytes(content)
    names = names_in(folder)
    with pytest.raises(EventStoreError, match="has format 2"):
        read_all(folder)
    assert names_in(folder) == names
