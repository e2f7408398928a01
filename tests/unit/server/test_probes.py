"""Readiness follows the queue."""

from __future__ import annotations

import asyncio
import json
from typing import NoReturn

from eventkeep.ingest.queue import SubmissionQueue, Waiting
from eventkeep.protocol.creates.parser import parse_create_event
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.asgi import AsgiBody, AsgiHeaders
from eventkeep.server.http import Request, Response
from eventkeep.server.probes import Probes
from tests.contract.api import single_body


def response_of(probes: Probes, path: str) -> Response:
    async def no_body() -> NoReturn:
        raise AssertionError("nobody asks for a body")

    request = Request("GET", path, "", "http", AsgiHeaders([]), AsgiBody(no_body))
    return asyncio.run(probes.answer(request, "http://127.0.0.1"))


def test_server_is_not_ready_while_its_queue_is_full() -> None:
    queue = SubmissionQueue(events_max=2)
    probes = Probes(queue)
    submission = parse_create_event(json.dumps(single_body()).encode(), REVISIONS[-1], 1_718_452_800)
    statuses = []
    for _ in range(2):
        statuses.append(response_of(probes, "/readyz").status)
        queue.put(Waiting(1, submission, None))
    full = response_of(probes, "/readyz")
    assert response_of(probes, "/healthz").status == 200
    assert (statuses, full.status, full.headers["Retry-After"]) == ([200, 200], 503, "1")
    queue.take(1, len(json.dumps(single_body())))
    assert response_of(probes, "/readyz").status == 200


def test_server_that_stops_is_not_ready() -> None:
    probes = Probes(SubmissionQueue())
    probes.stopping = True
    assert response_of(probes, "/readyz").status == 503
    assert response_of(probes, "/healthz").status == 200
