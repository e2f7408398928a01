"""From the committer's thread back to the requests that wait in an event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol

from eventkeep.ingest.committer import Delivery, Outcome

Result = Outcome | Exception


class Ticket(Protocol):
    """Who waits for what becomes of a submission, in the loop."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def settle(self, result: Result) -> None:
        """Learn it, in the loop's thread. It may not raise: others wait behind it."""
        ...


class FutureTicket:
    """The ticket of a request that waits for the future ``outcome``."""

    __slots__ = ("loop", "outcome")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Outcome] = self.loop.create_future()

    def settle(self, result: Result) -> None:
        # A request whose client went away is not waited for any more.
        if self.outcome.done():
            return
        if isinstance(result, Exception):
            self.outcome.set_exception(result)
        else:
            self.outcome.set_result(result)


def deliver(delivery: Delivery) -> None:
    """Take what became of a batch, in the committer's thread, to the loops that wait for it.

    One wake-up a batch and loop, not one a request.
    """
    loops = {ticket.loop for ticket, _ in delivery}
    for loop in loops:
        part = delivery if len(loops) == 1 else [each for each in delivery if each[0].loop is loop]
        # A loop that was closed has nobody left to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, part)


def settle(delivery: Delivery) -> None:
    """Tell the requests of a batch."""
    for ticket, result in delivery:
        ticket.settle(result)
