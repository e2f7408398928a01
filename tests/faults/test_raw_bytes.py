"""Bytes that no valid client sends: a clear response, nothing stored, and the server continues in little memory."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import pytest

from eventkeep.limits import BODY_BYTES_MAX, BODY_SECONDS_MAX, CONNECTIONS_MAX, HEADER_SECONDS_MAX
from eventkeep.testing import ServerProcess, free_port
from tests.contract.api import Api, make_keys
from tests.contract.snapshot import Snapshot
from tests.faults.crowd import GRACE_SECONDS, Crowd, gather_crowd
from tests.faults.hostile_requests import BODY, HEALTH, KEY, REQUESTS, SIZE, Hostile, create
from tests.faults.memory import forget_peak, memory
from tests.faults.mutations import mutated
from tests.faults.raw_http import RawResponse, Wire, exchange, head

MESSAGES: Final = int(os.environ.get("EVENTKEEP_TEST_EXAMPLES", "300"))
"""Mutated requests: EVENTKEEP_TEST_EXAMPLES in the environment."""
pytestmark = pytest.mark.timeout(300 + MESSAGES)
AT_ONCE: Final = 32
"""Mutated requests that are open at the same time, each on a connection of its own."""
QUIET_SECONDS: Final = 1.0
"""A server that has sent nothing for this long waits for more."""
LAST_REQUEST: Final = head("GET /healthz HTTP/1.1", "Host: x", "Connection: close")
GROWTH_BYTES_MAX: Final = 30 * BODY_BYTES_MAX
"""The growth of memory that one hostile request after the other may cause: the cost of decoding one body."""


CROWD_BYTES_MAX: Final = 100_000_000
"""The memory that the maximum number of slow and idle connections may take together."""


@pytest.fixture(scope="module", autouse=True)
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Crowd]]:
    """It needs little but time, which the other tests of this module use."""
    data, options = tmp_path_factory.mktemp("connections") / "data", ("--connections-per-host", str(CONNECTIONS_MAX))
    with ServerProcess(data, options=options) as server, ThreadPoolExecutor(1) as thread:
        yield thread.submit(gather_crowd, server)


class Target:
    """A server that is attacked, and a view of its stored data."""

    def __init__(self, server: ServerProcess, metrics_port: int) -> None:
        self.server, self.port = server, server.port
        self.key, own_key = make_keys(server, "target", "full", "full")
        self.snapshot = Snapshot(server, metrics_port)
        self.api = Api(server.url, own_key)
        self._created = 0
        self.check_health()

    def close(self) -> None:
        self.api.http.close()
        self.snapshot.close()

    def signed(self, message: bytes) -> bytes:
        return message.replace(KEY, self.key.encode())

    def responses_to_anything(self, message: bytes) -> list[RawResponse]:
        """All responses to a message whose end is unknown, if it has one."""
        with Wire(self.port) as wire:
            wire.send(self.signed(message), LAST_REQUEST)
            responses = wire.responses_until_quiet(QUIET_SECONDS)
            wire.finish()
            return responses + wire.responses()

    def check_health(self) -> None:
        """Check that the process lives, reports so, stores an event and reads it back."""
        assert self.server.is_running(), self.server.log_text()
        assert self.api.http.get("/healthz").status_code == 200
        self._created += 1
        self.api.create(unique_id=f"after-{self._created}", time="2025-01-01", properties={"number": self._created})
        newest = {event["attributes"]["event_properties"].get("number") for event in self.api.events()}
        assert self._created in newest


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    metrics_port = free_port()
    data = tmp_path_factory.mktemp("hostile") / "data"
    with ServerProcess(data, options=("--metrics-port", str(metrics_port))) as server:
        found = Target(server, metrics_port)
        yield found
        found.close()


def check_response(response: RawResponse) -> None:
    """Check that it comes from the product or from the HTTP layer, and names the fault and its place."""
    assert response.status < 500, response
    if response.status < 400 or not response.body:
        return
    errors = json.loads(response.body)["errors"]
    assert errors
    for error in errors:
        assert error["status"] == response.status
        assert error["detail"]
        if response.status == 400:
            assert len(error["source"].keys() & {"pointer", "parameter"}) == 1, error


@pytest.mark.parametrize("name", REQUESTS)
def test_hostile_requests_get_a_response_and_store_nothing(target: Target, name: str) -> None:
    hostile = REQUESTS[name]
    before, memory_before = target.snapshot.take(), memory(target.server.pid)
    forget_peak(target.server.pid)
    responses = responses_to(target, hostile)
    for response in responses:
        check_response(response)
    statuses = tuple(response.status for response in responses)
    assert statuses == hostile.statuses or (hostile.breaks and statuses == hostile.statuses[: len(statuses)])
    after = target.snapshot.take()
    assert after[0] - before[0] == sum(int(each.headers.get("eventkeep-events-stored", "0")) for each in responses)
    if not hostile.keeps:
        assert after == before
    assert memory(target.server.pid).peak - memory_before.resident < GROWTH_BYTES_MAX
    target.check_health()


def responses_to(target: Target, hostile: Hostile) -> list[RawResponse]:
    with Wire(target.port) as wire:
        wire.send(target.signed(hostile.message))
        responses: list[RawResponse] = []
        if not hostile.is_cut:
            for _ in hostile.statuses:
                response = wire.response()
                if response is None:
                    break
                responses.append(response)
        wire.finish()
        return responses + wire.responses()


def test_mutated_requests_get_a_response_and_only_202_stores_events(
    target: Target, record_property: Callable[[str, object], None]
) -> None:
    statuses: Counter[str] = Counter()
    before = memory(target.server.pid)
    forget_peak(target.server.pid)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for start in range(0, MESSAGES, AT_ONCE):
            messages = [mutated(random.Random(number)) for number in range(start, min(start + AT_ONCE, MESSAGES))]
            stored_before, rows_before = target.snapshot.take()
            responses = [each for found in threads.map(target.responses_to_anything, messages) for each in found]
            stored, rows = target.snapshot.take()
            counted = [int(response.headers.get("eventkeep-events-stored", "0")) for response in responses]
            assert stored - stored_before == sum(counted), f"messages from {start} on"
            assert rows == rows_before or any(each.status == 202 for each in responses), f"messages from {start} on"
            for response in responses:
                check_response(response)
                statuses[str(response.status)] += 1
    after = memory(target.server.pid)
    record_property("messages", MESSAGES)
    record_property("responses", dict(sorted(statuses.items())))
    record_property("resident_bytes_before_after_peak", (before.resident, after.resident, after.peak))
    print(f"\n{MESSAGES} messages, responses {dict(sorted(statuses.items()))}, {before} -> {after}")
    assert after.peak - before.resident < GROWTH_BYTES_MAX
    assert {"200", "202", "400", "401", "404"} <= statuses.keys()
    target.check_health()


def test_slow_and_idle_connections_are_ended_in_time_and_nobody_waits_for_them(crowd: Future[Crowd]) -> None:
    seen = crowd.result(BODY_SECONDS_MAX + 2 * GRACE_SECONDS)
    assert seen.found == seen.created + 1
    assert seen.created > 5
    # One idle connection made room for the late client, and had to end before its time.
    everyone = [each.seconds for each in seen.everyone() if each.seconds is not None]
    assert sum(seconds < HEADER_SECONDS_MAX - 1 for seconds in everyone) == 1
    for kind, limit in (
        (seen.slow_heads + seen.used + seen.silent, HEADER_SECONDS_MAX),
        (seen.slow_bodies, BODY_SECONDS_MAX),
    ):
        for each in kind:
            assert each.seconds is not None
            assert each.seconds < HEADER_SECONDS_MAX - 1 or limit - 1 < each.seconds < limit + GRACE_SECONDS
    assert all(each.responses == [] for each in seen.slow_heads + seen.silent)
    assert all([response.status for response in each.responses] == [200] for each in seen.used)
    for each in seen.slow_bodies:
        (refusal,) = each.responses
        assert refusal.status == 400
        assert b"did not arrive whole within 30 seconds" in refusal.body
    assert seen.late is not None
    assert seen.late.status == 200
    assert seen.growth_bytes < CROWD_BYTES_MAX


def test_client_that_waits_for_being_asked_is_asked(target: Target) -> None:
    with Wire(target.port) as wire:
        wire.send(target.signed(create(SIZE, "Expect: 100-continue", body=b"")))
        asked = wire.response()
        wire.send(BODY)
        response = wire.response()
    assert (asked and asked.status, response and response.status) == (100, 202)


def test_client_that_would_send_too_much_is_not_asked_to(target: Target) -> None:
    with Wire(target.port) as wire:
        wire.send(target.signed(create(f"Content-Length: {BODY_BYTES_MAX + 1}", "Expect: 100-continue", body=b"")))
        assert [response.status for response in wire.responses()] == [413]


def test_client_that_is_refused_before_it_was_asked_has_to_begin_anew(target: Target) -> None:
    """The rest may be the body or the next request, and the server can't know which."""
    message = head("POST /api/events/ HTTP/1.1", "Host: x", SIZE, "Expect: 100-continue") + HEALTH
    with Wire(target.port) as wire:
        wire.send(message)
        (refusal,) = wire.responses()
    assert (refusal.status, refusal.headers["connection"]) == (401, "close")


def test_client_that_closes_its_half_gets_its_response(target: Target) -> None:
    for _ in range(20):
        assert [response.status for response in exchange(target.port, target.signed(create(SIZE)))] == [202]


def test_responses_keep_the_order_of_pipelined_requests(target: Target) -> None:
    """A create takes longer than the requests behind it; the body of the last one arrives in pieces."""
    create_request = target.signed(create(SIZE))
    with Wire(target.port) as wire:
        wire.send((create_request + HEALTH) * 50 + create_request[:-100])
        responses = [wire.response() for _ in range(100)]
        wire.send(create_request[-100:])
        responses.append(wire.response())
    assert [response and response.status for response in responses] == [202, 200] * 50 + [202]
