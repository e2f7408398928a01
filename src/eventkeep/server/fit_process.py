"""A fit in a process of its own: it takes seconds of computing, which the server's threads would feel.

Orders come on standard input, as the columns of an ``npz`` file; the result goes to standard output as JSON. Only this
process loads scipy.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from eventkeep.errors import ConfigurationError
from eventkeep.limits import PREDICTIONS_FIT_SECONDS_MAX
from eventkeep.model.prediction_settings import LastFit
from eventkeep.model.predictions.analytics import fitted
from eventkeep.model.predictions.orders import DAY_SECONDS, Orders, customers_of
from eventkeep.model.predictions.tracking import Tracking, tracked

CALIBRATION_SHARE: Final = 2 / 3
"""The part of the history that the fit is tested with is fitted to; the rest of it is foretold."""
NICENESS: Final = 10
LOOK_SECONDS: Final = 0.2


class FitTask(msgspec.Struct, frozen=True, kw_only=True):
    """``until`` is the end of the history in Unix seconds, ``now`` the time of the fit."""

    until: int
    now: int
    leaves_at_once: bool = True


class FitResult(msgspec.Struct, frozen=True, kw_only=True):
    """A fit with the comparison of its forecast; ``error`` says why there is none."""

    last: LastFit | None = None
    tracking: Tracking | None = None
    error: str = ""


def fit_in_process(orders: Orders, task: FitTask, is_stopping: Callable[[], bool]) -> FitResult:
    """The fit of the orders. Raises ConfigurationError if it can't be made, without scipy for example.

    The process is killed, and the fit given up, when ``is_stopping``.
    """
    command = [sys.executable, "-m", __name__, msgspec.json.encode(task).decode()]
    # Files instead of pipes: nobody has to read while the process computes.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as columns:
        np.savez(columns, customer=orders.customer, time=orders.time, value=orders.value, key=orders.key)
        columns.seek(0)
        with subprocess.Popen(command, stdin=columns, stdout=output, stderr=errors) as process:
            try:
                wait_for(process, is_stopping)
            finally:
                process.kill()
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            told = errors.read().decode(errors="replace").strip().splitlines()
            raise ConfigurationError(f"the fit failed: {told[-1] if told else process.returncode}")
        result = msgspec.json.decode(output.read(), type=FitResult)
    if result.error:
        raise ConfigurationError(result.error)
    return result


def wait_for(process: subprocess.Popen[bytes], is_stopping: Callable[[], bool]) -> None:
    """Wait until the process has ended. Raises ConfigurationError if it takes too long, and when ``is_stopping``."""
    deadline = time.monotonic() + PREDICTIONS_FIT_SECONDS_MAX
    while True:
        try:
            process.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if is_stopping():
                raise ConfigurationError("the server stops, and the fit with it") from None
            if time.monotonic() >= deadline:
                raise ConfigurationError(f"the fit took more than {PREDICTIONS_FIT_SECONDS_MAX:g} seconds") from None
        else:
            return


def fit_orders(orders: Orders, task: FitTask) -> FitResult:
    """The fit of the orders up to ``task.until``. Raises ConfigurationError without scipy."""
    customers = customers_of(orders, task.until)
    fit = fitted(customers, task.until, leaves_at_once=task.leaves_at_once)
    last = LastFit(made=task.now, fit=fit)
    newest = int(orders.time.max())
    if newest // DAY_SECONDS > task.until // DAY_SECONDS:
        cut, end = task.until, newest
    else:
        first = int(customers.first.min())
        cut, end = first + int((task.until - first) * CALIBRATION_SHARE), task.until
    return FitResult(last=last, tracking=tracked(orders, cut, end, leaves_at_once=task.leaves_at_once))


def main(arguments: list[str]) -> None:
    """Fit the orders on standard input."""
    os.nice(NICENESS)
    task = msgspec.json.decode(arguments[0], type=FitTask)
    with np.load(io.BytesIO(sys.stdin.buffer.read())) as columns:
        orders = Orders(columns["customer"], columns["time"], columns["value"], columns["key"])
    try:
        result = fit_orders(orders, task)
    except ConfigurationError as exc:
        result = FitResult(error=str(exc))
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main(sys.argv[1:])
