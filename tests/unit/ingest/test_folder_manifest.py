"""The manifest of a folder: parts of two folders, older parts together, and a newer format are noticed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from eventkeep.errors import StoreError
from eventkeep.ingest import folder_manifest
from eventkeep.ingest.folder_manifest import NAME, checksum_line, read_manifest
from eventkeep.ingest.repair import repair
from eventkeep.ingest.scrub import scrub_folder
from eventkeep.ingest.stores import Stores
from tests.faults.damages import keep


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was stopped twice, as ``older`` and as ``data``; ``copy`` goes on from ``older`` in another way."""
    base = tmp_path_factory.mktemp("made")
    fill(base / "data", 1)
    shutil.copytree(base / "data", base / "older")
    shutil.copytree(base / "data", base / "copy")
    fill(base / "data", 101)
    fill(base / "copy", 201)
    fill(base / "other", 1)
    fill(base / "other", 101)
    return base


def fill(folder: Path, first: int) -> None:
    stores = Stores.open(folder)
    for start in range(first, first + 30, 10):
        keep(stores, [], *range(start, start + 10))
    stores.close()


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "data", tmp_path / "data")
    return tmp_path / "data"


def refusal(folder: Path) -> str:
    """The reason why the folder is refused, which the check names too."""
    with pytest.raises(StoreError) as refused:
        Stores.open(folder)
    assert any(part.damage for part in scrub_folder(folder))
    return str(refused.value)


def put_back(folder: Path, source: Path, *names: str) -> None:
    for name in names:
        for path in folder.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in source.glob(name):
            target = folder / path.name
            shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target)


def test_manifest_is_a_lower_bound_and_is_written_when_the_folder_is_closed(folder: Path) -> None:
    stores = Stores.open(folder)
    last, checksum = stores.log.last, stores.log.last_checksum
    manifest = read_manifest(folder)
    assert manifest is not None
    assert (manifest.log, manifest.last, manifest.last_checksum) == (stores.log.identity, last, checksum)
    assert (manifest.directory, manifest.events) == (last, last)
    keep(stores, [], 500)
    assert read_manifest(folder) == manifest
    stores.close()
    after = read_manifest(folder)
    assert after is not None
    assert after.last == last + 1
    Stores.open(folder).close()


def test_everything_but_the_manifest_in_an_older_version_is_noticed(made: Path, folder: Path) -> None:
    put_back(folder, made / "older", "log", "directory.*", "events")
    assert "the folder had record 7 already" in refusal(folder)
    with pytest.raises(StoreError, match="the records are lost, and only a backup has them"):
        list(repair(folder))


@pytest.mark.parametrize("source", ["other", "copy"])
def test_event_store_of_another_folder_or_copy_is_noticed(made: Path, folder: Path, source: str) -> None:
    put_back(folder, made / source, "events")
    assert "the event store in" in refusal(folder)


@pytest.mark.parametrize("source", ["other", "copy"])
def test_log_and_directory_of_another_folder_or_copy_are_noticed(made: Path, folder: Path, source: str) -> None:
    put_back(folder, made / source, "log", "directory.*")
    words = {"other": "belongs to the folder", "copy": "has another record 7 than the folder had"}
    assert words[source] in refusal(folder)


def test_older_event_store_follows_the_log(made: Path, folder: Path) -> None:
    put_back(folder, made / "older", "events")
    stores = Stores.open(folder)
    assert stores.events.count() == 60
    stores.close()


def changed(folder: Path, change: Callable[[bytes], bytes]) -> None:
    path = folder / NAME
    path.write_bytes(change(path.read_bytes()))


def test_newer_format_is_refused_before_anything_is_touched(folder: Path) -> None:
    document = msgspec.json.encode({"format": folder_manifest.FORMAT + 1, "more": "fields"})
    (folder / NAME).write_bytes(document + checksum_line(document))
    (folder / "log" / "1.log.new").write_bytes(b"would be removed")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert "has format 2, made by a newer eventkeep" in refusal(folder)
    with pytest.raises(StoreError, match="made by a newer eventkeep"):
        list(repair(folder))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_every_damage_of_the_manifest_is_noticed_and_repaired(folder: Path) -> None:
    whole = (folder / NAME).read_bytes()
    for damaged in (b"", whole[:-1], whole[:20], whole + b"\n", b"{}", *(flipped(whole, n) for n in range(len(whole)))):
        (folder / NAME).write_bytes(damaged)
        with pytest.raises(StoreError, match=f"{NAME} is damaged"):
            Stores.open(folder)
    assert any("removed the manifest" in step for step in repair(folder))
    Stores.open(folder).close()


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_missing_manifest_is_written_anew(folder: Path) -> None:
    (folder / NAME).unlink()
    Stores.open(folder).close()
    assert read_manifest(folder) is not None
