"""How much customers spend on a purchase: the Gamma-Gamma model.

It says: the spend of a customer varies around a mean of his own, and that mean varies among customers, independent of
how often they buy. The expected spend of a customer lies between the mean of his own purchases and that of all
customers, the closer to his own the more he has bought.

Source: P. S. Fader, B. G. S. Hardie, The Gamma-Gamma Model of Monetary Value (2013).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from eventkeep.model.predictions.maximum import maximum, special_functions
from eventkeep.model.predictions.orders import Floats

_START: Final = (2.0, 3.0, 1.0)
"""Where a search begins, with spends scaled so that their mean is 1."""


class SpendModel(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted Gamma-Gamma model. ``v`` is in the currency of the fitted orders."""

    p: float
    q: float
    v: float
    log_likelihood: float = float("nan")

    def expected(self, repeats: Any, repeat_spend: Any) -> Floats:
        """The mean spend to expect of customers on a purchase to come; NaN if the model has no mean (q <= 1).

        ``repeats`` and ``repeat_spend`` are those of ``Customers``; without repeats it is the mean of all customers.
        """
        x, mean = np.asarray(repeats, dtype=np.float64), np.asarray(repeat_spend, dtype=np.float64)
        x = np.where(mean > 0, x, 0.0)
        spend: Floats = self.p * (self.v + mean * x) / (self.p * x + self.q - 1)
        return np.where(self.q + self.p * x > 1, spend, np.nan)


def fitted_spend(repeats: Any, repeat_spend: Any) -> SpendModel | None:
    """The model that fits customers best; None if none does. Customers without repeats or spend don't count."""
    x, mean = np.asarray(repeats, dtype=np.float64), np.asarray(repeat_spend, dtype=np.float64)
    x, mean = x[(x > 0) & (mean > 0)], mean[(x > 0) & (mean > 0)]
    if not len(x):
        return None
    gammaln = special_functions().gammaln
    unit = float(mean.mean())
    m, counts, place = mean / unit, *np.unique(x, return_inverse=True)
    log_m = np.log(m)

    def mean_log_likelihood(parameters: Floats) -> float:
        p, q, v = parameters
        # The gamma functions cost most and depend on the count alone, of which there are few.
        shapes = p * counts
        by_count = gammaln(shapes + q) - gammaln(shapes) - gammaln(q) + q * np.log(v) + shapes * np.log(counts)
        by_spend = (p * x - 1) * log_m - (p * x + q) * np.log(v + m * x)
        return float((by_count[place] + by_spend).mean())

    found = maximum(mean_log_likelihood, np.array(_START))
    if found is None:
        return None
    p, q, v = found.tolist()
    return SpendModel(
        p=p,
        q=q,
        v=v * unit,
        log_likelihood=(mean_log_likelihood(found) - float(np.log(unit))) * len(x),
    )
