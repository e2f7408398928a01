"""Three real servers of NATS on this machine, with a network in between that can be made bad."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventkeep.cluster.local_servers import program
from eventkeep.errors import ConfigurationError
from tests.cluster.processes import Processes
from tests.cluster.servers import ServersInNetwork


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServersInNetwork]:
    """Servers shared by the tests of a file: use a log of your own, and leave all of them running."""
    try:
        program()
    except ConfigurationError as exc:
        pytest.skip(str(exc))
    with ServersInNetwork(tmp_path_factory.mktemp("nats")) as running:
        yield running
        running.network.heal()


@pytest.fixture(scope="module")
def running_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Three nodes with clients that write and read all the time, shared by the tests of a file.

    They end with it: idle servers of NATS take processor time, and clients that go on more, from all later tests.
    """
    try:
        program()
    except ConfigurationError as exc:
        pytest.skip(str(exc))
    with Processes(tmp_path_factory.mktemp("nodes")) as processes:
        yield processes


@pytest.fixture
def running(running_nodes: Processes) -> Iterator[Processes]:
    """The same; a fault that a client or a node has found fails the test. Leave all of it running."""
    running_nodes.raise_failures()
    yield running_nodes
    running_nodes.raise_failures()
