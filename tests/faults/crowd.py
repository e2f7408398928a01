"""A crowd of slow and idle connections, as many as a server serves, and their fate."""

from __future__ import annotations

import time

import msgspec

from eventkeep.limits import BODY_SECONDS_MAX, CONNECTIONS_MAX
from eventkeep.server.serve import allow_open_files
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, make_keys
from tests.faults.hostile_requests import CHUNKED, HEALTH, KEY, create
from tests.faults.memory import memory
from tests.faults.raw_http import RawResponse, Wire, chunk

EACH = 100
"""Connections of each kind."""
DRIBBLE_SECONDS = 0.5
LATE_SECONDS_MAX = 5.0
"""The time in which a new client gets its response while the crowd fills the server: less than any of the crowd has."""
GRACE_SECONDS = 10.0
"""The allowed delay before the server ends a slow connection, on a machine that does other things too."""


class Dribbler:
    """A connection that sends a beginning and then a little again and again, until it is closed."""

    def __init__(self, port: int, beginning: bytes, piece: bytes) -> None:
        self._wire, self._piece = Wire(port), piece
        self._wire.send(beginning)
        self._started = time.monotonic()
        self.responses: list[RawResponse] = []
        self.seconds: float | None = None
        """The time that it was open, once it has been closed."""

    def go_on(self) -> None:
        if self.seconds is None:
            self._wire.send(self._piece)
            self.responses += self._wire.responses_until_quiet(0.001)
            if self._wire.ended:
                self.seconds = time.monotonic() - self._started

    def close(self) -> None:
        self._wire.close()


class Crowd(msgspec.Struct):
    """Connections that were slow or idle, by kind, and observations beside them."""

    slow_heads: list[Dribbler]
    slow_bodies: list[Dribbler]
    used: list[Dribbler]
    silent: list[Dribbler]
    late: RawResponse | None
    created: int
    found: int
    growth_bytes: int

    def everyone(self) -> list[Dribbler]:
        return [*self.slow_heads, *self.slow_bodies, *self.used, *self.silent]


def gather_crowd(server: ServerProcess) -> Crowd:
    """Slow and idle connections to a server, until it has closed them all; another client creates events meanwhile."""
    allow_open_files()
    key, slow_key = make_keys(server, "connections", "full", "full")
    with Api(server.url, key) as api:
        api.create()
        before = memory(server.pid).resident
        header = b"POST /api/events/ HTTP/1.1\r\nHost: x\r\n"
        body = create("Content-Length: 100000", body=b"{").replace(KEY, slow_key.encode())
        chunks = create(CHUNKED, body=chunk(b"{")).replace(KEY, slow_key.encode())
        slow_heads = [Dribbler(server.port, header, b"X: y\r\n") for _ in range(EACH)]
        slow_heads += [Dribbler(server.port, b"GET /", b"x") for _ in range(EACH)]
        slow_bodies = [Dribbler(server.port, body, b" ") for _ in range(EACH)]
        slow_bodies += [Dribbler(server.port, chunks, chunk(b" ")) for _ in range(EACH)]
        used = [Dribbler(server.port, HEALTH, b"") for _ in range(EACH)]
        # Together with these and the connection of the creates, the server has as many as it serves.
        silent = [Dribbler(server.port, b"", b"") for _ in range(CONNECTIONS_MAX - 1 - 5 * EACH)]
        found = Crowd(slow_heads, slow_bodies, used, silent, None, 0, 0, 0)
        with Wire(server.port) as late:
            late.send(HEALTH)
            found.late = late.response(LATE_SECONDS_MAX)
            deadline = time.monotonic() + BODY_SECONDS_MAX + GRACE_SECONDS
            while any(each.seconds is None for each in found.everyone()) and time.monotonic() < deadline:
                for each in found.everyone():
                    each.go_on()
                api.create(unique_id=str(found.created), time=f"2025-01-01T00:00:{found.created % 60:02}Z")
                found.created += 1
                time.sleep(DRIBBLE_SECONDS)
        for each in found.everyone():
            each.close()
        found.found = len(api.events())
        found.growth_bytes = memory(server.pid).peak - before
        return found
