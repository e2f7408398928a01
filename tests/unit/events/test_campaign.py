"""A few rounds of the campaign of faults; ``python -m tests.faults.segment_campaign`` runs as many as are asked for."""

from __future__ import annotations

from tests.faults.segment_campaign import campaign


def test_faults_kills_and_power_cuts_lose_and_double_nothing() -> None:
    happened = campaign(seed=100, rounds=2)
    assert {"errors", "merged", "power cuts", "reopened"} <= set(happened)
