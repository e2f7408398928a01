"""A proxy that passes bytes on and cuts each connection after some of the response, wherever that is."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

PIECE_BYTES: Final = 1 << 16


class CuttingProxy:
    """Listens on ``url`` and cuts every connection after ``after_bytes`` of its responses; ``cuts`` counts them."""

    def __init__(self, target: str, after_bytes: int) -> None:
        parts = urlsplit(target)
        self._target = parts.hostname or "", parts.port or 80
        self._after_bytes = after_bytes
        self.cuts = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve, name="cutting proxy")]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._forward, args=(client,)))
            self._threads[-1].start()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server, contextlib.suppress(OSError):
            there = threading.Thread(target=_copy, args=(client, server))
            there.start()
            left = self._after_bytes
            while left and (piece := server.recv(min(left, PIECE_BYTES))):
                client.sendall(piece)
                left -= len(piece)
            self.cuts += not left
            for each in (client, server):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            there.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
