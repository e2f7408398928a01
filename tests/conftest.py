"""Fixtures for all suites: a real server process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventkeep.testing import ServerProcess


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server without rate limits, shared by the session: use an account or names of your own."""
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as process:
        yield process
