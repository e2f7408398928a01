"""Readiness follows the queue."""

from __future__ import annotations

import asyncio
import json

from eventkeep.http.response import Response
from eventkeep.ingest.queue import CreateQueue, QueuedCreates
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.probes import Probes
from tests.asgi import whole_request
from tests.contract.api import single_body


def response_of(probes: Probes, path: str) -> Response:
    return asyncio.run(probes.respond(whole_request("GET", path.encode()), "http://127.0.0.1"))


def test_server_is_not_ready_while_its_queue_is_full() -> None:
    queue = CreateQueue(events_max=2)
    probes = Probes(lambda: not queue.is_full)
    body = json.dumps(single_body()).encode()
    creates = QueuedCreates(
        account=1, revision=REVISIONS[-1], is_bulk=False, bodies=[body], received_at=1_718_452_800, tickets=[None]
    )
    statuses = []
    for _ in range(2):
        statuses.append(response_of(probes, "/readyz").status)
        queue.put(creates)
    full = response_of(probes, "/readyz")
    assert response_of(probes, "/healthz").status == 200
    assert (statuses, full.status, full.headers["Retry-After"]) == ([200, 200], 503, "1")
    queue.take(1, len(body))
    assert response_of(probes, "/readyz").status == 200


def test_server_that_stops_is_not_ready() -> None:
    probes = Probes(lambda: True)
    probes.stopping = True
    assert response_of(probes, "/readyz").status == 503
    assert response_of(probes, "/healthz").status == 200
