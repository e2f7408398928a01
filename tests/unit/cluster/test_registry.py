"""The records that may be removed from the log, and the times of NATS."""

from __future__ import annotations

import datetime

import pytest

from eventkeep.cluster.registry import NodeState, SeenNode, parse_time, removable


def seen(durable: int, age_seconds: float = 0.0) -> SeenNode:
    return SeenNode(NodeState("n", "", "following", durable + 5, durable), age_seconds)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [([], 50), ([seen(60)], 50), ([seen(30), seen(40)], 30), ([seen(3, age_seconds=100.0), seen(40)], 40)],
)
def test_the_slowest_node_that_was_seen_lately_decides(nodes: list[SeenNode], expected: int) -> None:
    assert removable(nodes, own_durable=50, forget_seconds=100.0) == expected


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [("2026-11-29T16:30:00Z", 0), ("2026-11-29T16:30:00.0490Z", 49_000), ("2026-11-29T16:30:00.049199095Z", 49_199)],
)
def test_times_are_read_to_the_microsecond(text: str, microsecond: int) -> None:
    assert parse_time(text) == datetime.datetime(2026, 11, 29, 16, 30, 0, microsecond, tzinfo=datetime.UTC)
