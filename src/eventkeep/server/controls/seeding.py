"""Loads seeds into accounts, and resets accounts to their seeds.

A reset deletes nothing: the account gets a new number, under which there is nothing yet, and its name and keys go
along. That takes one record, however much the account holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import structlog

from eventkeep.clock import microseconds
from eventkeep.directory import Account, Directory, Pending
from eventkeep.directory.changes import Change
from eventkeep.directory.metrics import metric_changes
from eventkeep.directory.scopes import parse_scopes
from eventkeep.errors import ConfigurationError, Fault, InvalidRequest
from eventkeep.ingest.edits import import_slice
from eventkeep.ingest.queue import QueuedChange, QueuedCreates
from eventkeep.protocol.creates.submissions import DEFAULT_SERVICE
from eventkeep.protocol.profiles.parsing import parse_import
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.controls.states import AccountStates
from eventkeep.server.notifications import FutureTicket
from eventkeep.server.services import Services
from eventkeep.standin.clocks import AccountClocks, ClockChange
from eventkeep.standin.seed import Seed, SeedAccount, bulk_bodies, events_of, moment, profile_data

logger = structlog.get_logger(__name__)


class Seeding:
    """Loads and resets. Belongs to the loop's thread."""

    def __init__(self, services: Services, clocks: AccountClocks, states: AccountStates) -> None:
        self._directory, self._committer = services.directory, services.committer
        self._clocks, self._states = clocks, states

    async def load_all(self, seed: Seed) -> None:
        """Load the accounts of a seed that are new or empty. Raises ConfigurationError, which names the place."""
        for each in seed.accounts:
            account = self._directory.accounts.find(each.name)
            if account is None:
                account = await self._change(partial(new_account, each.name))
            is_empty = not (
                self._directory.profiles.count(account.number) or self._directory.metrics.count(account.number)
            )
            try:
                if is_empty:
                    await self.load(account.number, each, is_of_file=True)
                else:
                    logger.info("the account is not empty, so its seed is not loaded", account=each.name)
                    self._set_clock(account.number, each)
                    self._states.keep_seed(account.number, each, is_of_file=True)
            except InvalidRequest as exc:
                raise ConfigurationError(f"--seed: the account {each.name!r}: {exc}") from exc

    async def load(self, account: int, seed: SeedAccount, is_of_file: bool = False) -> int:
        """Load a seed into an account, which keeps it for resets; returns the number of events.

        Raises ConfigurationError and InvalidRequest, which name the place.
        """
        self._set_clock(account, seed)
        await self._change(lambda directory: (self._beginning(directory, account, seed), None))
        events = await self._load_events(account, seed)
        self._states.keep_seed(account, seed, is_of_file)
        return events

    async def reset(self, number: int) -> tuple[Account, int]:
        """Empty an account and load its seed again; returns the account and the number of events."""
        seed = self._states.of(number).seed

        def make(directory: Directory) -> tuple[Sequence[Change], Account]:
            old = directory.accounts.by_number(number)
            if old is None:
                raise InvalidRequest("The account was reset meanwhile.")
            new, changes = directory.accounts.renewed(old)
            changes += directory.keys.moved(number, new.number)
            self._set_clock(new.number, seed)
            changes += self._beginning(directory, new.number, seed, moved_from=number)
            return changes, new

        account: Account = await self._change(make)
        # A look-up that began before the record was applied may have ended behind it, with the old number.
        self._directory.keys.forget(key.id for key in self._directory.keys.list(account.number))
        self._clocks.forget(number)
        self._states.renew(number, account.number)
        return account, await self._load_events(account.number, seed)

    def _set_clock(self, account: int, seed: SeedAccount) -> None:
        """Stop the account's clock at the moment of the seed. Raises ConfigurationError, which names the place."""
        if seed.clock is not None:
            at = moment(seed.clock, datetime.now(UTC), f"accounts.{seed.name}.clock")
            self._clocks.change(account, ClockChange(set=at, freeze=True))

    def _beginning(
        self, directory: Directory, account: int, seed: SeedAccount, moved_from: int | None = None
    ) -> list[Change]:
        """The keys, metrics and profiles of a seed, as changes."""
        changes: list[Change] = []
        for key in seed.keys:
            changes += directory.keys.fixed(account, key.key, parse_scopes(key.scopes), key.label, moved_from)
        pending = Pending()
        names = [(account, name, DEFAULT_SERVICE) for name in seed.metrics]
        directory.metrics.resolve(names, microseconds(self._clocks.of(account)), pending)
        changes += metric_changes(pending)
        if seed.profiles:
            edits = [parse_import(msgspec.json.encode(profile_data(each)), REVISIONS[-1]) for each in seed.profiles]
            made, imported = import_slice(account, edits, self._clocks)(directory)
            for place, result in enumerate(imported.results):
                if isinstance(result, Fault):
                    raise ConfigurationError(f"accounts.{seed.name}.profiles.{place}: {result.detail}")
            changes += made
        return changes

    async def _load_events(self, account: int, seed: SeedAccount) -> int:
        now = self._clocks.of(account).now()
        loaded = 0
        for events, body in bulk_bodies(events_of(seed, datetime.fromtimestamp(now, UTC))):
            ticket = FutureTicket()
            self._committer.offer(
                QueuedCreates(
                    account=account,
                    revision=REVISIONS[-1],
                    is_bulk=True,
                    bodies=[body],
                    received_at=int(now),
                    tickets=[ticket],
                )
            )
            await ticket.outcome
            loaded += events
        return loaded

    async def _change(self, make: Callable[[Directory], tuple[Sequence[Change], Any]]) -> Any:
        done: Future[Any] = Future()
        self._committer.offer(QueuedChange(make, done))
        return await asyncio.wrap_future(done)


def new_account(name: str, directory: Directory) -> tuple[Sequence[Change], Account]:
    account, change = directory.accounts.new(name)
    return [change], account
