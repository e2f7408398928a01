"""Stores that follow a log which is given to them, and the turns of the process that appends to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eventkeep.clock import SystemClock
from eventkeep.directory import DEFAULT_ACCOUNT, Pending
from eventkeep.directory.changes import Change
from eventkeep.directory.metrics import metric_changes
from eventkeep.directory.profiles import resolution_changes
from eventkeep.directory.reader import applied_position, followed_log
from eventkeep.errors import StoreError, Unavailable
from eventkeep.files import Files
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.scrub import scrub_folder
from eventkeep.ingest.stores import Room, Stores
from eventkeep.log.file_log import FileLog
from eventkeep.log.transport import KEPT, AppendResult, Outcome
from eventkeep.model.profile_write import ProfileWrite


class OneTurn:
    """A turn that a test gives and takes."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.is_held = False
        self.failures: list[AppendResult] = []

    def begin(self) -> str | None:
        self.is_held = self.is_held or self.reason is None
        return self.reason

    def end(self) -> None:
        self.is_held = False

    def append_failed(self, result: AppendResult) -> None:
        self.failures.append(result)


@pytest.fixture
def log(tmp_path: Path) -> FileLog:
    """Stands for a log on other machines; the stores close it."""
    return FileLog.open(tmp_path / "elsewhere")


@pytest.fixture
def leading(tmp_path: Path, log: FileLog) -> Iterator[Stores]:
    with closing(Stores.open(tmp_path / "leader", replicated=log)) as stores:
        assert stores.keep(stores.directory.first_changes()) == KEPT
        yield stores


def add_account(stores: Stores, name: str) -> None:
    _, change = stores.directory.accounts.new(name)
    assert stores.keep([change]) == KEPT


def committer(stores: Stores, folder: Path, turn: OneTurn) -> Committer:
    clock = SystemClock()

    def ignore(_: Any) -> None:
        pass

    return Committer(stores, clock, ignore, Room(folder, Files(), clock), ignore, turn=turn)


def test_nothing_is_appended_while_the_stores_are_opened(tmp_path: Path, log: FileLog) -> None:
    with closing(Stores.open(tmp_path / "node", replicated=log)) as stores:
        assert (stores.log.last, stores.directory.position) == (0, 0)


def test_a_follower_has_what_the_leader_has(tmp_path: Path, leading: Stores) -> None:
    add_account(leading, "a shop")
    with closing(Stores.open(tmp_path / "follower", replicated=FileLog.open(tmp_path / "other"))) as follower:
        # A directory of another log refuses its records by the chain of the transport; here only applying is looked at.
        follower.apply(list(leading.log.read(1)))
        assert follower.directory.progress == leading.directory.progress
        assert follower.events.position == leading.events.position
        assert [each.name for each in follower.directory.accounts.list()] == [DEFAULT_ACCOUNT, "a shop"]
        assert follower.directory.secret == leading.directory.secret
        follower.apply(list(leading.log.read(1)))
        assert follower.directory.progress == leading.directory.progress


def test_a_node_that_leads_again_uses_no_number_of_the_leader_before(tmp_path: Path, leading: Stores) -> None:
    with closing(Stores.open(tmp_path / "again", replicated=FileLog.open(tmp_path / "other"))) as again:
        again.apply(list(leading.log.read(1)))
        # It led, and its last commits were not kept.
        assert new_profile(again, "lost@example.com")[:2] == (1, 1)
        for email in ("one@example.com", "two@example.com"):
            _, _, changes = new_profile(leading, email)
            assert leading.keep(changes) == KEPT
        again.apply(list(leading.log.read(again.directory.position + 1)))
        assert new_profile(again, "three@example.com")[:2] == (3, 3)


def new_profile(stores: Stores, email: str) -> tuple[int, int, list[Change]]:
    """The numbers that a new profile and a new metric of the account 1 get, and the changes that make them."""
    pending, profiles = Pending(), stores.directory.profiles
    writes = [ProfileWrite(email=email)]
    resolution = profiles.load_identities(1, writes, pending)
    (number,) = resolution.apply(writes, 1_000_000, ["/"]).numbers
    name = (1, email, "API")
    metrics = stores.directory.metrics.resolve([name], 1_000_000, pending).found
    return number, metrics[name].number, [*resolution_changes(resolution, pending), *metric_changes(pending)]


def test_a_folder_follows_one_kind_of_log(tmp_path: Path, leading: Stores) -> None:
    with pytest.raises(StoreError, match="start the server with --log"):
        Stores.open(tmp_path / "leader")
    Stores.open(tmp_path / "own").close()
    with pytest.raises(StoreError, match="has a log of its own"):
        Stores.open(tmp_path / "own", replicated=FileLog.open(tmp_path / "third"))


def test_the_folder_of_a_node_can_be_checked_without_its_log(tmp_path: Path, log: FileLog) -> None:
    stores = Stores.open(tmp_path / "node", replicated=log)
    stores.keep(stores.directory.first_changes())
    identity = log.identity
    stores.close()
    assert (applied_position(tmp_path / "node"), followed_log(tmp_path / "node")) == (1, identity)
    found = list(scrub_folder(tmp_path / "node"))
    assert [each.damage for each in found] == [None, None]


def test_a_change_without_a_turn_is_refused(tmp_path: Path, leading: Stores) -> None:
    turn = OneTurn()
    turn.reason = "another node leads"
    commit = committer(leading, tmp_path, turn)
    commit.start()
    try:
        with pytest.raises(Unavailable, match="another node leads"):
            commit.change(lambda directory: ([directory.accounts.new("a shop")[1]], None))
        with pytest.raises(Unavailable):
            commit.call(lambda: None)
        assert not turn.is_held
        turn.reason = None
        commit.change(lambda directory: ([directory.accounts.new("a shop")[1]], None))
    finally:
        commit.stop()
    assert not turn.is_held
    assert leading.directory.accounts.find("a shop") is not None


def test_an_append_that_fails_is_told(tmp_path: Path, leading: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = OneTurn()
    lost = AppendResult(Outcome.UNKNOWN, "nobody responds")
    monkeypatch.setattr(leading.log, "append", lambda _record: lost)
    commit = committer(leading, tmp_path, turn)
    commit.start()
    try:
        with pytest.raises(Unavailable, match="nobody responds"):
            commit.change(lambda directory: ([directory.accounts.new("a shop")[1]], None))
    finally:
        commit.stop()
    assert turn.failures == [lost]
    assert commit.queue.events == 0
    assert leading.directory.accounts.find("a shop") is None
