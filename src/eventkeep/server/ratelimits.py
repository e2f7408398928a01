"""Rate limits as the hosted service has them: fixed windows of a second and of a minute.

They count per account and operation. The windows follow the wall clock, so that several
processes that share the counts agree on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from eventkeep.config import RateLimit
from eventkeep.errors import Throttled

BURST_SECONDS: Final = 1
STEADY_SECONDS: Final = 60


class Window(msgspec.Struct):
    """The calls counted in the current second and the current minute."""

    second: int = -1
    in_second: int = 0
    minute: int = -1
    in_minute: int = 0


class RateLimits:
    """Counts the calls of every account and operation; None as the table means no limits."""

    def __init__(self, table: Mapping[str, RateLimit] | None) -> None:
        self._table = dict(table or {})
        self._windows: dict[tuple[int, str], Window] = {}
        self._headers = {
            name: f"{limit.burst}, {limit.burst};w={BURST_SECONDS}, {limit.steady};w={STEADY_SECONDS}"
            for name, limit in self._table.items()
        }

    def take(self, account: int, operation: str, now: float, limit_name: str | None = None) -> str:
        """Count one call at ``now`` (Unix seconds). Returns the headers of a success, in their final form.

        ``limit_name`` names the limit in the table if it is not the operation's name. The calls of an operation are
        counted together, whichever limit holds. Raises Throttled, and counts nothing, if either window is full.
        """
        limit_name = limit_name or operation
        limit = self._table.get(limit_name)
        if limit is None:
            return ""
        remaining, reset = self._count(limit, account, operation, now)
        return (
            f"ratelimit-limit: {self._headers[limit_name]}\r\n"
            f"ratelimit-remaining: {remaining}\r\nratelimit-reset: {reset}\r\n"
        )

    def _count(self, limit: RateLimit, account: int, operation: str, now: float) -> tuple[int, int]:
        """The calls left in the second, and the seconds until the next one."""
        window = self._windows.get((account, operation))
        if window is None:
            window = self._windows[account, operation] = Window()
        second, minute = int(now), int(now) // STEADY_SECONDS
        if window.second != second:
            window.second, window.in_second = second, 0
        if window.minute != minute:
            window.minute, window.in_minute = minute, 0
        if window.in_minute >= limit.steady:
            raise throttled((minute + 1) * STEADY_SECONDS - now)
        if window.in_second >= limit.burst:
            raise throttled(second + BURST_SECONDS - now)
        window.in_second += 1
        window.in_minute += 1
        return max(0, limit.burst - window.in_second), int(second + BURST_SECONDS - now)


def throttled(wait_seconds: float) -> Throttled:
    """The refusal in the service's words, its wait rounded up to whole seconds."""
    seconds = max(1, math.ceil(wait_seconds))
    unit = "second" if seconds == 1 else "seconds"
    return Throttled(f"Request was throttled. Expected available in {seconds} {unit}.", seconds)
