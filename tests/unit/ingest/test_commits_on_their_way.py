"""Commits that are resolved while the one before is still written: they see its changes, and no others."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from eventkeep.files import Files
from eventkeep.ingest.committer import Outcome
from eventkeep.ingest.queue import CreateQueue
from eventkeep.log.record import EncodedRecord
from eventkeep.log.transport import AppendResult
from eventkeep.log.transport import Outcome as AppendOutcome
from tests.faults.commit_faults import Shop, queued


class BusyQueue(CreateQueue):
    """A queue in which something seems to wait, so that each record is written while the next batch is resolved."""

    is_busy = True

    @property
    def has_items(self) -> bool:
        return self.is_busy or super().has_items


class BusyShop(Shop):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Files())
        self.committer.queue = BusyQueue()

    def begin(self, *unique_ids: str, email: str | None = None) -> list[Future[Any]]:
        """Have a batch resolved and sent on its way."""
        futures: list[Future[Any]] = [Future() for _ in unique_ids]
        for unique_id, future in zip(unique_ids, futures, strict=True):
            self.committer.offer(queued(unique_id, future, email))
        self.committer.run_once()
        return futures

    def finish(self) -> None:
        self.committer._advance(None)


@pytest.fixture
def shop(tmp_path: Path) -> BusyShop:
    return BusyShop(tmp_path / "data")


def test_profile_and_metric_of_a_commit_on_its_way_are_found(shop: BusyShop) -> None:
    futures = [*shop.begin("a", email="same@shop.example"), *shop.begin("b", email="same@shop.example")]
    assert not futures[1].done()
    shop.finish()
    assert [future.result(1) for future in futures] == [Outcome(1, 0)] * 2
    (profile,) = shop.stores.directory.profiles.list(1)
    (metric,) = shop.stores.directory.metrics.list(1)
    assert (profile.email, metric.has_value) == ("same@shop.example", True)


def test_duplicate_of_an_event_on_its_way_is_none_and_waits_for_it(shop: BusyShop) -> None:
    first, again = shop.begin("a"), shop.begin("a")
    assert [future.result(1) for future in (*first, *again)] == [Outcome(1, 0), Outcome(0, 1)]
    shop.finish()
    assert shop.stores.events.count() == 1


def test_many_batches_end_as_one_after_the_other_would(shop: BusyShop) -> None:
    futures = [future for number in range(20) for future in shop.begin(f"{number}", f"{number // 2}")]
    shop.finish()
    assert sum(future.result(1).stored for future in futures) == 20
    assert shop.stores.events.count() == 20
    assert shop.stores.directory.position == shop.stores.events.position == shop.stores.log.last


def test_commit_behind_one_that_fails_is_resolved_again(shop: BusyShop, monkeypatch: pytest.MonkeyPatch) -> None:
    append, failures = shop.stores.log.append, iter([True])

    def failing(record: EncodedRecord) -> AppendResult:
        if next(failures, False):
            return AppendResult(AppendOutcome.REFUSED, "made to fail")
        return append(record)

    monkeypatch.setattr(shop.stores.log, "append", failing)
    lost = shop.begin("lost", email="same@shop.example")
    kept = shop.begin("kept", "lost", email="same@shop.example")
    shop.finish()
    assert isinstance(lost[0].result(1), Exception)
    assert [future.result(1) for future in kept] == [Outcome(1, 0)] * 2
    (profile,) = shop.stores.directory.profiles.list(1)
    assert profile.email == "same@shop.example"
    assert shop.stores.events.count() == 2


def test_record_that_can_not_be_applied_breaks_the_committer(shop: BusyShop, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(shop.stores.events, "append", failing)
        lost = [*shop.begin("a"), *shop.begin("b")]
        shop.finish()
    assert all(isinstance(future.result(1), Exception) for future in lost)
    assert len(shop.failures) == 1
    assert not shop.committer.is_ready
    late = shop.begin("c")
    assert isinstance(late[0].result(1), Exception)
    folder = shop.folder
    shop.stores.close()
    again = Shop(folder, Files())
    assert again.found() == {"a": 1, "b": 1}
    assert again.send("a", "b", "c") == [True] * 3
    assert again.found() == {"a": 1, "b": 1, "c": 1}
    again.stores.close()
