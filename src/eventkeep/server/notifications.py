"""From the threads of the commit back to the requests that wait in the event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from eventkeep.ingest.commit import Delivery


class FutureTicket:
    """The ticket of a coroutine, which waits for the future ``outcome``: of a create, or of a read."""

    __slots__ = ("loop", "outcome")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Any] = self.loop.create_future()

    def settle(self, result: Any) -> None:
        """Give it a result, or an exception to raise."""
        # The client may have gone away.
        if self.outcome.done():
            return
        if isinstance(result, BaseException):
            self.outcome.set_exception(result)
        else:
            self.outcome.set_result(result)


def deliver(delivery: Delivery) -> None:
    """Deliver the outcomes of a batch, from any thread, to the loops that wait for them.

    A loop is woken once for a batch, not once for a request.
    """
    loops = {ticket.loop for ticket, _ in delivery}
    for loop in loops:
        part = delivery if len(loops) == 1 else [each for each in delivery if each[0].loop is loop]
        # A closed loop has no requests left.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, part)


def settle(delivery: Delivery) -> None:
    for ticket, result in delivery:
        ticket.settle(result)
