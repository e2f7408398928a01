"""Commits while one operation of the disk fails; ``python -m tests.faults.commit_faults`` tries every one.

The scenario runs in one process, on file operations that fail on request: two stores one after the other, each with
some batches, a flush and a trim. Then the folder is opened without a fault: every acknowledged event must be there,
once, with its profile and metric.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from eventkeep.errors import StoreError, Unavailable
from eventkeep.events.selection import EventSelection
from eventkeep.files import Files
from eventkeep.ingest.committer import Committer, Delivery
from eventkeep.ingest.queue import QueuedCreates
from eventkeep.ingest.stores import Room, Stores
from eventkeep.protocol.revisions import REVISIONS
from tests.contract.api import single_body
from tests.unit.log.faulty_files import KINDS, FaultyFiles, Killed

NOW = 1_750_000_000


class StillClock:
    """A clock that goes on by ten seconds with every look, so that no failure is waited for."""

    def __init__(self) -> None:
        self._now = float(NOW)

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        self._now += 10
        return self._now

    def of(self, account: int) -> Self:
        return self


def queued(unique_id: str, ticket: Future[Any], email: str | None = None) -> QueuedCreates:
    """A single create, of a profile of its own unless there is an email."""
    body = single_body(unique_id=unique_id, profile={"email": email or f"{unique_id}@shop.example"}, value=1.5)
    return QueuedCreates(
        account=1,
        revision=REVISIONS[-1],
        is_bulk=False,
        bodies=[json.dumps(body).encode()],
        received_at=NOW,
        tickets=[ticket],
    )


class Shop:
    """Stores with a committer whose steps run in the caller's thread, one batch at a time."""

    def __init__(self, folder: Path, files: Files) -> None:
        clock = StillClock()
        self.folder = folder
        self.stores = Stores.open(folder, clock, files)
        self.failures: list[Exception] = []
        room = Room(folder, files, clock)
        self.committer = Committer(self.stores, clock, self._deliver, room, self.failures.append)

    def _deliver(self, delivery: Delivery) -> None:
        for ticket, result in delivery:
            ticket.set_result(result)

    def send(self, *unique_ids: str) -> list[bool]:
        """Whether each event was acknowledged."""
        futures: list[Future[Any]] = []
        for unique_id in unique_ids:
            futures.append(Future())
            self.committer.offer(queued(unique_id, futures[-1]))
        self.committer.run_once()
        return [not isinstance(future.result(timeout=10), Exception) for future in futures]

    def found(self) -> Counter[str]:
        """The unique ids of all events; each has its profile and its metric."""
        directory, events = self.stores.directory, self.stores.events
        found: Counter[str] = Counter()
        for event in events.page(EventSelection(account=1, count=1_000)):
            found[event.unique_id] += 1
            profile = directory.profiles.by_numbers(1, [event.profile])[event.profile]
            assert profile.email == f"{event.unique_id}@shop.example"
            metric = directory.metrics.by_numbers(1, [event.metric])[event.metric]
            assert (metric.name, metric.has_value) == ("Order", True)
        return found


def run_scenario(folder: Path, files: FaultyFiles, acknowledged: set[str], sent: set[str]) -> None:
    """Two servers one after the other, each with some batches, a flush and a trim; a refused batch is sent again."""
    try:
        for part in "ab":
            try:
                shop = Shop(folder, files)
            except StoreError:
                continue
            try:
                for number in range(3):
                    batch = [f"{part}{number}-{place}" for place in range(number + 1)]
                    send(shop, batch, acknowledged, sent)
                    send(shop, batch, acknowledged, sent)
                    if number == 1:
                        flush(shop)
                if shop.failures:
                    return
            finally:
                if not files.is_dead:
                    shop.committer.stop()
                    shop.stores.close()
    except Killed:
        return


def send(shop: Shop, batch: list[str], acknowledged: set[str], sent: set[str]) -> None:
    sent.update(batch)
    try:
        kept = shop.send(*batch)
    except Unavailable:
        return
    acknowledged.update(unique_id for unique_id, is_kept in zip(batch, kept, strict=True) if is_kept)


def flush(shop: Shop) -> None:
    try:
        shop.stores.events.flush()
        shop.stores.trim()
    except StoreError:
        return


def run_with_fault(folder: Path, fails_at: int, kind: str) -> bool:
    """Run the scenario on a new folder, and check it; returns whether there was an operation with this number."""
    files = FaultyFiles(fails_at, kind)
    acknowledged: set[str] = set()
    sent: set[str] = set()
    run_scenario(folder, files, acknowledged, sent)
    shop = Shop(folder, Files())
    found = shop.found()
    assert acknowledged <= found.keys() <= sent, (fails_at, kind)
    assert set(found.values()) <= {1}, (fails_at, kind)
    if sent:
        assert all(shop.send(*sorted(sent))), (fails_at, kind)
    assert shop.found() == dict.fromkeys(sent, 1), (fails_at, kind)
    shop.stores.close()
    shutil.rmtree(folder)
    return bool(files.failed)


def main() -> None:
    """Fail every operation in every way."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            fails_at = 0
            while run_with_fault(Path(folder, "data"), fails_at, kind):
                fails_at += 1
            print(f"{kind}: {fails_at} operations failed, one in each run; nothing was lost")


if __name__ == "__main__":
    main()
