"""A server that handles a connection as a test says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Script = Callable[[socket.socket], None]
"""Handles one connection, which is closed when it returns."""


class ScriptedServer:
    """Listens on ``url`` and has ``script`` handle each connection, one after the other."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script, self._tls = script, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme, port = "https" if tls else "http", self._listener.getsockname()[1]
        self.url = f"{scheme}://localhost:{port}"
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, name="scripted server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            # The other end may be gone at any moment: the tests cause that.
            with connection, contextlib.suppress(OSError):
                connection.settimeout(30)
                if self._tls is None:
                    self._script(connection)
                else:
                    with self._tls.wrap_socket(connection, server_side=True) as secured:
                        self._script(secured)


def read_request(connection: socket.socket) -> bytes:
    """One request with its body; empty if the connection ends first."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (data := connection.recv(1)):
            return b""
        request += data
    head = request.lower()
    if b"content-length: " not in head:
        return request
    left = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while left and (data := connection.recv(left)):
        request += data
        left -= len(data)
    return request
