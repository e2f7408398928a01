"""A server that ends while a command waits for it."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from eventkeep.errors import Unavailable
from eventkeep.server.control import ControlRequest, ask_server
from eventkeep.server.control_client import SOCKET_NAME, address


@pytest.mark.parametrize("part", [b"", b'{"id": "7qW'])
def test_server_that_ends_before_it_responds_is_told(tmp_path: Path, part: bytes) -> None:
    """The change may have been made or not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        with address(tmp_path) as name:
            listening.bind(name)
        listening.listen()

        def end() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(part)

        ending = threading.Thread(target=end)
        ending.start()
        assert (tmp_path / SOCKET_NAME).exists()
        with pytest.raises(Unavailable, match="the server ended before it responded"):
            ask_server(tmp_path, ControlRequest("create_key"))
        ending.join()
