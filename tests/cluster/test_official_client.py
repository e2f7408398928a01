"""The contract suite of the official client, every operation with every option, against a node that follows.

The tests are those of `tests.contract.test_official_clients`; only the server is another one. All writes are passed on
to the node that leads, and all reads see them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from tests.cluster.processes import NodeProcess, Processes
from tests.contract import test_official_clients as suite
from tests.contract.official_client import REVISIONS, OfficialClient

NEWEST: Final = list(REVISIONS)[-1]

history = suite.history
globals().update({name: test for name, test in vars(suite).items() if name.startswith("test_")})


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
    with OfficialClient(NEWEST, server.url, key) as official:
        yield official
