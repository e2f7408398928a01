"""A program that tracks events in a batch and then ends in one of several ways; see ``test_sdk_processes``.

   batch_program.py sync|async END URL KEY SPOOL EVENTS

It prints the number of each event as soon as ``track`` has returned. END says how it ends
after the last event: ``sleep``, ``handle`` (sleep, with a handler of its own for SIGTERM,
that exits with 7) or ``return`` (without closing the batch). SPOOL is a file, or - for none.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import Any, Final

from eventkeep import AsyncClient, Client

NEVER: Final = 600.0
"""Seconds that an event waits for others: nothing is sent before the end."""
PROFILE: Final = {"email": "ada@shop.example"}


def report(number: int) -> None:
    print(number, flush=True)


def exit_with_7(number: int, frame: object) -> None:
    sys.exit(7)


def run(end: str, url: str, key: str, options: dict[str, Any], events: int) -> None:
    """The program without asyncio."""
    if end == "handle":
        signal.signal(signal.SIGTERM, exit_with_7)
    client = Client(key, url)
    batch = client.batch(**options).open()
    try:
        for number in range(events):
            batch.track("Tick", PROFILE, unique_id=str(number))
            report(number)
        if end != "return":
            time.sleep(NEVER)
    except SystemExit:
        batch.close()
        raise


async def run_async(url: str, key: str, options: dict[str, Any], events: int) -> None:
    """The program with asyncio."""
    async with AsyncClient(key, url) as client, client.batch(**options) as batch:
        for number in range(events):
            await batch.track("Tick", PROFILE, unique_id=str(number))
            report(number)
        await asyncio.sleep(NEVER)


def main() -> None:
    """Reads the arguments and runs."""
    flavour, end, url, key, spool, events = sys.argv[1:]
    options: dict[str, Any] = {"delay_seconds": NEVER, "spool": None if spool == "-" else spool}
    if flavour == "sync":
        run(end, url, key, options, int(events))
    else:
        asyncio.run(run_async(url, key, options, int(events)))


if __name__ == "__main__":
    main()
