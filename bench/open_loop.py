"""An open-loop load of single creates: requests leave on a schedule, whether responses have come or not.

    python -m bench.open_loop URL KEY RATE SECONDS CONNECTIONS

The latency of a request counts from the moment at which the schedule wanted it sent, so that a server that stalls is
charged for everything that had to wait. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.bodies import MARKER
from bench.shop_bodies import single_body

TEMPLATES = 200
DRAIN_SECONDS_MAX = 30.0


class Sender(asyncio.Protocol):
    """One connection; it has at most one request in flight."""

    def __init__(self, idle: asyncio.Queue[Sender], latencies: list[float], refused: list[bytes]) -> None:
        self._idle, self._latencies, self._refused = idle, latencies, refused
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A transport of uvloop is none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)
        self._idle.put_nowait(self)

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at ``due``, in seconds of the performance counter."""
        if self._transport is None:
            sys.exit("the server closed a connection during the load")
        self._due, self._received = due, b""
        self._transport.write(request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._idle.put_nowait(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\r\n\r\n" not in self._received:
            return
        self._latencies.append(time.perf_counter() - self._due)
        status = self._received[9:12]
        if status != b"202":
            self._refused.append(status)
        self._idle.put_nowait(self)


async def load(url: str, key: str, rate: float, seconds: float, connections: int) -> dict[str, float]:
    """Send ``rate`` requests a second for ``seconds``; returns counts, and latencies in milliseconds."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    idle: asyncio.Queue[Sender] = asyncio.Queue()
    latencies: list[float] = []
    refused: list[bytes] = []
    loop = asyncio.get_running_loop()
    # Before the connections, which the server closes when they are idle for long.
    templates = [single_body(seed, TEMPLATES, True) for seed in range(TEMPLATES)]
    for _ in range(connections):
        await loop.create_connection(lambda: Sender(idle, latencies, refused), host, port)
    head = (
        f"POST /api/events/ HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Klaviyo-API-Key {key}\r\n"
        "revision: 2024-06-15\r\nContent-Type: application/json\r\nContent-Length: "
    )
    run = f"open{time.time_ns()}"
    started = time.perf_counter()
    count = int(rate * seconds)
    for number in range(count):
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        body = templates[number % TEMPLATES].replace(MARKER, f"{run}-{number}")
        sender = await idle.get()
        sender.send(f"{head}{len(body)}\r\n\r\n{body}".encode(), due)
    deadline = time.perf_counter() + DRAIN_SECONDS_MAX
    while len(latencies) < count and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    ordered = sorted(latencies)

    def percentile(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3

    return {
        "sent": count,
        "answered": len(ordered),
        "refused": len(refused),
        "p50_ms": percentile(0.5),
        "p99_ms": percentile(0.99),
        "max_ms": ordered[-1] * 1e3,
    }


if __name__ == "__main__":
    address, secret, wanted, length, width = sys.argv[1:]
    print(json.dumps(uvloop.run(load(address, secret, float(wanted), float(length), int(width)))))
