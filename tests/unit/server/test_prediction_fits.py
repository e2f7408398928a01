"""Fits in the background: a fault of one does not end the others, and a server that stops does not wait for one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from eventkeep.clock import SystemClock
from eventkeep.errors import ConfigurationError
from eventkeep.ingest.stores import Stores
from eventkeep.server import prediction_fits
from eventkeep.server.fit_process import wait_for
from eventkeep.server.prediction_fits import BackgroundFits


def test_a_fit_is_given_up_when_the_server_stops() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        with pytest.raises(ConfigurationError, match="the server stops"):
            wait_for(process, lambda: True)
        process.kill()


def test_a_fit_that_ends_is_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"]) as process:
        wait_for(process, lambda: False)
        assert process.returncode == 0


def test_an_unexpected_failure_ends_neither_the_fits_nor_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = []

    def fail(_directory: object, _events: object, account: int, *_: object) -> None:
        fitted.append(account)
        raise ZeroDivisionError

    monkeypatch.setattr(prediction_fits, "fit_account", fail)
    stores = Stores.open(tmp_path)
    directory = stores.directory
    _, change = directory.accounts.new("second")
    stores.keep([change])
    fits = BackgroundFits(directory, stores.events, lambda _: None, SystemClock(), 1, lambda: True)
    try:
        fits.fit_due()
        assert fitted == [account.number for account in directory.accounts.list()]
        assert len(fitted) == 2
        # Neither is due again before the interval is over.
        fits.fit_due()
        assert len(fitted) == 2
    finally:
        fits.close()
        stores.close()
