"""Fixtures that several contract tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventkeep.testing import ServerProcess, free_port
from tests.contract.scrapes import Scraped


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """A running server that exports metrics, shared by the session: use an account of your own."""
    port = free_port()
    data = tmp_path_factory.mktemp("counted") / "data"
    with ServerProcess(data, options=["--metrics-port", str(port)]) as server:
        yield Scraped(server, port)
