"""Rate limits whose windows follow the clocks of the accounts."""

from __future__ import annotations

from collections.abc import Mapping

from eventkeep.clock import Clock
from eventkeep.config import RateLimit
from eventkeep.server.ratelimits import RateLimits


class AccountRateLimits(RateLimits):
    """Counts each account's calls by its own clock."""

    def __init__(self, table: Mapping[str, RateLimit] | None, clock: Clock) -> None:
        super().__init__(table)
        self._clock = clock

    def take(self, account: int, operation: str, now: float, limit_name: str | None = None) -> str:
        """Count one call at the account's time; ``now`` is the time of the clock behind it."""
        return super().take(account, operation, self._clock.of(account).now(), limit_name)
