"""The purchases at CDNOW, the data that the literature on customer value tests its models with."""

from __future__ import annotations

import functools
import gzip
from typing import Final

import numpy as np

from eventkeep.model.predictions.orders import Orders
from tests.source_tree import PROJECT

EXAMPLES: Final = PROJECT / "examples"


def day(text: str) -> int:
    """The first second of a day, in Unix seconds."""
    return int(np.datetime64(text, "s").astype(np.int64))


CALIBRATION_END: Final = day("1997-09-30")
END: Final = day("1998-06-30")


@functools.cache
def purchases() -> Orders:
    """All purchases of all 23,570 customers."""
    with gzip.open(EXAMPLES / "cdnow-purchases.csv.gz", "rt") as lines:
        customer, date, _, dollars = np.loadtxt(lines, delimiter=",", skiprows=1, unpack=True)
    days = [f"{number // 10_000}-{number // 100 % 100:02}-{number % 100:02}" for number in date.astype(int).tolist()]
    return Orders.of(customer, np.array(days, dtype="datetime64[s]").astype(np.int64), dollars)


@functools.cache
def sample() -> Orders:
    """The purchases of every tenth customer, 2,357 of them: the basis of the published figures."""
    numbers = [int(line) for line in (EXAMPLES / "cdnow-sample-ids.txt").read_text(encoding="utf-8").split()]
    assert len(set(numbers)) == 2_357
    return purchases().take(np.isin(purchases().customer, numbers))
