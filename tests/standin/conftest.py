"""Fixtures for the tests of a stand-in: a server that tests control."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventkeep.client.synchronous.client import Client
from eventkeep.testing import Controls, ServerProcess


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server with controls and the hosted rate limits, shared by the session."""
    data = tmp_path_factory.mktemp("standin") / "data"
    with ServerProcess(data, rate_limits="hosted", controls=True) as process:
        yield process


@pytest.fixture
def key(standin: ServerProcess, request: pytest.FixtureRequest) -> str:
    """A key of an account that only this test uses."""
    return standin.make_account(request.node.name)


@pytest.fixture
def controls(standin: ServerProcess, key: str) -> Iterator[Controls]:
    with standin.controls(key) as made:
        yield made


@pytest.fixture
def client(standin: ServerProcess, key: str) -> Iterator[Client]:
    """A client without retries."""
    with Client(key, standin.url, max_retries=0) as made:
        yield made
