"""Servers of NATS that start although another program took one of their ports."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from eventkeep.cluster import local_servers
from eventkeep.cluster.local_servers import LocalServers, program
from eventkeep.errors import ConfigurationError
from eventkeep.ports import free_ports


@pytest.fixture
def taken() -> int:
    try:
        program()
    except ConfigurationError as exc:
        pytest.skip(str(exc))
    return free_ports(1)[0]


def test_server_whose_port_was_taken_starts_at_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    chosen = iter([[taken, *free_ports(8)], free_ports(9)])
    monkeypatch.setattr(local_servers, "free_ports", lambda _count: next(chosen))
    with socket.create_server(("127.0.0.1", taken)), LocalServers(tmp_path) as servers:
        assert taken not in servers.client_ports


def test_server_that_never_starts_is_named_with_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    monkeypatch.setattr(local_servers, "free_ports", lambda count: [taken] * count)
    with socket.create_server(("127.0.0.1", taken)), pytest.raises(ConfigurationError, match=r"nats-1.*in use"):
        LocalServers(tmp_path, count=1).__enter__()
