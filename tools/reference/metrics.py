"""The page of the Prometheus metrics, from the metrics of a server's own collector."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from eventkeep.errors import Throttled
from eventkeep.protocol.error_documents import PROBLEMS
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.server.services import Services
from eventkeep.server.telemetry import Telemetry
from tools.reference.markdown import code, listed, page, table

INTRODUCTION: Final = """
`eventkeep serve --metrics-port 9090` serves `GET /metrics` on a port of its own, in the text format of Prometheus. A
histogram has the three series `…_bucket`, `…_sum` and `…_count`; a label `operation` is the name of
[an operation](api/index.md), or `none` for any other request.
"""
BOOKKEEPING: Final = frozenset({"le"})


class Described(msgspec.Struct, frozen=True):
    """A metric as a scrape names it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def described_metrics() -> Iterator[Described]:
    """Every metric of a server, in the order in which they are scraped."""
    with tempfile.TemporaryDirectory() as folder:
        services = Services(Path(folder) / "data")
        try:
            telemetry = Telemetry(services)
            # A counter with labels has no series before the first request.
            telemetry.responded(next(iter(OPERATIONS)), PROBLEMS[Throttled].status, 0.0)
            families = list(telemetry.registry.collect())
        finally:
            services.close()
    for family in families:
        labels = {label for sample in family.samples for label in sample.labels} - BOOKKEEPING
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield Described(name, family.type, tuple(sorted(labels)), family.documentation)


def metrics_page() -> str:
    """Every metric with its kind, its labels and its meaning."""
    rows = [(code(each.name), each.kind, listed(each.labels), each.meaning) for each in described_metrics()]
    return page("Metrics", INTRODUCTION, table(("name", "kind", "labels", "meaning"), rows))
