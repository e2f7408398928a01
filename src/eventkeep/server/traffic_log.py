"""Lines of the log for the person who looks at a server: a line for each refused request, and a summary a minute."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from eventkeep.clock import Clock
from eventkeep.errors import InvalidRequest, RequestRefused
from eventkeep.ingest.commit import CommitCounters
from eventkeep.limits import ECHO_CHARACTERS_MAX, REFUSALS_LOGGED_PER_SECOND_MAX, TRAFFIC_SUMMARY_SECONDS
from eventkeep.protocol.error_documents import PROBLEMS
from eventkeep.server.telemetry import Telemetry

logger = structlog.get_logger(__name__)

CLASS: Final = 100
"""Statuses of one class have the same hundreds."""


class TrafficLog:
    """Belongs to the loop's thread. A successful request costs nothing: summaries read counters that exist anyway."""

    def __init__(self, clock: Clock, telemetry: Telemetry, counters: CommitCounters) -> None:
        self._clock, self._telemetry, self._counters = clock, telemetry, counters
        self._second, self._logged, self._unlogged = -1, 0, 0
        self._told = self._figures()
        self._timer: asyncio.TimerHandle | None = None

    def refused(
        self, failure: Exception | None, method: str, path: str, operation: str, status: int, request_id: str
    ) -> None:
        """Log a request that was refused, unless there are too many of them."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._logged = second, 0
        if self._logged == REFUSALS_LOGGED_PER_SECOND_MAX:
            self._unlogged += 1
            return
        self._logged += 1
        told = {"not_logged_before": self._unlogged} if self._unlogged else {}
        self._unlogged = 0
        logger.info(
            "refused",
            status=status,
            method=method,
            path=path[:ECHO_CHARACTERS_MAX],
            operation=operation,
            **described(failure),
            **told,
            request_id=request_id,
        )

    def start(self) -> None:
        """Log a summary each minute from now on, if there are requests in it."""
        self._timer = asyncio.get_running_loop().call_later(TRAFFIC_SUMMARY_SECONDS, self._next)

    def stop(self) -> None:
        """Log a last summary."""
        if self._timer is not None:
            self._timer.cancel()
            self.tell()

    def tell(self) -> None:
        """Log the traffic since the last time, if there was any."""
        figures = self._figures()
        since = {name: value - self._told[name] for name, value in figures.items()}
        self._told = figures
        if since["requests"]:
            logger.info("traffic", **since)

    def _next(self) -> None:
        self.tell()
        self.start()

    def _figures(self) -> dict[str, int]:
        counts = self._telemetry.counts_by_status()
        return {
            "requests": sum(counts.values()),
            "refused": sum(count for status, count in counts.items() if status // CLASS == 4),
            "failed": sum(count for status, count in counts.items() if status // CLASS == 5),
            "events_stored": self._counters.events_stored,
            "events_repeated": self._counters.events_repeated,
        }


def described(failure: Exception | None) -> dict[str, str]:
    """The fields of a refusal in the log. Of a malformed request the place alone: details can repeat its values."""
    if not isinstance(failure, RequestRefused):
        return {}
    fault = failure.faults[0]
    code = fault.code or PROBLEMS[type(failure)].code
    place = fault.pointer or fault.parameter
    if isinstance(failure, InvalidRequest):
        return {"code": code, **({"place": place[:ECHO_CHARACTERS_MAX]} if place else {})}
    return {"code": code, "detail": fault.detail[:ECHO_CHARACTERS_MAX]}
