"""Clocks that tests control, one for each account."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from eventkeep.clock import Clock
from eventkeep.errors import InvalidRequest
from eventkeep.limits import CLOCK_RATE_MAX, CLOCK_SECONDS_MAX_CONTROLLED


class SetClock:
    """A clock that showed ``shown`` when the clock behind it showed ``real``, and runs ``rate`` times as fast.

    Times are in Unix seconds; a rate of 0 is a frozen clock. Never changed.
    """

    __slots__ = ("_clock", "_real", "_shown", "rate")

    def __init__(self, clock: Clock, shown: float, real: float, rate: float) -> None:
        self._clock, self._shown, self._real, self.rate = clock, shown, real, rate

    def now(self) -> float:
        return self.at(self._clock.now())

    def monotonic(self) -> float:
        """Seconds on the clock behind it: waits are not shortened."""
        return self._clock.monotonic()

    def of(self, account: int) -> Self:
        return self

    def at(self, real: float) -> float:
        """The time that the clock shows when the one behind it shows ``real``."""
        return self._shown + (real - self._real) * self.rate


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of a clock; ``set`` is in Unix seconds or ISO 8601, ``advance`` in seconds, and at most one is given."""

    set: float | Annotated[datetime, Meta(tz=True)] | None = None
    advance: float | None = None
    freeze: bool | None = None
    rate: Annotated[float, Meta(ge=0, le=CLOCK_RATE_MAX)] | None = None
    reset: bool = False


class AccountClocks:
    """The clock of each account; an account without a setting has the clock behind them. Any thread may call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._set: dict[int, SetClock] = {}
        self._lock = threading.Lock()

    def now(self) -> float:
        """Unix seconds on the clock behind those of the accounts."""
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def of(self, account: int) -> Clock:
        """The account's clock as it is set now."""
        return self._set.get(account, self._clock)

    def change(self, account: int, change: ClockChange) -> None:
        """Change the account's clock. Raises InvalidRequest if the change contradicts itself."""
        if change.set is not None and change.advance is not None:
            raise InvalidRequest("Give 'set' or 'advance', not both.")
        if change.freeze and change.rate:
            raise InvalidRequest("A frozen clock has no rate: give 'freeze' or 'rate'.")
        with self._lock:
            real = self._clock.now()
            before = None if change.reset else self._set.get(account)
            before = before or SetClock(self._clock, real, real, 1.0)
            shown = before.at(real) + (change.advance or 0.0)
            if change.set is not None:
                shown = change.set.timestamp() if isinstance(change.set, datetime) else change.set
            if not 0 <= shown <= CLOCK_SECONDS_MAX_CONTROLLED:
                raise InvalidRequest(f"The clock would show {shown:.0f}, which is out of range.")
            rate = before.rate
            if change.freeze is not None:
                rate = 0.0 if change.freeze else 1.0
            if change.rate is not None:
                rate = change.rate
            if change == ClockChange(reset=True):
                self.forget(account)
            else:
                self._set[account] = SetClock(self._clock, shown, real, rate)

    def forget(self, account: int) -> None:
        """Give the account the clock behind it again."""
        self._set.pop(account, None)

    def state(self, account: int) -> dict[str, Any]:
        """The account's clock as a document."""
        clock = self._set.get(account)
        rate = 1.0 if clock is None else clock.rate
        now = self.of(account).now()
        return {"now": now, "rate": rate, "frozen": rate == 0.0, "controlled": clock is not None}
