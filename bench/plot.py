"""The plot of docs/performance.md: rate of bulk creates and latency of reads against the number of stored events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.target import Figures

NAMES = {
    "read_newest": "newest page of 200",
    "read_older": "page anywhere",
    "read_metric": "page of one metric",
    "read_profile": "page of one profile",
    "read_scattered": "the same, far apart",
    "read_event": "one event by id",
    "read_again": "newest page, read before",
    "read_listed": "one event of a page read before",
}


def draw(levels: Sequence[Figures], file: Path) -> None:
    """Write the plot of the figures of each level to ``file``, as SVG."""
    # Only the plot needs it installed.
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "eventkeep"
    from matplotlib import pyplot

    figure, (rates, latencies) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    millions = [level["stored"] / 1e6 for level in levels]
    every_rate: list[tuple[float, float]] = []
    before = 0.0
    for level in levels:
        rounds = level["rounds_events_per_second"]
        step = (level["stored"] - before) / len(rounds)
        every_rate += [((before + step * (place + 1)) / 1e6, rate) for place, rate in enumerate(rounds)]
        before = level["stored"]
    rates.plot(*zip(*every_rate, strict=True), ".", color="0.6", label="each round")
    rates.plot(millions, [level["bulk"]["events_per_second"] for level in levels], "o-", label="median")
    rates.set_ylim(bottom=0)
    rates.set_ylabel("bulk creates, events/s")
    rates.yaxis.set_major_formatter(lambda value, _place: f"{value:,.0f}")
    for name, label in NAMES.items():
        latencies.plot(millions, [level[name]["p50_ms"] for level in levels], "o-", label=label)
    latencies.set_ylim(bottom=0)
    latencies.set_ylabel("read, median ms")
    axes: Any
    for axes in (rates, latencies):
        axes.set_xlabel("stored events, millions")
        axes.legend(fontsize="small")
        axes.grid(alpha=0.3)
    figure.savefig(file, metadata={"Date": None})
