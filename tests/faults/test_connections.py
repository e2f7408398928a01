"""Connections that are many, slow, idle or left alone: they end in time, and nobody else waits for them."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from eventkeep.limits import BODY_SECONDS_MAX, CONNECTIONS_MAX, HEADER_SECONDS_MAX
from eventkeep.server.serve import allow_open_files
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, make_keys
from tests.faults.hostile_requests import CHUNKED, HEALTH, KEY, create
from tests.faults.memory import memory
from tests.faults.raw_http import Answer, Wire, chunk

EACH = 100
"""Connections of each kind."""
DRIBBLE_SECONDS = 0.5
GRACE_SECONDS = 10.0
"""How much later than its limit a slow connection may be ended, on a machine that does other things too."""
GROWTH_BYTES_MAX = 100_000_000
"""What so many slow connections may take of memory together."""


class Dribbler:
    """A connection that sends a beginning and then a little again and again, until it is ended."""

    def __init__(self, port: int, beginning: bytes, piece: bytes) -> None:
        self._wire, self._piece = Wire(port), piece
        self._wire.send(beginning)
        self._started = time.monotonic()
        self.answers: list[Answer] = []
        self.seconds: float | None = None
        """How long it lasted, once it has been ended."""

    def go_on(self) -> None:
        if self.seconds is None:
            self._wire.send(self._piece)
            self.answers += self._wire.answers_until_quiet(0.001)
            if self._wire.ended:
                self.seconds = time.monotonic() - self._started

    def close(self) -> None:
        self._wire.close()


class Crowd(msgspec.Struct):
    """Connections that were slow or idle, by kind, and what was seen beside them."""

    slow_heads: list[Dribbler]
    slow_bodies: list[Dribbler]
    used: list[Dribbler]
    silent: list[Dribbler]
    late: Answer | None
    created: int
    found: int
    growth_bytes: int

    def everyone(self) -> list[Dribbler]:
        return [*self.slow_heads, *self.slow_bodies, *self.used, *self.silent]


@pytest.fixture(scope="module", autouse=True)
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Crowd]]:
    """It needs little but time, which the other tests of this module use."""
    with ServerProcess(tmp_path_factory.mktemp("connections") / "data") as server, ThreadPoolExecutor(1) as thread:
        yield thread.submit(gather_crowd, server)


def gather_crowd(server: ServerProcess) -> Crowd:
    """Slow and idle connections to a server, until it has ended them all; somebody else creates events meanwhile."""
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
        # With these and the connection of the creates no other one is served.
        silent = [Dribbler(server.port, b"", b"") for _ in range(CONNECTIONS_MAX - 1 - 5 * EACH)]
        found = Crowd(slow_heads, slow_bodies, used, silent, None, 0, 0, 0)
        with Wire(server.port) as late:
            late.send(HEALTH)
            deadline = time.monotonic() + BODY_SECONDS_MAX + GRACE_SECONDS
            while any(each.seconds is None for each in found.everyone()) and time.monotonic() < deadline:
                for each in found.everyone():
                    each.go_on()
                api.create(unique_id=str(found.created), time=f"2025-01-01T00:00:{found.created % 60:02}Z")
                found.created += 1
                time.sleep(DRIBBLE_SECONDS)
            found.late = late.answer()
        for each in found.everyone():
            each.close()
        found.found = len(api.events())
        found.growth_bytes = memory(server.pid).peak - before
        return found


def test_without_open_files_left_nothing_answered_is_lost_and_closed_connections_bring_it_back(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path / "data") as process:
        with Api(process.url, make_keys(process, "files", "full")[0]) as api:
            api.create(unique_id="before", properties={"name": "before"})
            open_files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (open_files + 20, hard))
            wires = [Wire(process.port) for _ in range(60)]
            # A connection that was there before still serves; what needs files may be refused for now.
            answers = repeatedly(lambda: api.call("create_event").status_code, seconds=2.0)
            assert set(answers) <= {202, 503}
            for wire in wires:
                wire.close()
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
            api.http.get("/readyz").raise_for_status()
            api.create(unique_id="after", properties={"name": "after"})
            names = {event["attributes"]["event_properties"].get("name") for event in api.events()}
            assert {"before", "after"} <= names
            assert len(api.events()) >= 2 + (202 in answers)
        assert process.stop() == 0


def test_slow_and_idle_connections_are_ended_in_time_and_nobody_waits_for_them(crowd: Future[Crowd]) -> None:
    seen = crowd.result(BODY_SECONDS_MAX + 2 * GRACE_SECONDS)
    assert seen.found == seen.created + 1
    assert seen.created > 5
    for kind, limit in (
        (seen.slow_heads + seen.used + seen.silent, HEADER_SECONDS_MAX),
        (seen.slow_bodies, BODY_SECONDS_MAX),
    ):
        for each in kind:
            assert each.seconds is not None
            assert limit - 1 < each.seconds < limit + GRACE_SECONDS
    assert all(each.answers == [] for each in seen.slow_heads + seen.silent)
    assert all([answer.status for answer in each.answers] == [200] for each in seen.used)
    for each in seen.slow_bodies:
        (refusal,) = each.answers
        assert refusal.status == 400
        assert b"did not arrive whole within 30 seconds" in refusal.body
    assert seen.late is not None
    assert seen.late.status == 200
    assert seen.growth_bytes < GROWTH_BYTES_MAX


def repeatedly(act: Callable[[], int], seconds: float) -> list[int]:
    """What ``act`` gives, again and again for so long."""
    found: list[int] = []
    end = threading.Event()
    timer = threading.Timer(seconds, end.set)
    timer.start()
    while not end.is_set():
        found.append(act())
        time.sleep(0.05)
    return found
