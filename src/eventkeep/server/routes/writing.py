"""Writes of several families of routes: queue an edit or a job, and wait for its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from eventkeep.ingest.committer import Outcome
from eventkeep.ingest.edits import Make
from eventkeep.ingest.queue import QueuedChange, QueuedCreates
from eventkeep.limits import PARSED_IN_LOOP_BYTES_MAX, PARSER_THREADS
from eventkeep.model.submission import Submission
from eventkeep.protocol.revisions import Revision
from eventkeep.server.notifications import FutureTicket
from eventkeep.server.services import Services

Parsed = TypeVar("Parsed")


class Writing:
    """Hands changes to the committer. Large bodies are parsed in threads of its own. One event loop's."""

    def __init__(self, services: Services) -> None:
        self._committer, self.clock = services.committer, services.clock
        self._threads = ThreadPoolExecutor(PARSER_THREADS, thread_name_prefix="parse profiles")
        services.before_close(self._threads.shutdown)

    def now_us(self, account: int) -> int:
        """Unix microseconds on the account's clock."""
        return int(self.clock.of(account).now() * 1_000_000)

    async def parse(self, body: bytes, parse: Callable[[], Parsed]) -> Parsed:
        """The result of ``parse``, called here for a small body and in a thread for a large one."""
        if len(body) <= PARSED_IN_LOOP_BYTES_MAX:
            return parse()
        ticket = FutureTicket()
        return await ticket.loop.run_in_executor(self._threads, parse)

    async def change(self, make: Make, size: int) -> Any:
        """Return the result of a queued change. ``size`` is about the bytes that it takes. Raises RequestRefused."""
        done: Future[Any] = Future()
        self._committer.offer(QueuedChange(make, done, events=1, bytes=size))
        # A request that is given up must not cancel a change that the commit thread is about to make.
        return await asyncio.shield(asyncio.wrap_future(done))

    async def create(self, account: int, revision: Revision, submission: Submission, body: bytes) -> Outcome:
        """The outcome of a submission that was made here. Raises RequestRefused."""
        ticket = FutureTicket()
        try:
            self._committer.offer(
                QueuedCreates(
                    account=account,
                    revision=revision,
                    is_bulk=True,
                    bodies=[body],
                    received_at=int(self.clock.of(account).now()),
                    tickets=[ticket],
                    submission=submission,
                )
            )
            outcome: Outcome = await ticket.outcome
            return outcome
        finally:
            del ticket
