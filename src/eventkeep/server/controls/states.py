"""The controlled state of each account."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from eventkeep.standin.faults import FaultRules
from eventkeep.standin.journal import Journal
from eventkeep.standin.seed import SeedAccount

JOURNAL_ACCOUNTS_MAX: Final = 250
"""Accounts that have a journal: those whose requests came last."""


class AccountState:
    """The fault rules of an account, and the seed that a reset loads again."""

    __slots__ = ("faults", "seed")

    def __init__(self, seed: SeedAccount | None = None) -> None:
        self.faults = FaultRules()
        self.seed = seed or SeedAccount()


class AccountStates:
    """The state and the journal of each account, made when they are first asked for. Belongs to the loop's thread."""

    def __init__(self) -> None:
        self._states: dict[int, AccountState] = {}
        self._journals: OrderedDict[int, Journal] = OrderedDict()

    def of(self, account: int) -> AccountState:
        state = self._states.get(account)
        if state is None:
            state = self._states[account] = AccountState()
        return state

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
        if state is not None:
            self._states[new] = AccountState(state.seed)
