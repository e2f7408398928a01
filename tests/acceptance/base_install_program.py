"""A program that uses the SDK with nothing but the base install; see ``test_sdk_install``.

   base_install_program.py URL KEY

It is run by the interpreter of that environment, so it imports nothing of the tests. It
prints the events that it read as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import eventkeep

PROFILE = {"email": "ada@shop.example"}


def send_and_read(url: str, key: str) -> list[str | None]:
    """One event alone, two in a batch with a spool file; then reads all of them."""
    with eventkeep.Client(key, url) as client, TemporaryDirectory() as folder:
        client.track("Tick", PROFILE, unique_id="single")
        with client.batch(spool=Path(folder) / "spool") as batch:
            batch.track("Tick", PROFILE, unique_id="first")
            batch.track("Tick", PROFILE, unique_id="second")
        wanted = eventkeep.Filter.greater_than("timestamp", 0)
        return [event.unique_id for event in client.events.iterate(filter=wanted, include="profile,metric")]


async def send_and_read_async(url: str, key: str) -> list[str | None]:
    """The same with asyncio."""
    async with eventkeep.AsyncClient(key, url) as client:
        await client.track("Tick", PROFILE, unique_id="async")
        return [event.unique_id async for event in client.events.iterate()]


def main() -> None:
    """Reads the arguments and runs."""
    url, key = sys.argv[1:]
    found = {
        "names": [name for name in eventkeep.__all__ if getattr(eventkeep, name) is None],
        "sync": sorted(map(str, send_and_read(url, key))),
        "async": sorted(map(str, asyncio.run(send_and_read_async(url, key)))),
        "place": str(Path(eventkeep.__file__)),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
