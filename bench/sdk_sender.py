"""Sends events with eventkeep's SDK, and measures it: the counterpart of ``official_sender``.

   sdk_sender.py MODE URL KEY EVENTS AT_ONCE

MODE is ``single`` (AT_ONCE tasks call ``track`` of one asyncio client), ``loop`` (one
``track`` after the other of a client without asyncio), ``batch`` (without asyncio) or
``async-batch``, with AT_ONCE requests at once.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from eventkeep import AsyncClient, Client

Event = dict[str, Any]

WARM_EVENTS: Final = 20
OPTIONS: Final = ("properties", "time", "value", "unique_id")


class Stopwatch:
    """Seconds, and CPU seconds of this process, since it was made."""

    def __init__(self) -> None:
        self._started, self._used = time.perf_counter(), time.process_time()

    def tell(self, events: int) -> None:
        """Prints its figures as a line of JSON."""
        figures = {
            "events": events,
            "seconds": time.perf_counter() - self._started,
            "cpu_seconds": time.process_time() - self._used,
        }
        print(msgspec.json.encode(figures).decode())


def options(event: Event) -> dict[str, Any]:
    return {name: event[name] for name in OPTIONS}


async def single(client: AsyncClient, events: Sequence[Event], at_once: int) -> None:
    """This many tasks take one event after the other."""
    left: Iterator[Event] = iter(events)

    async def work() -> None:
        for event in left:
            await client.track(event["metric"], {"email": event["email"]}, **options(event))

    await asyncio.gather(*(work() for _ in range(at_once)))


async def async_batch(client: AsyncClient, events: Sequence[Event], at_once: int) -> None:
    async with client.batch(requests_at_once=at_once) as batch:
        for event in events:
            await batch.track(event["metric"], {"email": event["email"]}, **options(event))


def loop(client: Client, events: Sequence[Event], at_once: int) -> None:
    for event in events:
        client.track(event["metric"], {"email": event["email"]}, **options(event))


def batch(client: Client, events: Sequence[Event], at_once: int) -> None:
    with client.batch(requests_at_once=at_once) as opened:
        for event in events:
            opened.track(event["metric"], {"email": event["email"]}, **options(event))


async def run_async(mode: str, url: str, key: str, events: list[Event], at_once: int) -> None:
    send = {"single": single, "async-batch": async_batch}[mode]
    async with AsyncClient(key, url) as client:
        await send(client, events[:WARM_EVENTS], at_once)
        stopwatch = Stopwatch()
        await send(client, events[WARM_EVENTS:], at_once)
        stopwatch.tell(len(events) - WARM_EVENTS)


def run(mode: str, url: str, key: str, events: list[Event], at_once: int) -> None:
    send = {"loop": loop, "batch": batch}[mode]
    with Client(key, url) as client:
        send(client, events[:WARM_EVENTS], at_once)
        stopwatch = Stopwatch()
        send(client, events[WARM_EVENTS:], at_once)
        stopwatch.tell(len(events) - WARM_EVENTS)


def main(mode: str, url: str, key: str, path: str, at_once: str) -> None:
    """Reads the arguments, warms up, and measures."""
    events = msgspec.json.decode(Path(path).read_bytes(), type=list[Event])
    if mode in ("single", "async-batch"):
        asyncio.run(run_async(mode, url, key, events, int(at_once)))
    else:
        run(mode, url, key, events, int(at_once))


if __name__ == "__main__":
    main(*sys.argv[1:])
