"""Compares the cost of an event in a large store with that in a new one, under the same load, in turns.

A shared machine changes its speed within minutes. So each measurement of a store of millions is
compared with one of a new store right before or after it, and the result is the median of some
such pairs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from bench.target import Figures, Target

PAIRS: Final = 5


def against_a_new_store(large: Target, folder: Path, seconds: float, say: Callable[[str], None]) -> Figures:
    """The ratios of the large store's rate and cost to a new one's, which has about a million events."""
    pairs = []
    for number in range(PAIRS):
        pair: dict[str, Figures] = {}
        for name in ("new", "large") if number % 2 else ("large", "new"):
            if name == "large":
                pair[name] = round_of(large, seconds)
                large.rest()
            else:
                with Target(folder / "new" / "store", large.bodies) as new:
                    pair[name] = round_of(new, seconds)
                shutil.rmtree(folder / "new")
            say(f"  {pair[name]['stored_before']:,} stored, {pair[name]['events_per_second']:,.0f}/s")
        pairs.append(pair)
    return {
        "pairs": pairs,
        "rate_ratio": median(ratio(pair, "events_per_second") for pair in pairs),
        "cpu_ratio": median(ratio(pair, "cpu_microseconds_per_event") for pair in pairs),
    }


def round_of(target: Target, seconds: float) -> Figures:
    """A measured round after one to warm up, in which parts begin to be merged as in a long load."""
    target.bulk_creates(seconds)
    stored = target.stored
    return {"stored_before": stored, **target.bulk_creates(seconds)}


def ratio(pair: dict[str, Figures], figure: str) -> float:
    return float(pair["large"][figure] / pair["new"][figure])
