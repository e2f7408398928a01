"""Two shards in one process, with logs in folders: an account is moved between them, and each step can be the last."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eventkeep.clock import SystemClock
from eventkeep.directory import Directory
from eventkeep.directory.account_rows import COPIED, TAKEN
from eventkeep.errors import Unavailable
from eventkeep.events.selection import EventSelection
from eventkeep.files import Files
from eventkeep.ingest.committer import Committer, Delivery
from eventkeep.ingest.queue import QueuedCreates
from eventkeep.ingest.stores import Room, Stores
from eventkeep.log.file_log import FileLog
from eventkeep.log.transport import KEPT
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.arrivals import Arrivals
from eventkeep.server.control import ControlRequest, make_change
from eventkeep.server.departures import Departures
from eventkeep.server.move_messages import MoveMessage, MoveReport, decode_message, encode_message
from eventkeep.server.node_routes import report_of
from tests.contract.api import single_body

NAME = "shop"
NOW = 1_750_000_000


class Killed(BaseException):
    """Ends everything that a node does, as the end of its process would."""


class Faults:
    """Counts steps, and ends the one with the number ``fails_at``: before it is done, or behind it."""

    def __init__(self, fails_at: int | None = None, is_done: bool = False) -> None:
        self._fails_at, self._is_done = fails_at, is_done
        self.steps = 0

    def step(self, act: Callable[[], Any]) -> Any:
        self.steps += 1
        fails = self.steps - 1 == self._fails_at
        if fails and not self._is_done:
            raise Killed
        result = act()
        if fails:
            raise Killed
        return result


class FaultyCommitter(Committer):
    """A committer whose steps of moves may fail."""

    faults = Faults()

    def move(self, make: Any, size: int = 0) -> Any:
        def act() -> Any:
            return super(FaultyCommitter, self).move(make, size)

        return self.faults.step(act)


class Shard:
    """One shard, whose node always leads."""

    def __init__(self, folder: Path, number: int, secret: str = "") -> None:
        clock = SystemClock()
        self.number = number
        self.stores = Stores.open(folder / f"{number}", replicated=FileLog.open(folder / f"log {number}"))
        assert self.stores.keep(self.stores.directory.first_changes(number, secret)) == KEPT
        room = Room(folder, Files(), clock)
        self.committer = FaultyCommitter(self.stores, clock, deliver, room, lambda _failure: None)
        self.committer.start()
        self.arrivals = Arrivals(self.stores, self.committer)

    def close(self) -> None:
        self.committer.stop()
        self.stores.close()

    @property
    def directory(self) -> Directory:
        return self.stores.directory

    def create(self, account: int, unique_id: str, email: str = "") -> bool:
        """Store an event, of a profile of its own if there is no email; returns whether it was acknowledged."""
        profile = {"email": email or f"{unique_id}@shop.example"}
        body = single_body(unique_id=unique_id, profile=profile, value=1.5)
        done: Future[Any] = Future()
        self.committer.offer(
            QueuedCreates(
                account=account,
                revision=REVISIONS[-1],
                is_bulk=False,
                bodies=[json.dumps(body).encode()],
                received_at=NOW + len(unique_id),
                tickets=[done],
            )
        )
        return not isinstance(done.result(10), Exception)

    def make_key(self, name: str) -> str:
        request = ControlRequest("create_key", name, ["full"])
        return self.committer.change(lambda directory: make_change(request, directory)).key

    def contents(self, account: int) -> list[Any]:
        """All rows and events of an account."""
        rows = [self.directory.rows_of(table, account, (), 10_000) for table in (*COPIED, *TAKEN)]
        return [rows, self.stores.events.page(EventSelection(account=account, count=10_000))]

    def unique_ids(self, account: int) -> list[str]:
        return [event.unique_id for event in self.stores.events.page(EventSelection(account=account, count=10_000))]


class TwoShards:
    """Shard 0, with an account, and shard 1. ``faults`` are those of the messages and of the records of moves."""

    def __init__(self, folder: Path) -> None:
        zero = Shard(folder, 0)
        one = Shard(folder, 1, zero.directory.secret.hex())
        self.shards = {0: zero, 1: one}
        self.faults = Faults()
        self.on_message: Callable[[MoveMessage], None] = lambda _message: None
        self.key = zero.make_key(NAME)
        found = zero.directory.accounts.find(NAME)
        assert found is not None
        self.account = found.number
        self.restart()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for shard in self.shards.values():
            shard.close()

    def restart(self) -> None:
        """Have nodes lead that know nothing but their stores."""
        self.departures = {
            number: Departures(Wire(self, number), shard.stores, shard.committer, lambda: True)  # type: ignore[arg-type]
            for number, shard in self.shards.items()
        }

    def inject(self, faults: Faults) -> None:
        self.faults = faults
        for shard in self.shards.values():
            shard.committer.faults = faults

    def deliver(self, shard: int, message: MoveMessage) -> MoveReport:
        return report_of(message, self.shards[shard].arrivals, self.departures[shard])

    def go_on(self, steps: int = 10) -> None:
        """Have both leaders do what they can, several times."""
        for _ in range(steps):
            for departures in self.departures.values():
                with suppress(Killed):
                    departures.go_on()

    def home(self) -> int:
        """The shard in which the account lives, as both shards say."""
        homes = [shard.directory.moves.home(self.account) for shard in self.shards.values()]
        return max(home for home in homes if home is not None).shard

    def create(self, unique_id: str, email: str = "") -> bool:
        """Store an event in the shard in which the account lives."""
        return self.shards[self.home()].create(self.account, unique_id, email)


class Wire:
    """Messages from one shard to the others, as the nodes send them."""

    def __init__(self, shards: TwoShards, own: int) -> None:
        self._shards, self._own = shards, own

    @property
    def others(self) -> Collection[int]:
        return self._shards.shards.keys() - {self._own}

    def close(self) -> None:
        pass

    def send(self, shard: int, message: MoveMessage) -> MoveReport:
        self._shards.on_message(message)
        sent = decode_message(encode_message(message))
        try:
            report: MoveReport = self._shards.faults.step(lambda: self._shards.deliver(shard, sent))
        except Killed as exc:
            # The connection is lost; whether the message has come is not known.
            raise Unavailable("the connection was lost", 1) from exc
        return report


def deliver(delivery: Delivery) -> None:
    for ticket, result in delivery:
        ticket.set_result(result)
