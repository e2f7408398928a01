"""Some rounds of faults with real nodes; `tests.cluster.rounds` runs all kinds, as often as it is told."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from eventkeep.cluster.local_servers import program
from eventkeep.errors import ConfigurationError
from tests.cluster.processes import Processes
from tests.cluster.rounds import FAULTS, run_round

IN_THE_SUITE = ("kill_leading_node", "cut_one_way", "kill_node_and_server")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    try:
        program()
    except ConfigurationError as exc:
        pytest.skip(str(exc))
    with Processes(tmp_path_factory.mktemp("rounds")) as processes:
        yield processes


@pytest.mark.parametrize("name", IN_THE_SUITE)
def test_nothing_acknowledged_is_lost_or_doubled_by(running: Processes, name: str) -> None:
    run_round(running, FAULTS[name], random.Random(name))
