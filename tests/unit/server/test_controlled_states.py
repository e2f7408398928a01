"""The states of accounts are bounded: the accounts that were used least recently lose theirs first."""

from __future__ import annotations

import pytest

from eventkeep.server.controls import states as states_module
from eventkeep.server.controls.states import AccountStates
from eventkeep.standin.faults import Effect, Kind, Rule
from eventkeep.standin.seed import SeedAccount

RULE = Rule(effect=Effect(kind=Kind.EMPTY))


def seed_of(account: int) -> SeedAccount:
    return SeedAccount(name=f"account {account}", metrics=("x" * 100,))


def test_accounts_that_were_used_least_recently_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states_module, "STATES_MAX", 3)
    states = AccountStates()
    for account in (1, 2, 3):
        states.of(account).faults.add([RULE], 0.0)
        states.keep_seed(account, seed_of(account))
    states.of(1)
    states.of(4)
    assert states.of(1).seed == seed_of(1) and states.of(1).faults.listed(0.0)
    assert states.of(3).seed == seed_of(3)
    assert states.of(2).seed == SeedAccount() and not states.of(2).faults.listed(0.0)


def test_large_seeds_make_room_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states_module, "SEEDS_BYTES_MAX", 300)
    states = AccountStates()
    for account in (1, 2, 3):
        states.keep_seed(account, seed_of(account))
    kept = [account for account in (3, 2, 1) if states.of(account).seed == seed_of(account)]
    assert kept == [3, 2]
    # A seed in the place of another of the same account takes no further room.
    for _ in range(10):
        states.keep_seed(3, seed_of(3))
    assert states.of(2).seed == seed_of(2)


def test_seeds_of_the_file_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states_module, "STATES_MAX", 2)
    states = AccountStates()
    states.keep_seed(1, seed_of(1), is_of_file=True)
    states.renew(1, 7)
    for account in (2, 3, 4):
        states.of(account)
    assert states.of(7).seed == seed_of(1)
