"""Messages that could be taken for others: hosts, upgrades, and the boundaries of requests."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest
import uvloop

from eventkeep.clock import SystemClock
from eventkeep.http.hosts import client_host
from eventkeep.http.listener import Listener, bind
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.limits import BODY_BYTES_MAX
from tests.http_application import HandlerApplication

HOST = "127.0.0.1"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def requests_in(*pieces: bytes) -> tuple[list[tuple[str, str, bytes]], bytes]:
    """Method, path and body of all requests that a server finds in the bytes, and its responses until the end."""
    found: list[tuple[str, str, bytes]] = []

    async def note(request: Request) -> Response:
        found.append((request.method, request.path, await request.read_body(BODY_BYTES_MAX)))
        return Response(200)

    async def talk() -> bytes:
        with closing(bind(HOST, 0)) as bound:
            listening = Listener(HandlerApplication(note), bound, SystemClock())
            listening.start()
            reader, writer = await asyncio.open_connection(HOST, bound.getsockname()[1])
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.02)
            responses = await asyncio.wait_for(reader.read(), 10.0)
            writer.close()
            await listening.close(1.0)
        return responses

    responses: bytes = uvloop.run(talk())
    return found, responses


def head(*lines: str, method: str = "POST", path: str = "/first") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", *lines, "", "")).encode()


UPGRADES = {
    "Java's HttpClient": ("Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAEAAEAAAAIAAAAB", "Upgrade: h2c"),
    "a websocket": ("Connection: Upgrade", "Upgrade: websocket"),
    "many": ("Connection: keep-alive, Upgrade", "Upgrade: foo, bar/2"),
}


@pytest.mark.parametrize("upgrade", UPGRADES)
@pytest.mark.parametrize("cut", [0, 3, None])
def test_body_of_a_request_that_asks_for_an_upgrade_is_its_body(upgrade: str, cut: int | None) -> None:
    message = head("Host: x", f"Content-Length: {len(SMUGGLED)}", *UPGRADES[upgrade]) + SMUGGLED
    place = len(message) if cut is None else message.index(SMUGGLED) + cut
    found, responses = requests_in(message[:place], message[place:] + LAST)
    assert found == [("POST", "/first", SMUGGLED), ("GET", "/last", b"")]
    assert responses.count(b"HTTP/1.1 200 ") == 2


def test_chunks_of_a_request_that_asks_for_an_upgrade_are_its_body() -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (SMUGGLED, b"more")) + b"0\r\n\r\n"
    message = head("Host: x", "Transfer-Encoding: chunked", *UPGRADES["a websocket"]) + chunks
    for pieces in ((message + LAST,), (*(bytes([byte]) for byte in message), LAST)):
        assert requests_in(*pieces)[0] == [("POST", "/first", SMUGGLED + b"more"), ("GET", "/last", b"")]


@pytest.mark.parametrize(
    "framing",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Transfer-Encoding: gzip", "Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Transfer-Encoding: chunked, gzip",),
    ],
)
def test_upgrade_does_not_hide_framing_that_is_refused(framing: tuple[str, ...]) -> None:
    for more in ((), UPGRADES["a websocket"]):
        found, responses = requests_in(head("Host: x", *framing, *more) + b"0\r\n\r\n" + SMUGGLED)
        assert found == []
        assert responses.startswith(b"HTTP/1.1 400 ")


def test_upgrade_without_a_body_is_a_request_and_others_follow() -> None:
    message = head("Host: x", *UPGRADES["a websocket"], method="GET")
    assert requests_in(message + message + LAST)[0] == [("GET", "/first", b"")] * 2 + [("GET", "/last", b"")]


@pytest.mark.parametrize("lines", [(), ("Content-Length: 5",), ("Transfer-Encoding: chunked",)])
def test_nothing_behind_connect_is_a_request(lines: tuple[str, ...]) -> None:
    message = head("Host: a.example", *lines, method="CONNECT", path="a.example:443")
    found, responses = requests_in(message + SMUGGLED, SMUGGLED)
    assert found == [("CONNECT", "a.example:443", b"")]
    assert responses.count(b"HTTP/1.1 200 ") == 1
    assert b"connection: close\r\n" in responses


GOOD_HOSTS = [
    *("x", "shop.example", "shop.example:8340", "my_shop", "10.0.0.1:1", "[::1]:8340", "[2001:db8::1]", "a%20b", "x:"),
    "xn--bcher-kva.example",
]
FOREIGN_HOSTS = [
    *("a b", "a\tb", "a/b", "a@b", "<script>", 'a"b', "a,b", "x:80:80", "x:http", "x:123456", "[::1", "::1", "a?b"),
    *("b\xfccher", "a\\b", "a#b", "a'b", "[::1]x", "a%2"),
]


@pytest.mark.parametrize("host", ["", *GOOD_HOSTS])
def test_hosts_are_accepted(host: str) -> None:
    found, responses = requests_in(head(f"Host: {host}", "Connection: close", method="GET"))
    assert (len(found), responses[:13]) == (1, b"HTTP/1.1 200 ")


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_foreign_characters_in_a_host_are_refused(host: str) -> None:
    message = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1")
    found, responses = requests_in(message + SMUGGLED)
    assert found == []
    assert responses.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close\r\n" in responses


@pytest.mark.parametrize("lines", [(), ("Host: x", "Host: x"), ("Host: x", "hOST: y"), ("Host:", "Host: x")])
def test_host_has_to_be_there_once(lines: tuple[str, ...]) -> None:
    found, responses = requests_in(head(*lines, method="GET") + SMUGGLED)
    assert found == []
    assert responses.startswith(b"HTTP/1.1 400 ")


def test_http_1_0_needs_no_host() -> None:
    assert len(requests_in(b"GET / HTTP/1.0\r\n\r\n")[0]) == 1
    assert requests_in(b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n")[0] == []


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("::1", "::/64"),
    ],
)
def test_addresses_of_one_client_are_one_host(address: str, host: str) -> None:
    assert client_host(address) == host
