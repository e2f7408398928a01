"""Fixtures for all suites: a real server process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from eventkeep.events.store import EventStore
from eventkeep.testing import ServerProcess

# Nothing in the suite depends on the speed of the machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def no_threads_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the threads of event stores that a test leaves open; they would slow down all later tests."""
    opened: list[EventStore] = []
    open_store = EventStore.open

    def noted(*args: Any, **options: Any) -> EventStore:
        opened.append(open_store(*args, **options))
        return opened[-1]

    monkeypatch.setattr(EventStore, "open", noted)
    yield
    for store in opened:
        store.stop_threads()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo the configuration of the logs by commands that a test runs in its own process."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server without rate limits, shared by the session: use an account or names of your own."""
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as process:
        yield process
