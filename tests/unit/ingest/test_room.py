"""A disk that is nearly full: creates and changes are refused before a store can be harmed, and reads go on."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from eventkeep.directory import Directory
from eventkeep.directory.changes import Change
from eventkeep.errors import Unavailable
from eventkeep.files import Files
from eventkeep.ingest.queue import QueuedChange
from tests.faults.commit_faults import Shop


class FullDisk(Files):
    """A disk with one free byte, until there is room."""

    has_room = False

    def free_bytes(self, path: Path) -> int:
        return super().free_bytes(path) if self.has_room else 1


def new_account(directory: Directory) -> tuple[list[Change], str]:
    _, change = directory.accounts.new("second")
    return [change], "made"


def change(shop: Shop, make: Any) -> Future[Any]:
    done: Future[Any] = Future()
    shop.committer.offer(QueuedChange(make, done))
    shop.committer.run_once()
    return done


def test_nearly_full_disk_refuses_creates_and_changes(tmp_path: Path) -> None:
    files = FullDisk()
    shop = Shop(tmp_path / "data", files)
    last = shop.stores.log.last
    assert shop.send("event") == [False]
    with pytest.raises(Unavailable, match=r"1 bytes left, and .* are kept in reserve"):
        change(shop, new_account).result(1)
    assert shop.stores.log.last == last
    assert not shop.committer.is_ready
    # What changes nothing goes on: reads, and the trimming of the log, which makes room.
    assert change(shop, lambda directory: ([], len(directory.accounts.list()))).result(1) == 1
    files.has_room = True
    assert shop.send("event") == [True]
    assert change(shop, new_account).result(1) == "made"
    shop.committer.stop()
    shop.stores.close()
