from __future__ import annotations

import gzip
from collections.abc import Iterable

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkeep.client.http1 import ResponseReader, request_bytes
from eventkeep.limits import RESPONSE_HEAD_BYTES_MAX

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n[1,2,3]"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\n[1,\r\n004;a=b\r\n2,3]\r\n0\r\nExpires: never\r\n\r\n"
)
NO_CONTENT = b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n"


def read(parts: Iterable[bytes]) -> tuple[httpx.Response | None, ResponseReader]:
    """What the reader makes of the parts, the last of which completes the response."""
    reader = ResponseReader()
    response = None
    for part in parts:
        assert response is None, "the response was complete too early"
        response = reader.feed(part)
    return response, reader


def whole(content: bytes) -> tuple[httpx.Response, bool]:
    """The response, and True if the connection may be used again."""
    response, reader = read([content])
    assert response is not None
    return response, reader.can_be_reused


def test_request_is_written_as_it_is_sent() -> None:
    request = httpx.Request(
        "POST", "http://127.0.0.1:8340/api/events/?a=%20b", headers={"revision": "2024-06-15"}, content=b"{}"
    )
    assert request_bytes(request) == (
        b"POST /api/events/?a=%20b HTTP/1.1\r\nHost: 127.0.0.1:8340\r\nrevision: 2024-06-15\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )


def test_request_without_a_body_has_no_length() -> None:
    request = httpx.Request("GET", "http://[::1]:8340")
    assert request_bytes(request) == b"GET / HTTP/1.1\r\nHost: [::1]:8340\r\n\r\n"


@pytest.mark.parametrize("content", [LENGTH, CHUNKED])
def test_body_is_read_to_its_end(content: bytes) -> None:
    response, can_be_reused = whole(content)
    assert (response.status_code, response.json(), can_be_reused) == (200, [1, 2, 3], True)


@settings(deadline=None)
@given(st.data(), st.sampled_from([LENGTH, CHUNKED, NO_CONTENT, b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED]))
def test_response_may_come_in_any_pieces(data: st.DataObject, content: bytes) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(content) - 1))))
    pieces = [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    response, reader = read(pieces)
    assert response is not None and reader.can_be_reused
    assert response.content in (b"[1,2,3]", b"")


@settings(deadline=None)
@given(st.binary(max_size=2_000), st.lists(st.integers(1, 500), max_size=10))
def test_chunks_are_joined(body: bytes, sizes: list[int]) -> None:
    sent, rest = b"", body
    for size in [*sizes, len(body)]:
        if chunk := rest[:size]:
            sent += b"%x\r\n%b\r\n" % (len(chunk), chunk)
        rest = rest[size:]
    response, _ = whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + sent + b"0\r\n\r\n")
    assert response.content == body


def test_body_without_a_length_goes_to_the_end() -> None:
    response, reader = read([b"HTTP/1.1 200 OK\r\n\r\n", b"[1,", b"2]", b""])
    assert response is not None
    assert (response.json(), reader.can_be_reused) == ([1, 2], False)


def test_compressed_body_is_decoded() -> None:
    body = gzip.compress(b"[1]")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert whole(head + body)[0].json() == [1]


def test_status_without_a_body_has_none() -> None:
    response, can_be_reused = whole(NO_CONTENT)
    assert (response.status_code, response.content, can_be_reused) == (204, b"", True)


def test_headers_are_kept_with_their_repeats() -> None:
    response, _ = whole(b"HTTP/1.1 202 \r\nA: 1\r\na:2\t\r\nB:\r\nContent-Length: 0\r\n\r\n")
    assert response.headers.multi_items() == [("a", "1"), ("a", "2"), ("b", ""), ("content-length", "0")]


@pytest.mark.parametrize(
    ("head", "can_be_reused"),
    [
        (b"HTTP/1.1 202 Accepted\r\n", True),
        (b"HTTP/1.1 202 Accepted\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 202 Accepted\r\nConnection: Upgrade, Close\r\n", False),
        (b"HTTP/1.0 202 Accepted\r\n", False),
        (b"HTTP/1.0 202 Accepted\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_connection_stays_open_if_both_sides_want_it(head: bytes, can_be_reused: bool) -> None:
    assert whole(head + b"Content-Length: 0\r\n\r\n")[1] is can_be_reused


def test_connection_with_bytes_behind_the_response_is_not_used_again() -> None:
    response, can_be_reused = whole(LENGTH + b"HTTP/1.1 200 OK\r\n")
    assert (response.json(), can_be_reused) == ([1, 2, 3], False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nonsense\r\n\r\n", "expected an HTTP/1.1 status line, got b'nonsense'"),
        (b"HTTP/2 200 OK\r\n\r\n", "expected an HTTP/1.1 status line"),
        (b"HTTP/1.1 200 OK\r\nno header\r\n\r\n", "expected a header, got b'no header'"),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\n folded\r\n\r\n", "expected a header"),
        (b"HTTP/1.1 200 OK\r\nA: 1\n2\r\n\r\n", "expected a header"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "expected one content length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "expected one content length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "expected chunked as the transfer encoding"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", "expected the length of a chunk, got b'z'"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "expected the end of a chunk"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * RESPONSE_HEAD_BYTES_MAX, "expected a head of at most 100,000 bytes"),
        (b"x" * (RESPONSE_HEAD_BYTES_MAX + 1), "expected a head of at most 100,000 bytes"),
    ],
)
def test_invalid_responses_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError) as refused:
        ResponseReader().feed(content)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("content", [LENGTH, CHUNKED])
def test_incomplete_response_is_refused_wherever_it_ends(content: bytes) -> None:
    for length in range(len(content)):
        reader = ResponseReader()
        assert not length or reader.feed(content[:length]) is None
        with pytest.raises(httpx.RemoteProtocolError, match="closed the connection before the end of its response"):
            reader.feed(b"")
