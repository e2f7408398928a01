"""Asking a server through its control socket. Light enough for a test that makes an account."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from eventkeep.errors import Unavailable
from eventkeep.limits import CONTROL_REQUEST_BYTES_MAX, CONTROL_SECONDS_MAX

SOCKET_NAME: Final = "control.sock"


class address:
    """A name of the socket that is short enough for any folder: a path through the folder's descriptor."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> str:
        return f"/proc/self/fd/{self._folder}/{SOCKET_NAME}"

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)


def read_line(connection: socket.socket) -> bytes:
    """One line, without its end. Raises OSError if the other side is too slow or goes away."""
    line = b""
    while not line.endswith(b"\n") and len(line) < CONTROL_REQUEST_BYTES_MAX:
        more = connection.recv(CONTROL_REQUEST_BYTES_MAX)
        if not more:
            break
        line += more
    return line


def exchange(folder: Path, request: bytes, seconds: float | None = CONTROL_SECONDS_MAX) -> bytes | None:
    """The response of the server that has the folder to a request, both JSON; None if none listens.

    Raises Unavailable if it does not respond in time, or ends before.
    """
    if not (folder / SOCKET_NAME).exists():
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            with address(folder) as name:
                connection.connect(name)
            connection.sendall(request + b"\n")
            line = read_line(connection)
        except (ConnectionRefusedError, FileNotFoundError):
            # A server that was ended leaves its socket behind.
            return None
        except OSError as exc:
            raise Unavailable(f"the server does not respond: {exc}", 1) from exc
    if not line.endswith(b"\n"):
        raise Unavailable("the server ended before it responded: see whether the change was made", 1)
    return line
