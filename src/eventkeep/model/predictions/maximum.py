"""The maximum of a likelihood, and the functions of scipy that the models need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from eventkeep.errors import ConfigurationError
from eventkeep.model.predictions.orders import Floats

LOGARITHM_MAX: Final = 12.0
"""A parameter between e**-12 and e**12 is one; a fit that ends outside has found no maximum."""
_STEPS_MAX: Final = 2_000
"""Steps of each of the two searches."""


def special_functions() -> Any:
    """The module ``scipy.special``. Raises ConfigurationError if scipy is not installed."""
    try:
        # Imported only now: it is large, and who does not use predictions does not have it.
        from scipy import special
    except ImportError as exc:
        raise ConfigurationError("predictions need scipy: pip install 'eventkeep[predictions]'") from exc
    return special


def maximum(log_likelihood: Callable[[Floats], float], start: Floats) -> Floats | None:
    """The positive parameters with the greatest log likelihood; None if there is no maximum within the bounds.

    Both searches move on logarithms, so that a parameter stays positive and a step means a proportion: a quick one by
    gradients (L-BFGS-B), then a sure one without (Nelder-Mead), which ends close enough to reproduce published digits.
    """
    special_functions()
    from scipy import optimize

    def loss(logarithms: Floats) -> float:
        if np.abs(logarithms).max() > LOGARITHM_MAX:
            return float("inf")
        value = -log_likelihood(np.exp(logarithms))
        return value if np.isfinite(value) else float("inf")

    bounds = [(-LOGARITHM_MAX, LOGARITHM_MAX)] * len(start)
    quick = optimize.minimize(loss, np.log(start), method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS_MAX})
    tolerances = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": _STEPS_MAX, "maxfev": _STEPS_MAX}
    sure = optimize.minimize(loss, quick.x, method="Nelder-Mead", options=tolerances)
    if not sure.success or np.abs(sure.x).max() > LOGARITHM_MAX - 0.01:
        return None
    parameters: Floats = np.exp(sure.x)
    return parameters
