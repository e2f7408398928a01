"""Ports that are free, and stay so until a program that starts binds them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from eventkeep import ports


def test_ports_are_different_and_can_be_bound() -> None:
    found = ports.free_ports(50)
    assert len(set(found)) == 50
    for port in found:
        with socket.socket() as bound:
            bound.bind((ports.HOST, port))


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    first = ports.first_ephemeral_port()
    if first - ports.PORT_MIN < ports.PORTS_MIN:
        pytest.skip("the system gives nearly all ports to outgoing connections")
    assert max(ports.free_ports(20)) < first


@pytest.mark.parametrize("content", [None, "", "1024\t65535\n"])
def test_any_port_is_taken_if_there_is_no_room_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    said = tmp_path / "range"
    if content is not None:
        said.write_text(content, encoding="ascii")
    monkeypatch.setattr(ports, "EPHEMERAL_RANGE", said)
    assert len(set(ports.free_ports(3))) == 3
