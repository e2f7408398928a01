"""The controlled state of each account."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from eventkeep.standin.faults import FaultRules
from eventkeep.standin.journal import Journal
from eventkeep.standin.seed import SeedAccount

JOURNAL_ACCOUNTS_MAX: Final = 250
"""Accounts that have a journal: those whose requests came last."""
STATES_MAX: Final = 10_000
"""Accounts that have fault rules or a seed of their own: those that were used last."""
SEEDS_BYTES_MAX: Final = 200_000_000
"""Bytes of all seeds that were loaded by requests, as JSON; the accounts that were used last keep theirs."""


class AccountState:
    """The fault rules of an account, and the seed that a reset loads again.

    ``size`` is that of the seed in bytes; 0 for a seed of the file, which is kept anyway.
    """

    __slots__ = ("faults", "seed", "size")

    def __init__(self, seed: SeedAccount | None = None, size: int = 0) -> None:
        self.faults = FaultRules()
        self.seed, self.size = seed or SeedAccount(), size


class AccountStates:
    """The state and the journal of each account, made when they are first asked for. Belongs to the loop's thread.

    The states of the accounts that were used least recently make room for others: such an account has no fault rules
    any more, and the seed of the file or none.
    """

    def __init__(self) -> None:
        self._states: OrderedDict[int, AccountState] = OrderedDict()
        self._of_file: dict[int, SeedAccount] = {}
        self._journals: OrderedDict[int, Journal] = OrderedDict()
        self._seed_bytes = 0

    def of(self, account: int) -> AccountState:
        state = self._states.get(account)
        if state is None:
            state = self._states[account] = AccountState(self._of_file.get(account))
            self._make_room()
        else:
            self._states.move_to_end(account)
        return state

    def keep_seed(self, account: int, seed: SeedAccount, is_of_file: bool = False) -> None:
        """Have resets load this seed from now on; the seeds of the file are never dropped."""
        state = self.of(account)
        size = 0 if is_of_file else len(msgspec.json.encode(seed))
        self._seed_bytes += size - state.size
        state.seed, state.size = seed, size
        if is_of_file:
            self._of_file[account] = seed
        self._make_room()

    def journal_of(self, account: int) -> Journal:
        """The journal; that of the account whose requests are the oldest makes room for it."""
        journal = self._journals.get(account)
        if journal is None:
            journal = self._journals[account] = Journal()
            if len(self._journals) > JOURNAL_ACCOUNTS_MAX:
                self._journals.popitem(last=False)
        self._journals.move_to_end(account)
        return journal

    def renew(self, old: int, new: int) -> None:
        """The account has a new number: it keeps its seed alone."""
        state = self._states.pop(old, None)
        self._journals.pop(old, None)
        if (of_file := self._of_file.pop(old, None)) is not None:
            self._of_file[new] = of_file
        if state is not None:
            self._states[new] = AccountState(state.seed, state.size)

    def _make_room(self) -> None:
        """Forget the states of the accounts that were used least recently, but not that of the last one."""
        while len(self._states) > 1 and (len(self._states) > STATES_MAX or self._seed_bytes > SEEDS_BYTES_MAX):
            _, forgotten = self._states.popitem(last=False)
            self._seed_bytes -= forgotten.size
