"""Clocks that tests control, one for each account."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from eventkeep.clock import Clock
from eventkeep.errors import InvalidRequest
from eventkeep.limits import CLOCK_RATE_MAX, CLOCK_SECONDS_MAX_CONTROLLED


class ClockSetting(msgspec.Struct, frozen=True):
    """A clock that showed ``shown`` when the system's clock showed ``real``, and runs ``rate`` times as fast.

    Times are in Unix seconds; a rate of 0 is a frozen clock.
    """

    shown: float
    real: float
    rate: float = 1.0

    def at(self, real: float) -> float:
        """The time that the clock shows when the system's clock shows ``real``."""
        return self.shown + (real - self.real) * self.rate


class ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request to change a clock; ``set`` is in Unix seconds, ``advance`` in seconds, and at most one is given."""

    set: float | None = None
    advance: float | None = None
    freeze: bool | None = None
    rate: Annotated[float, Meta(ge=0, le=CLOCK_RATE_MAX)] | None = None
    reset: bool = False


class AccountClocks:
    """The clock of each account; an account without a setting has the system's clock. Any thread may call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._settings: dict[int, ClockSetting] = {}
        self._lock = threading.Lock()

    def now(self, account: int) -> float:
        """Unix seconds on the account's clock."""
        real = self._clock.now()
        setting = self._settings.get(account)
        return real if setting is None else setting.at(real)

    def change(self, account: int, change: ClockChange) -> float:
        """Change the account's clock; returns its time. Raises InvalidRequest if the change contradicts itself."""
        if change.set is not None and change.advance is not None:
            raise InvalidRequest("Give 'set' or 'advance', not both.")
        if change.freeze and change.rate:
            raise InvalidRequest("A frozen clock has no rate: give 'freeze' or 'rate'.")
        with self._lock:
            real = self._clock.now()
            if change.reset:
                self._settings.pop(account, None)
            before = self._settings.get(account) or ClockSetting(real, real)
            shown = before.at(real) + (change.advance or 0.0) if change.set is None else change.set
            if not 0 <= shown <= CLOCK_SECONDS_MAX_CONTROLLED:
                raise InvalidRequest(f"The clock would show {shown:.0f}, which is out of range.")
            rate = before.rate
            if change.freeze is not None:
                rate = 0.0 if change.freeze else 1.0
            if change.rate is not None:
                rate = change.rate
            setting = ClockSetting(shown, real, rate)
            if change != ClockChange(reset=True):
                self._settings[account] = setting
            return setting.shown

    def state(self, account: int) -> dict[str, Any]:
        """The account's clock as a document."""
        setting = self._settings.get(account)
        rate = 1.0 if setting is None else setting.rate
        return {"now": self.now(account), "rate": rate, "frozen": rate == 0.0, "controlled": setting is not None}
