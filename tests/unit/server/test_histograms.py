"""Histograms count as prometheus_client's own would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as Reference

from eventkeep.server.telemetry import Histogram

BOUNDS = (0.5, 1.0, 2.5)


@given(st.lists(st.sampled_from([0.0, 0.5, 0.50001, 1.0, 2.0, 2.5, 2.6, 1e9])))
def test_counts_are_those_of_the_reference(values: list[float]) -> None:
    ours, registry = Histogram(BOUNDS), CollectorRegistry()
    theirs = Reference("values", "Values.", buckets=BOUNDS, registry=registry)
    for value in values:
        ours.count(value)
        theirs.observe(value)
    for bound, count in ours.buckets():
        expected = registry.get_sample_value("values_bucket", {"le": "+Inf" if bound == "+Inf" else str(float(bound))})
        assert count == expected
    assert ours.total == pytest.approx(registry.get_sample_value("values_sum"))
