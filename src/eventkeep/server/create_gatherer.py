"""Gathers creates for the queue: those that arrive at about the same time are parsed in one call, in one commit.

A commit costs half a millisecond, whether it is of one event or of sixty.
"""

from __future__ import annotations

import asyncio

from eventkeep.clock import Clock
from eventkeep.errors import Unavailable
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.queue import QueuedCreates
from eventkeep.limits import GATHERED_BYTES_MAX, GATHERED_SINGLES_MAX, GATHERING_SECONDS_MAX
from eventkeep.server.admission import Admission
from eventkeep.server.pending_response import PendingResponse

Gathered = tuple[Admission, bytes, PendingResponse]


class CreateGatherer:
    """Queues bulk creates at once, and single ones together. Belongs to the loop's thread."""

    def __init__(self, committer: Committer, clock: Clock) -> None:
        self._committer, self._clock = committer, clock
        self._gathered: list[Gathered] = []
        self._gathered_bytes = 0
        self._gathering_until = 0.0

    def add(self, admission: Admission, body: bytes, pending: PendingResponse) -> None:
        """Have a create stored. ``pending`` gets the outcome, after this returned."""
        if admission.is_bulk:
            self._offer([(admission, body, pending)])
            return
        if self._gathered_bytes + len(body) > GATHERED_BYTES_MAX:
            self._hand_over()
        if not self._gathered:
            self._gathering_until = self._clock.monotonic() + GATHERING_SECONDS_MAX
            pending.loop.call_soon(self._hand_over_in_time, pending.loop, 1)
        self._gathered.append((admission, body, pending))
        self._gathered_bytes += len(body)
        if len(self._gathered) == GATHERED_SINGLES_MAX:
            self._hand_over()

    def _hand_over_in_time(self, loop: asyncio.AbstractEventLoop, seen: int) -> None:
        """Hand over once a turn of the loop has brought no more creates, or after a while."""
        if seen < len(self._gathered) and self._clock.monotonic() < self._gathering_until:
            loop.call_soon(self._hand_over_in_time, loop, len(self._gathered))
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        alike: dict[tuple[int, str], list[Gathered]] = {}
        for each in gathered:
            alike.setdefault((each[0].account, each[0].revision.date), []).append(each)
        for creates in alike.values():
            self._offer(creates)

    def _offer(self, creates: list[Gathered]) -> None:
        """Queue creates of one account, revision and kind."""
        admission = creates[0][0]
        tickets = [pending for _, _, pending in creates]
        try:
            self._committer.offer(
                QueuedCreates(
                    account=admission.account,
                    revision=admission.revision,
                    is_bulk=admission.is_bulk,
                    bodies=[body for _, body, _ in creates],
                    received_at=int(self._clock.now()),
                    tickets=tickets,
                )
            )
        except Unavailable as refusal:
            for pending in tickets:
                # A traceback would keep the bodies in memory until the garbage collector runs.
                pending.fail_soon(refusal.with_traceback(None))
