"""Fits of accounts' predictions: on command, and by themselves when one is due."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Sequence

import msgspec
import structlog

from eventkeep.clock import Clock
from eventkeep.directory import Account, Directory
from eventkeep.directory.changes import Change
from eventkeep.errors import ConfigurationError, EventkeepError
from eventkeep.events.store import EventStore
from eventkeep.limits import PREDICTIONS_CHECK_SECONDS
from eventkeep.model.prediction_settings import FIT_SETTING, TRACKING_SETTING, LastFit, read_fit
from eventkeep.model.predictions.analytics import lacks
from eventkeep.model.predictions.orders import customers_of
from eventkeep.server.fit_process import FitResult, FitTask, fit_in_process
from eventkeep.server.orders import AccountOrders

logger = structlog.get_logger(__name__)

Keep = Callable[[Callable[[Directory], tuple[Sequence[Change], object]]], object]
"""Keeps the changes that a function finds, as `eventkeep.ingest.committer.Committer.change` does."""


def fit_account(
    directory: Directory, events: EventStore, account: int, task: FitTask, is_stopping: Callable[[], bool]
) -> FitResult | None:
    """The fit of the account's orders; None if it has never had a metric of orders. Raises ConfigurationError.

    It is given up when ``is_stopping``.
    """
    orders = AccountOrders(directory, events)
    metrics = orders.metrics(account)
    if not metrics.orders:
        return None
    found = orders.of_account(account, metrics)
    if missing := lacks(customers_of(found, task.until), task.until):
        return FitResult(last=LastFit(made=task.now, lacks=tuple(missing)))
    return fit_in_process(found, task, is_stopping)


def fit_changes(directory: Directory, account: int, result: FitResult) -> list[Change]:
    """The changes that store a fit."""
    texts = {
        FIT_SETTING: result.last,
        TRACKING_SETTING: result.tracking,
    }
    return [
        change
        for name, value in texts.items()
        for change in directory.account_settings.changed(
            account, name, None if value is None else msgspec.json.encode(value).decode()
        )
    ]


class BackgroundFits:
    """Fits every account's predictions at an interval, one after the other, in a thread of its own."""

    def __init__(
        self,
        directory: Directory,
        events: EventStore,
        keep: Keep,
        clock: Clock,
        interval_hours: int,
        may_write: Callable[[], bool],
    ) -> None:
        """``may_write`` says whether this node may write at the moment; another one fits otherwise."""
        self._directory, self._events, self._keep, self._clock = directory, events, keep, clock
        self._interval_seconds, self._may_write = interval_hours * 3_600, may_write
        self._tried: dict[int, int] = {}
        """When each account was looked at last, in Unix seconds: most have nothing to fit, and no record says so."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._fit_now_and_then, name="predictions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Start no more fits, and give up the one that is on its way."""
        self._stopping.set()
        self._thread.join()

    def fit_due(self) -> None:
        """Fit the accounts whose last fit is older than the interval."""
        for account in self._directory.accounts.list():
            if self._stopping.is_set() or not self._may_write():
                return
            last = self._last(account)
            now = int(self._clock.of(account.number).now())
            made = max(0 if last is None else last.made, self._tried.get(account.number, 0))
            if now - made >= self._interval_seconds:
                self._tried[account.number] = now
                self._fit(account, last, now)

    def _fit(self, account: Account, last: LastFit | None, now: int) -> None:
        try:
            task = FitTask(until=now, now=now)
            result = fit_account(self._directory, self._events, account.number, task, self._stopping.is_set)
            if result is not None and (result.tracking is not None or last is not None):
                self._keep(lambda directory: (fit_changes(directory, account.number, result), None))
        except EventkeepError as exc:
            logger.warning("predictions could not be fitted", account=account.name, cause=str(exc))
        except Exception:
            # Even a fault of our own: this thread has to go on, and the account is due again after the interval.
            logger.exception("predictions could not be fitted", account=account.name)

    def _last(self, account: Account) -> LastFit | None:
        return read_fit(self._directory.account_settings.get(account.number, FIT_SETTING))

    def _fit_now_and_then(self) -> None:
        while not self._stopping.wait(PREDICTIONS_CHECK_SECONDS):
            if can_fit():
                self.fit_due()


def can_fit() -> bool:
    """Whether scipy is installed; it is not loaded."""
    return importlib.util.find_spec("scipy") is not None


def check_can_fit() -> None:
    """Raises ConfigurationError if scipy is not installed."""
    if not can_fit():
        raise ConfigurationError("predictions need scipy: pip install 'eventkeep[predictions]'")
