"""The contract suite of the official client, every operation with every option, against a node that follows.

The tests are those of `tests.contract.test_official_clients`; only the server is another one. All writes are passed on
to the node that leads, and all reads see them. Another node may begin to lead at any time, on a busy machine also in
the middle of a test: calls that nobody could carry out meanwhile are repeated, as the client itself repeats those of
its operations that it wraps.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.cluster.clients import LEADERLESS_SECONDS_MAX
from tests.cluster.processes import NodeProcess, Processes
from tests.contract import test_official_clients as suite
from tests.contract.official_client import REVISIONS, ClientResponse, OfficialClient

NEWEST: Final = list(REVISIONS)[-1]

history = suite.history
globals().update({name: test for name, test in vars(suite).items() if name.startswith("test_")})


class PatientClient(OfficialClient):
    """A client that repeats a call for as long as no node leads."""

    def __call__(self, operation: str, *positional: Any, **options: Any) -> ClientResponse:
        deadline = time.monotonic() + LEADERLESS_SECONDS_MAX
        while True:
            response = super().__call__(operation, *positional, **options)
            if response.status != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                return response
            time.sleep(float(response.headers["retry-after"]))


@pytest.fixture(scope="module")
def server(running_nodes: Processes) -> NodeProcess:
    running_nodes.wait_for_writes()
    place = running_nodes.leader()
    return running_nodes.nodes[(place + 1) % len(running_nodes.nodes)]


@pytest.fixture(scope="module")
def client(server: NodeProcess) -> Iterator[OfficialClient]:
    """The newest version of the client, with an account of its own."""
    assert not server.is_leading
    key = server.make_key(account="official client")
    with PatientClient(NEWEST, server.url, key) as official:
        yield official
