"""A load that never waits: bulk creates from many connections, each sent right after the response to the last one.

A program of its own, ``python -m tests.faults.flood PORT KEY NAME CONNECTIONS SECONDS EVENTS CHARACTERS``: every
request has EVENTS events with CHARACTERS characters of properties each, and a metric of its own. It prints one line
of JSON: the metrics of the requests with status 202, those of the others by status, and the number of cut requests.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Final

import msgspec

from tests.faults.load import filler, headers
from tests.faults.raw_http import HOST, RawResponse, request, take_response

BULK_PATH: Final = "/api/event-bulk-create-jobs/"
NAME: Final = b"@the name@"


class Flooded(msgspec.Struct):
    """The results of the requests; ``kept`` and ``without_response`` hold the names of their metrics."""

    kept: list[str] = []
    without_response: list[str] = []
    statuses: dict[int, int] = {}
    without_retry_after: int = 0


class Flood:
    """Requests made from one body by replacing a name."""

    def __init__(self, port: int, key: str, name: str, events: int, characters: int) -> None:
        self._port, self._key, self._name = port, key, name
        self._body = bulk_template(events, characters)
        self._numbers = iter(range(1_000_000))
        self._statuses: Counter[int] = Counter()
        self.found = Flooded()

    async def run(self, connections: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        await asyncio.gather(*(self._send_until(deadline) for _ in range(connections)))
        self.found.statuses = dict(self._statuses)

    async def _send_until(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            try:
                reader, writer = await asyncio.open_connection(HOST, self._port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            try:
                while time.monotonic() < deadline and await self._send(reader, writer):
                    pass
            finally:
                writer.close()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send one request; returns False if the connection can't be used any more."""
        name = f"{self._name}-{next(self._numbers)}"
        body = self._body.replace(NAME, name.rjust(len(NAME), "_").encode())
        try:
            # Read while sending: a refusal may come before the whole body is sent.
            writer.write(request("POST", BULK_PATH, headers(self._key), body))
            response = await next_response(reader)
        except (ConnectionError, TimeoutError):
            response = None
        if response is None:
            self.found.without_response.append(name.rjust(len(NAME), "_"))
            return False
        self._statuses[response.status] += 1
        if response.status == 202:
            self.found.kept.append(name.rjust(len(NAME), "_"))
        elif response.status == 503 and not response.headers.get("retry-after", "").isdigit():
            self.found.without_retry_after += 1
        return True


async def next_response(reader: asyncio.StreamReader) -> RawResponse | None:
    received = b""
    while (taken := take_response(received)) is None:
        piece = await asyncio.wait_for(reader.read(65_536), 120)
        if not piece:
            return None
        received += piece
    return taken[0]


def bulk_template(events: int, characters: int) -> bytes:
    """The body of a bulk create with NAME in place of its metric's name and in its unique ids."""
    name = NAME.decode()
    listed = [
        {
            "type": "event",
            "attributes": {
                "metric": {"data": {"type": "metric", "attributes": {"name": name}}},
                "properties": {"text": filler(characters)},
                "unique_id": f"{name}-{place}",
            },
        }
        for place in range(events)
    ]
    profile = {"data": {"type": "profile", "attributes": {"email": "flood@shop.example"}}}
    item = {"type": "event-bulk-create", "attributes": {"profile": profile, "events": {"data": listed}}}
    job = {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [item]}}}
    return json.dumps({"data": job}).encode()


def main(arguments: list[str]) -> None:
    port, key, name, connections, seconds, events, characters = arguments
    flood = Flood(int(port), key, name, int(events), int(characters))
    asyncio.run(flood.run(int(connections), float(seconds)))
    sys.stdout.write(msgspec.json.encode(flood.found).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
