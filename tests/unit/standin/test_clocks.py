"""Clocks of accounts: frozen, set, advanced, at a rate."""

from __future__ import annotations

from typing import Self

import pytest

from eventkeep.errors import InvalidRequest
from eventkeep.standin.clocks import AccountClocks, ClockChange


class Ticking:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def of(self, account: int) -> Self:
        return self


def test_two_accounts_have_two_clocks() -> None:
    real = Ticking()
    clocks = AccountClocks(real)
    clocks.change(1, ClockChange(set=5_000.0, freeze=True))
    clocks.change(2, ClockChange(advance=-100.0))
    real.time += 10
    assert (clocks.of(1).now(), clocks.of(2).now(), clocks.of(3).now()) == (5_000.0, 910.0, 1_010.0)
    clocks.change(1, ClockChange(advance=3.0))
    assert clocks.of(1).now() == 5_003.0


def test_a_rate_counts_from_the_change_on() -> None:
    real = Ticking()
    clocks = AccountClocks(real)
    clocks.change(1, ClockChange(rate=60.0))
    real.time += 2
    assert clocks.of(1).now() == 1_120.0
    clocks.change(1, ClockChange(freeze=True))
    real.time += 50
    assert clocks.of(1).now() == 1_120.0
    clocks.change(1, ClockChange(freeze=False))
    real.time += 1
    assert clocks.of(1).now() == 1_121.0
    clocks.change(1, ClockChange(reset=True))
    assert clocks.of(1).now() == real.time and clocks.state(1)["controlled"] is False


@pytest.mark.parametrize(
    "change",
    [
        ClockChange(set=1.0, advance=1.0),
        ClockChange(freeze=True, rate=2.0),
        ClockChange(set=-1.0),
        ClockChange(set=1e12),
    ],
)
def test_a_wrong_change_leaves_the_clock(change: ClockChange) -> None:
    clocks = AccountClocks(Ticking())
    with pytest.raises(InvalidRequest):
        clocks.change(1, change)
    assert clocks.of(1).now() == 1_000.0
