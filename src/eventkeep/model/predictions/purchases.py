"""How often customers buy, and whether they have left for good: BG/NBD and MBG/NBD.

Both say: a customer buys at random times at a rate of his own, and after a purchase leaves for good with a
probability of his own. The rates are Gamma distributed among customers (``r``, ``alpha``), the probabilities Beta
(``a``, ``b``). In BG/NBD nobody leaves after the first purchase, so that whoever bought once is certainly still a
customer; in MBG/NBD the first purchase is one like the others. Predictions use MBG/NBD, because a churn probability
of 0 for all who bought once would be wrong in the eyes of everybody who reads it. BG/NBD is here because it is the one
with published figures.

Sources: P. S. Fader, B. G. S. Hardie, K. L. Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005);
E. P. Batislam, M. Denizel, A. Filiztekin, Empirical validation and comparison of models for customer base analysis,
International Journal of Research in Marketing 24 (2007). The expectations are written with Euler's transformation of
the hypergeometric function, in which nothing overflows if a customer has bought a thousand times.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.model.predictions.maximum import maximum, special_functions
from eventkeep.model.predictions.orders import Floats

_START: Final = (0.5, 0.5, 1.0, 2.0)
"""Where a search begins, with ages scaled so that their mean is 1."""
_SINGULAR: Final = 1e-6
"""The expectations divide by a - 1, and in BG/NBD by a + b - 1; sums closer to 0 than this are moved away."""
_TERMS_MAX: Final = 200_000
"""Terms of the hypergeometric series; there are some 40 / (1 - z) of them until they are too small to count."""


class PurchaseModel(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted BG/NBD, or MBG/NBD if ``leaves_at_once``. ``alpha`` is in the unit of time of the fitted orders."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = float("nan")
    leaves_at_once: bool = True

    def probability_alive(self, repeats: Any, recency: Any, age: Any) -> Floats:
        """The probability that customers have not left, given their history; see ``Customers``."""
        gone = _log_odds_gone(self.leaves_at_once, *self._parameters(), *_floats(repeats, recency, age))
        alive: Floats = np.exp(-np.logaddexp(0.0, gone))
        return alive

    def expected(self, ahead: Any, repeats: Any, recency: Any, age: Any) -> Floats:
        """The purchases to expect of customers with a history in the time ``ahead``."""
        (later, x, _, ages) = _floats(ahead, repeats, recency, age)
        a = _away_from(1.0, self.a)
        whole = _away_from(0.0, a + self.b - 1 + self.leaves_at_once)
        z = later / (self.alpha + ages + later)
        series = hypergeometric(whole - self.r, a - 1, whole + x, z)
        if_alive = (whole + x) / (a - 1) * (1 - (1 - z) ** (a - 1) * series)
        number: Floats = if_alive * self.probability_alive(repeats, recency, age)
        return number

    def expected_of_new(self, time: Any) -> Floats:
        """The repeat purchases to expect of anybody in the ``time`` after the first purchase."""
        return self.expected(time, 0, 0, 0)

    def probability_of(self, number: int, time: float) -> float:
        """The probability that anybody makes ``number`` repeat purchases in the ``time`` after the first one."""
        special = special_functions()
        gammaln, betaln = special.gammaln, special.betaln
        staying = self.alpha / (self.alpha + time)
        counts = np.arange(number + 1)
        # Of a customer who never leaves: exactly 0, 1, … purchases.
        chances = np.exp(
            gammaln(self.r + counts)
            - gammaln(self.r)
            - gammaln(counts + 1)
            + self.r * np.log(staying)
            + counts * np.log1p(-staying)
        )
        late = self.leaves_at_once - 1
        stayed = np.exp(betaln(self.a, self.b + number + late + 1) - betaln(self.a, self.b)) * chances[number]
        if number == 0 and not self.leaves_at_once:
            return float(stayed)
        left = np.exp(betaln(self.a + 1, self.b + number + late) - betaln(self.a, self.b))
        return float(stayed + left * (1 - chances[:number].sum()))

    def _parameters(self) -> tuple[float, float, float, float]:
        return self.r, self.alpha, self.a, self.b


def fitted_purchases(repeats: Any, recency: Any, age: Any, *, leaves_at_once: bool = True) -> PurchaseModel | None:
    """The model that fits customers best; None if none does, as when nobody has bought twice.

    The columns are those of ``Customers``, in any unit of time. Customers with the same history are counted once.
    """
    rows = np.stack(_floats(repeats, recency, age), axis=1)
    unit = float(rows[:, 2].mean()) if len(rows) else 0.0
    if unit <= 0 or not rows[:, 0].any():
        return None
    distinct, weights = np.unique(rows, axis=0, return_counts=True)
    x, recency, age = distinct[:, 0], distinct[:, 1] / unit, distinct[:, 2] / unit
    counts, place = np.unique(x, return_inverse=True)

    def mean_log_likelihood(parameters: Floats) -> float:
        r, alpha, a, b = parameters
        # The gamma functions cost most and depend on the count alone, of which there are few.
        by_count = _log_chances_of_counts(leaves_at_once, r, a, b, counts)[place]
        by_time = r * np.log(alpha) - (r + x) * np.log(alpha + age)
        gone = _log_odds_gone(leaves_at_once, r, alpha, a, b, x, recency, age)
        return float(np.dot(weights, by_count + by_time + np.logaddexp(0.0, gone))) / len(rows)

    found = maximum(mean_log_likelihood, np.array(_START))
    if found is None:
        return None
    r, alpha, a, b = found.tolist()
    return PurchaseModel(
        r=r,
        alpha=alpha * unit,
        a=a,
        b=b,
        # A rate per another unit of time: each purchase after the first has a density of its own.
        log_likelihood=mean_log_likelihood(found) * len(rows) - float(rows[:, 0].sum() * np.log(unit)),
        leaves_at_once=leaves_at_once,
    )


def hypergeometric(a: float, b: float, c: Floats, z: Floats) -> Floats:
    """Gauss's function 2F1(a, b; c; z) for 0 <= z < 1, summed as the series that defines it.

    Not scipy's, which gives infinity for some arguments of which c - a - b is a whole number.
    """
    c, z = np.broadcast_arrays(c, z)
    shape, c, z = c.shape, c.ravel(), z.ravel()
    total, term = np.ones(len(z)), np.ones(len(z))
    left = np.arange(len(z))
    for k in range(_TERMS_MAX):
        term = term * ((a + k) * (b + k) / ((c + k) * (k + 1)) * z)
        total[left] += term
        # The rest of the sum is about a geometric series.
        more = np.abs(term) > np.finfo(float).eps * (1 - z) * np.abs(total[left])
        if not more.all():
            left, term, c, z = left[more], term[more], c[more], z[more]
        if not len(left):
            break
    return total.reshape(shape)


def _away_from(pole: float, value: float) -> float:
    return value if abs(value - pole) > _SINGULAR else pole + _SINGULAR


def _log_chances_of_counts(leaves_at_once: bool, r: float, a: float, b: float, x: Floats) -> Floats:
    special = special_functions()
    gammaln, betaln = special.gammaln, special.betaln
    chances: Floats = gammaln(r + x) - gammaln(r) + betaln(a, b + x + leaves_at_once) - betaln(a, b)
    return chances


def _log_odds_gone(
    leaves_at_once: bool, r: float, alpha: float, a: float, b: float, x: Floats, recency: Floats, age: Floats
) -> Floats:
    """The logarithm of the odds that a customer has left; minus infinity if that is impossible."""
    could_leave: npt.NDArray[np.bool_] = (x > 0) | leaves_at_once
    before = np.where(could_leave, b + x - 1 + leaves_at_once, 1.0)
    odds = np.log(a) - np.log(before) + (r + x) * (np.log(alpha + age) - np.log(alpha + recency))
    return np.where(could_leave, odds, -np.inf)


def _floats(*columns: Any) -> list[Floats]:
    return [np.asarray(column, dtype=np.float64) for column in columns]
