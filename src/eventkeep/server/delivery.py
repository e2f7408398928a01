"""From the committer's thread back to the requests that wait in an event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from eventkeep.errors import RequestRefused
from eventkeep.ingest.committer import Delivery


def deliver(delivery: Delivery) -> None:
    """Take what became of a batch, in the committer's thread, to the loops that wait for it.

    One wake-up a batch and loop, not one a request.
    """
    by_loop: dict[asyncio.AbstractEventLoop, Delivery] = {}
    for ticket, result in delivery:
        by_loop.setdefault(ticket.get_loop(), []).append((ticket, result))
    for loop, part in by_loop.items():
        # A loop that was closed has nobody left to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, part)


def settle(delivery: Delivery) -> None:
    """Wake the requests of a batch; those whose client went away are not waited for any more."""
    for ticket, result in delivery:
        if not ticket.done():
            if isinstance(result, RequestRefused):
                ticket.set_exception(result)
            else:
                ticket.set_result(result)
