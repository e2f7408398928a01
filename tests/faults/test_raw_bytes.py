"""Bytes that no good client sends: a clear answer, nothing kept, and the server goes on in little memory."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from eventkeep.limits import BODY_BYTES_MAX
from eventkeep.testing import ServerProcess, free_port
from tests.contract.api import Api, make_keys
from tests.contract.snapshot import Snapshot
from tests.faults.hostile_requests import KEY, REQUESTS, Hostile
from tests.faults.memory import forget_peak, memory
from tests.faults.raw_http import Answer, Wire

GROWTH_BYTES_MAX = 30 * BODY_BYTES_MAX
"""How much more memory than before one hostile request after the other may take: what decoding one body may cost."""


class Target:
    """A server that is attacked, and a look at what it has stored."""

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

    def check_health(self) -> None:
        """The process lives, says so, keeps an event and reads it back."""
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


def check_answer(answer: Answer) -> None:
    """It is one of ours or of the HTTP layer's, and tells what is wrong where."""
    assert answer.status < 500, answer
    if answer.status < 400 or not answer.body:
        return
    errors = json.loads(answer.body)["errors"]
    assert errors
    for error in errors:
        assert error["status"] == answer.status
        assert error["detail"]
        if answer.status == 400:
            assert len(error["source"].keys() & {"pointer", "parameter"}) == 1, error


@pytest.mark.parametrize("name", REQUESTS)
def test_hostile_requests_are_answered_and_leave_nothing_behind(target: Target, name: str) -> None:
    hostile = REQUESTS[name]
    before, memory_before = target.snapshot.take(), memory(target.server.pid)
    forget_peak(target.server.pid)
    answers = answers_to(target, hostile)
    for answer in answers:
        check_answer(answer)
    statuses = tuple(answer.status for answer in answers)
    assert statuses == hostile.statuses or (hostile.breaks and statuses == hostile.statuses[: len(statuses)])
    after = target.snapshot.take()
    assert after[0] - before[0] == sum(int(answer.headers.get("eventkeep-events-stored", "0")) for answer in answers)
    if not hostile.keeps:
        assert after == before
    assert memory(target.server.pid).peak - memory_before.resident < GROWTH_BYTES_MAX
    target.check_health()


def answers_to(target: Target, hostile: Hostile) -> list[Answer]:
    with Wire(target.port) as wire:
        wire.send(target.signed(hostile.message))
        answers: list[Answer] = []
        if not hostile.is_cut:
            for _ in hostile.statuses:
                answer = wire.answer()
                if answer is None:
                    break
                answers.append(answer)
        wire.finish()
        return answers + wire.answers()
