"""The connections of both clients, against servers that behave in every possible way."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from eventkeep import Client
from eventkeep.client.asynchronous.connection import Connection
from eventkeep.client.asynchronous.connections import AsyncConnections
from eventkeep.client.synchronous.connections import Connections
from eventkeep.testing import free_port
from tests.unit.client.scripted_server import ScriptedServer, read_request

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
LARGE = b"x" * 20_000_000
"""More bytes than the buffers between two sockets take."""


class Sender:
    """The connections of one client to one URL."""

    def __init__(self, url: str, send: Callable[[httpx.Request], httpx.Response]) -> None:
        self._url, self._send = url, send

    def __call__(self, content: bytes = b"", *, seconds: float = 10.0) -> httpx.Response:
        extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds)}
        return self._send(httpx.Request("POST", self._url + "/api/events/", content=content, extensions=extensions))


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Sender]]:
    """Makes the connections of either client."""
    if request.param == "sync":
        opened: list[Connections] = []

        def made(url: str) -> Sender:
            opened.append(Connections(httpx.URL(url)))
            return Sender(url, opened[-1].handle_request)

        yield made
        for connections in opened:
            connections.close()
        return
    with asyncio.Runner() as runner:
        opened_async: list[AsyncConnections] = []

        def made_async(url: str) -> Sender:
            connections = AsyncConnections(httpx.URL(url))
            opened_async.append(connections)
            return Sender(url, lambda request: runner.run(connections.handle_async_request(request)))

        yield made_async
        for each in opened_async:
            runner.run(each.aclose())


def responding(*responses: bytes) -> Callable[[socket.socket], None]:
    """Responds to this many requests on a connection, and closes it."""

    def script(connection: socket.socket) -> None:
        for response in responses:
            if not read_request(connection):
                return
            connection.sendall(response)

    return script


def wait_for_end(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


Connect = Callable[[str], Sender]


def test_connection_is_used_again(connect: Connect) -> None:
    with ScriptedServer(responding(*[ACCEPTED] * 5)) as server:
        send = connect(server.url)
        assert [send(b"{}").status_code for _ in range(5)] == [202] * 5
    assert server.connections == 1


def test_connection_that_the_server_closed_is_not_used_again(connect: Connect) -> None:
    with ScriptedServer(responding(ACCEPTED)) as server:
        send = connect(server.url)
        for _ in range(3):
            assert send().status_code == 202
            # Wait until the end of the connection has arrived.
            time.sleep(0.1)
    assert server.connections == 3


def test_connection_is_closed_if_the_server_wants_it(connect: Connect) -> None:
    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        wait_for_end(connection)

    with ScriptedServer(script) as server:
        send = connect(server.url)
        assert [send().status_code for _ in range(2)] == [202] * 2
    assert server.connections == 2


def test_response_before_the_end_of_the_request_is_read(connect: Connect) -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(1_000)
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
        connection.shutdown(socket.SHUT_WR)
        wait_for_end(connection)

    with ScriptedServer(script) as server:
        response = connect(server.url)(LARGE)
    assert (response.status_code, response.text) == (413, "big")


def test_a_lost_connection_can_be_closed() -> None:
    class Lost(asyncio.Transport):
        """True if asyncio has been told that the connection is closing."""

        def abort(self) -> None:
            raise AttributeError("'NoneType' object has no attribute 'call_soon'")

    async def lose_and_close() -> None:
        connection = Connection()
        connection.connection_made(Lost())
        connection.connection_lost(None)
        assert not connection.is_usable
        await connection.close()

    asyncio.run(lose_and_close())


def test_large_requests_and_responses_come_whole(connect: Connect) -> None:
    def script(connection: socket.socket) -> None:
        body = read_request(connection).partition(b"\r\n\r\n")[2]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with ScriptedServer(script) as server:
        assert connect(server.url)(LARGE).content == LARGE


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{", httpx.RemoteProtocolError),
        (b"nonsense\r\n\r\n", httpx.RemoteProtocolError),
    ],
)
def test_invalid_response_is_an_error(connect: Connect, sent: bytes, kind: type[httpx.TransportError]) -> None:
    with ScriptedServer(responding(sent)) as server, pytest.raises(kind):
        connect(server.url)()


def test_reset_is_an_error(connect: Connect) -> None:
    def script(connection: socket.socket) -> None:
        read_request(connection)
        # Closing without time to linger sends a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    with ScriptedServer(script) as server, pytest.raises(httpx.ReadError):
        connect(server.url)()


def test_missing_response_is_a_timeout(connect: Connect) -> None:
    with ScriptedServer(wait_for_end) as server:
        send = connect(server.url)
        with pytest.raises(httpx.ReadTimeout, match=r"nothing came in 0\.1 s"):
            send(seconds=0.1)


def test_request_that_is_not_taken_is_a_timeout(connect: Connect) -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(1)
        time.sleep(0.5)

    with ScriptedServer(script) as server:
        send = connect(server.url)
        with pytest.raises(httpx.WriteTimeout, match=r"the request was not taken in 0\.1 s"):
            send(LARGE, seconds=0.1)


def test_connection_is_good_after_an_error(connect: Connect) -> None:
    calls: list[int] = []

    def script(connection: socket.socket) -> None:
        calls.append(1)
        if len(calls) == 1:
            read_request(connection)
            return
        responding(ACCEPTED, ACCEPTED)(connection)

    with ScriptedServer(script) as server:
        send = connect(server.url)
        with pytest.raises(httpx.RemoteProtocolError):
            send()
        assert [send().status_code for _ in range(2)] == [202] * 2
    assert server.connections == 2


def test_server_that_is_not_there_is_an_error(connect: Connect) -> None:
    with pytest.raises(httpx.ConnectError):
        connect(f"http://127.0.0.1:{free_port()}")()
    with pytest.raises(httpx.ConnectError):
        connect("http://no-such-host.invalid")()


# TLS


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A context for a server called localhost, and the file of the certificate to trust."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def test_trusted_certificates_are_those_of_the_environment(
    connect: Connect, tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = tls
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ScriptedServer(responding(ACCEPTED, ACCEPTED), context) as server:
        send = connect(server.url)
        assert [send(b"{}").status_code for _ in range(2)] == [202] * 2
    assert server.connections == 1


def test_certificate_of_a_stranger_is_refused(
    connect: Connect, tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with (
        ScriptedServer(responding(ACCEPTED), tls[0]) as server,
        pytest.raises(httpx.ConnectError, match="certificate verify failed"),
    ):
        connect(server.url)()


def test_certificate_for_another_name_is_refused(
    connect: Connect, tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    with (
        ScriptedServer(responding(ACCEPTED), tls[0]) as server,
        pytest.raises(httpx.ConnectError, match="certificate verify failed"),
    ):
        connect(server.url.replace("localhost", "127.0.0.1"))()


# Through a proxy


def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket) -> None:
        while request := read_request(connection):
            seen.append(request.split(b"\r\n")[0])
            connection.sendall(ACCEPTED)

    with ScriptedServer(script) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with Client("pk_any", "http://events.example") as client:
            client.track("Tick", {"email": "ada@shop.example"})
    assert seen == [b"POST http://events.example/api/events/ HTTP/1.1"]


def test_threads_share_the_connections() -> None:
    def script(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(ACCEPTED)

    def send(number: int) -> Any:
        return client.track("Tick", {"email": "ada@shop.example"}, unique_id=str(number))

    with ScriptedServer(script) as server, Client("pk_any", server.url) as client, ThreadPoolExecutor(1) as threads:
        assert len(list(threads.map(send, range(20)))) == 20
    assert server.connections == 1
