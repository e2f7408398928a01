"""Some rounds of faults with real nodes; `tests.cluster.rounds` runs all kinds, as often as it is told."""

from __future__ import annotations

import random

import pytest

from tests.cluster.processes import Processes
from tests.cluster.rounds import FAULTS, run_round

IN_THE_SUITE = ("kill_leading_node", "cut_one_way", "kill_node_and_server")


@pytest.mark.parametrize("name", IN_THE_SUITE)
def test_nothing_acknowledged_is_lost_or_doubled_by(running: Processes, name: str) -> None:
    run_round(running, FAULTS[name], random.Random(name))
