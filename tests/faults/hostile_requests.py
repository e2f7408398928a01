"""Requests that no valid client sends, each with the required response; the table reads as documentation."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Final

import msgspec

from eventkeep.limits import BODY_BYTES_MAX, GZIP_MEMBERS_MAX, HEADER_BYTES_MAX
from tests.faults.load import bulk_body, single_body
from tests.faults.raw_http import HOST, LAST_CHUNK, chunk, head, request

KEY: Final = b"@the key of the test@"
"""Stands in the messages for a key that only the test has."""
CREATE: Final = "POST /api/events/ HTTP/1.1"
BULK: Final = "POST /api/event-bulk-create-jobs/ HTTP/1.1"
HEALTH: Final = request("GET", "/healthz")
HOST_LINE: Final = f"Host: {HOST}"
UPGRADE: Final = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB")
SIGNED: Final = (
    HOST_LINE,
    f"Authorization: Klaviyo-API-Key {KEY.decode()}",
    "revision: 2024-06-15",
    "Content-Type: application/json",
)
CHUNKED: Final = "Transfer-Encoding: chunked"
BODY: Final = single_body("hostile", 1)
SIZE: Final = f"Content-Length: {len(BODY)}"
MUCH: Final = 4_900_000
"""Roughly the number of bytes that still fit into a body."""


class Hostile(msgspec.Struct):
    """A message, and the statuses that must be returned, in order, before the connection ends.

    ``is_cut``: the client closes its half right behind the message. ``breaks``: the server may
    close the connection before it has read everything, so that the response can be lost.
    ``keeps``: events that are stored, because some of these messages are valid.
    """

    message: bytes
    statuses: tuple[int, ...]
    is_cut: bool = False
    breaks: bool = False
    keeps: int = 0


def create(*lines: str | bytes, body: bytes = BODY) -> bytes:
    """A create request with further header lines and any body."""
    return head(CREATE, *SIGNED, *lines) + body


def whole(body: bytes, *lines: str) -> bytes:
    """A create request with valid framing and any body."""
    return create(f"Content-Length: {len(body)}", *lines, body=body)


def with_properties(properties: bytes) -> bytes:
    """A create request whose event has these bytes as its properties."""
    body = json.loads(BODY)
    body["data"]["attributes"]["properties"] = "@"
    return whole(json.dumps(body).encode().replace(b'"@"', properties))


def bulk(items: bytes) -> bytes:
    """A bulk request whose list of items is these bytes."""
    body = b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":[%s]}}}}' % items
    return head(BULK, *SIGNED, f"Content-Length: {len(body)}") + body


def bomb(zeros: int) -> bytes:
    """Gzip of this many bytes; its size is a thousandth of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    piece = bytes(1_000_000)
    return b"".join([packer.compress(piece) for _ in range(zeros // len(piece))]) + packer.flush()


GZIP: Final = "Content-Encoding: gzip"
BOMB: Final = bomb(300_000_000)
MEMBERS: Final = [gzip.compress(BODY[start : start + 10]) for start in range(0, len(BODY), 10)]

LENGTHS: Final = {
    "a length that is too small": Hostile(create("Content-Length: 5"), (400, 400)),
    "a length that is too large": Hostile(create(f"Content-Length: {len(BODY) + 5}"), (400,), is_cut=True),
    "a negative length": Hostile(create("Content-Length: -5"), (400,)),
    "a length with a sign": Hostile(create(f"Content-Length: +{len(BODY)}"), (400,)),
    "a length that is no number": Hostile(create("Content-Length: five"), (400,)),
    "a length past 64 bits": Hostile(create("Content-Length: 99999999999999999999999"), (400,)),
    "a length past the limit": Hostile(create(f"Content-Length: {BODY_BYTES_MAX + 1}"), (413,)),
    "an empty length": Hostile(create("Content-Length: "), (400,)),
    "the same length twice": Hostile(create(SIZE, SIZE), (400,)),
    "two lengths": Hostile(create(SIZE, "Content-Length: 5"), (400,)),
    "a list of lengths": Hostile(create(f"{SIZE}, {len(BODY)}"), (400,)),
    "no length": Hostile(create(), (400, 400)),
    "a length of zero": Hostile(create("Content-Length: 0", body=b""), (400,)),
    "length and chunks": Hostile(create("Content-Length: 5", CHUNKED, body=chunk(BODY) + LAST_CHUNK), (400,)),
    "chunks and length": Hostile(create(CHUNKED, "Content-Length: 5", body=chunk(BODY) + LAST_CHUNK), (400,)),
    "length, and more in chunks": Hostile(
        create("Content-Length: 5", CHUNKED, body=chunk(b" " * 20_000_000) + LAST_CHUNK), (400,), breaks=True
    ),
}
CHUNKS: Final = {
    "good chunks": Hostile(create(CHUNKED, body=chunk(BODY) + LAST_CHUNK), (202,), keeps=1),
    "one byte a chunk": Hostile(
        create(CHUNKED, body=b"".join(chunk(bytes([byte])) for byte in BODY) + LAST_CHUNK), (202,), keeps=1
    ),
    "a chunk with an extension": Hostile(create(CHUNKED, body=chunk(BODY, b';a="b"') + LAST_CHUNK), (202,), keeps=1),
    "an extension of a megabyte": Hostile(
        create(CHUNKED, body=chunk(BODY, b";" + b"a" * 1_000_000)), (400,), breaks=True
    ),
    "no last chunk": Hostile(create(CHUNKED, body=chunk(BODY)), (400,), is_cut=True),
    "a chunk that stops halfway": Hostile(create(CHUNKED, body=chunk(BODY)[:100]), (400,), is_cut=True),
    "a size that stops halfway": Hostile(create(CHUNKED, body=b"1"), (400,), is_cut=True),
    "a size that is no number": Hostile(create(CHUNKED, body=b"size\r\n" + BODY), (400,), breaks=True),
    "a negative size": Hostile(create(CHUNKED, body=b"-1\r\n" + BODY), (400,), breaks=True),
    "a size near 64 bits": Hostile(create(CHUNKED, body=b"fffffffffffffffe\r\n" + BODY), (400,), is_cut=True),
    "a size past 64 bits": Hostile(create(CHUNKED, body=b"1" + b"0" * 40 + b"\r\n" + BODY), (400,), breaks=True),
    "no line end behind a chunk": Hostile(
        create(CHUNKED, body=b"%x\r\n%s0\r\n\r\n" % (len(BODY), BODY)), (400,), breaks=True
    ),
    "trailer fields": Hostile(create(CHUNKED, body=chunk(BODY) + b"0\r\nX-Sum: 1\r\n\r\n"), (202,), keeps=1),
    "a hundred thousand trailer fields": Hostile(
        create(CHUNKED, body=chunk(BODY) + b"0\r\n" + b"X-Sum: 1\r\n" * 100_000 + b"\r\n"), (400,), breaks=True
    ),
    "a body past the limit": Hostile(
        create(CHUNKED, body=chunk(b" " * 1_000_000) * 50 + LAST_CHUNK), (413,), breaks=True
    ),
    "a body that never ends": Hostile(create(CHUNKED, body=chunk(b" " * 1_000) * 50_000), (413,), breaks=True),
    "chunks in gzip": Hostile(create("Transfer-Encoding: gzip, chunked", body=chunk(BODY) + LAST_CHUNK), (400,)),
    "a coding that is none": Hostile(create("Transfer-Encoding: identity"), (400,)),
    "chunks in HTTP/1.0": Hostile(
        head(CREATE.replace("1.1", "1.0"), *SIGNED, CHUNKED) + chunk(BODY) + LAST_CHUNK, (400,)
    ),
}
HEADERS: Final = {
    "a header past the limit": Hostile(
        head("GET / HTTP/1.1", HOST_LINE, "X: " + "x" * 3 * HEADER_BYTES_MAX), (431,), breaks=True
    ),
    "a line past the limit": Hostile(head(f"GET /{'x' * 3 * HEADER_BYTES_MAX} HTTP/1.1"), (431,), breaks=True),
    "a line that never ends": Hostile(b"x" * 10_000_000, (400,), breaks=True),
    "a method of fifty thousand letters": Hostile(head(f"{'G' * 50_000} /api/events/ HTTP/1.1"), (400,)),
    "a thousand headers": Hostile(head("GET /healthz HTTP/1.1", HOST_LINE, *["X: 1"] * 1_000), (431,)),
    "NUL in a value": Hostile(head("GET /healthz HTTP/1.1", HOST_LINE, "X: a\0b"), (400,)),
    "NUL in a name": Hostile(head("GET /healthz HTTP/1.1", HOST_LINE, "X\0: b"), (400,)),
    "control characters in a value": Hostile(head("GET /healthz HTTP/1.1", HOST_LINE, "X: a\x01\x7f"), (400,)),
    "a blank before the colon": Hostile(head("GET /healthz HTTP/1.1", "Host : x"), (400,)),
    "a folded header": Hostile(head("GET /healthz HTTP/1.1", HOST_LINE, "X: a", " b"), (400,)),
    "no colon": Hostile(head("GET /healthz HTTP/1.1", "Host"), (400,)),
    "carriage returns alone": Hostile(b"GET /healthz HTTP/1.1\rHost: x\r\r\n\r\n", (400,)),
    "NUL in the path": Hostile(head("GET /api/\0 HTTP/1.1", HOST_LINE), (400,)),
    "NUL in the path, encoded": Hostile(head("GET /api/events/%00/ HTTP/1.1", *SIGNED), (400,)),
    "no UTF-8 in the path": Hostile(head(b"GET /api/\xff HTTP/1.1", HOST_LINE), (404,)),
    "no UTF-8 in the path, encoded": Hostile(head("GET /api/%ff%zz HTTP/1.1", HOST_LINE), (404,)),
    "no UTF-8 in the query": Hostile(head(b"GET /api/events/?sort=\xff HTTP/1.1", *SIGNED), (400,)),
    "no UTF-8 in the query, encoded": Hostile(head("GET /api/events/?sort=%ff%00 HTTP/1.1", *SIGNED), (400,)),
    "no UTF-8 in the key": Hostile(head("GET /api/events/ HTTP/1.1", HOST_LINE, b"Authorization: \xff\xfe"), (401,)),
    "a type that is no text": Hostile(
        head(CREATE, *SIGNED[:-1], b"Content-Type: application/json; \xff", SIZE) + BODY, (415,)
    ),
    "an encoding that is no text": Hostile(create(SIZE, b"Content-Encoding: \xff"), (415,)),
    "a proxy's request": Hostile(head("CONNECT a.example:443 HTTP/1.1", HOST_LINE), (404,)),
    "a request for everything": Hostile(head("OPTIONS * HTTP/1.1", HOST_LINE), (404,)),
    "no host": Hostile(head("GET /healthz HTTP/1.1"), (400,)),
    "two hosts": Hostile(head("GET /healthz HTTP/1.1", HOST_LINE, HOST_LINE), (400,)),
    "markup for a host": Hostile(head("GET /healthz HTTP/1.1", "Host: <script>alert(1)</script>"), (400,)),
    "a path for a host": Hostile(head("GET /api/events/ HTTP/1.1", "Host: a.example/b?c=", *SIGNED[1:]), (400,)),
    "a proxy's request and another one behind it": Hostile(
        head("CONNECT a.example:443 HTTP/1.1", HOST_LINE) + HEALTH, (404,)
    ),
}
CUTS: Final = {
    f"cut {part}": Hostile(
        create(SIZE)[:place] if place < 0 else create(SIZE)[: create(SIZE).index(mark) + place], (), True
    )
    for part, mark, place in (
        ("within the method", b"POST", 2),
        ("within the path", b"/api", 3),
        ("before the version", b"HTTP/1.1", 0),
        ("within the version", b"HTTP/1.1", 6),
        ("behind the first line", b"Host", 0),
        ("within a name", b"revision", 3),
        ("within a value", b"2024-06-15", 4),
        ("before the empty line", b"\r\n\r\n", 2),
    )
} | {
    "cut before the body": Hostile(create(SIZE, body=b""), (400,), is_cut=True),
    "cut within the body": Hostile(create(SIZE, body=BODY[:100]), (400,), is_cut=True),
    "cut before the last byte": Hostile(create(SIZE, body=BODY[:-1]), (400,), is_cut=True),
    "nothing at all": Hostile(b"", (), is_cut=True),
    "empty lines": Hostile(b"\r\n" * 10_000, (), is_cut=True),
}
OTHER_PROTOCOLS: Final = {
    "HTTP/2": Hostile(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", (400,)),
    "HTTP/0.9": Hostile(b"GET /healthz\r\n\r\n", (400,)),
    "HTTP/3.1": Hostile(head("GET /healthz HTTP/3.1"), (400,)),
    "TLS": Hostile(bytes.fromhex("16030100f8010000f40303") + b"\x55" * 240, (400,)),
    "SSH": Hostile(b"SSH-2.0-OpenSSH_9.9\r\n", (400,)),
    "Redis": Hostile(b"*1\r\n$4\r\nPING\r\n", (400,)),
    "an upgrade to HTTP/2": Hostile(
        head(
            "GET /healthz HTTP/1.1",
            HOST_LINE,
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAM",
        ),
        (200,),
    ),
    "a websocket": Hostile(
        head(
            "GET /healthz HTTP/1.1",
            *(
                HOST_LINE,
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: YQ==",
            ),
        ),
        (200,),
    ),
    "an upgrade whose body is a request": Hostile(
        head("GET /healthz HTTP/1.1", HOST_LINE, *UPGRADE, f"Content-Length: {len(HEALTH)}") + HEALTH, (200,)
    ),
    "a create that asks for an upgrade": Hostile(create(SIZE, *UPGRADE), (202,), keeps=1),
    "a create in chunks that asks for an upgrade": Hostile(
        create(CHUNKED, *UPGRADE, body=chunk(BODY) + LAST_CHUNK), (202,), keeps=1
    ),
}
PIPELINES: Final = {
    "good and bad requests behind each other": Hostile(
        whole(BODY)
        + HEALTH
        + whole(b"{}")
        + head("GET /api/ HTTP/1.1", HOST_LINE)
        + whole(BODY)
        + b"NONSENSE\r\n\r\n"
        + HEALTH,
        (202, 200, 400, 404, 202, 400),
        keeps=1,
    ),
    "a hundred requests at once": Hostile(HEALTH * 100, (200,) * 100),
    "a refused body and the next request": Hostile(
        head("POST /api/events/ HTTP/1.1", HOST_LINE, SIZE) + BODY + HEALTH, (401, 200)
    ),
    "a request in a body that nobody reads": Hostile(
        head("GET /healthz HTTP/1.1", HOST_LINE, f"Content-Length: {len(HEALTH)}") + HEALTH, (200,)
    ),
    "a body that nobody waits for": Hostile(
        head("POST /api/nothing/ HTTP/1.1", HOST_LINE, "Content-Length: 50000000") + b"x" * 50_000_000,
        (404,),
        breaks=True,
    ),
    "a client that asks whether to go on and goes on": Hostile(create(SIZE, "Expect: 100-continue"), (202,), keeps=1),
}
ENCODINGS: Final = {
    "gzip": Hostile(whole(gzip.compress(BODY), GZIP), (202,), keeps=1),
    "gzip in many members": Hostile(whole(b"".join(MEMBERS), GZIP), (202,), keeps=1),
    "gzip in too many members": Hostile(whole(gzip.compress(b"") * (GZIP_MEMBERS_MAX * 1_000), GZIP), (400,)),
    "a gzip bomb": Hostile(whole(BOMB, GZIP), (413,)),
    "a gzip bomb in gzip": Hostile(whole(gzip.compress(BOMB), GZIP), (400,)),
    "gzip, told twice": Hostile(whole(gzip.compress(gzip.compress(BODY)), "Content-Encoding: gzip, gzip"), (415,)),
    "gzip that is cut": Hostile(whole(gzip.compress(BODY)[:-1], GZIP), (400,)),
    "gzip with a wrong checksum": Hostile(whole(gzip.compress(BODY)[:-8] + bytes(8), GZIP), (400,)),
    "gzip with more behind it": Hostile(whole(gzip.compress(BODY) + b"more", GZIP), (400,)),
    "no gzip": Hostile(whole(BODY, GZIP), (400,)),
    "nothing, as gzip": Hostile(whole(b"", GZIP), (400,)),
    "deflate": Hostile(whole(zlib.compress(BODY), "Content-Encoding: deflate"), (415,)),
    "brotli": Hostile(whole(b"\x0b\x02\x80\x03", "Content-Encoding: br"), (415,)),
}
BODIES: Final = {
    "ten thousand levels": Hostile(with_properties(b'{"a":' * 10_000 + b"1" + b"}" * 10_000), (400,)),
    "ten thousand levels around everything": Hostile(whole(b"[" * 10_000 + BODY + b"]" * 10_000), (400,)),
    "as many levels as fit": Hostile(whole(b"[" * MUCH), (400,)),
    "a string of 5 MB": Hostile(with_properties(b'{"a":"%s"}' % (b"x" * MUCH)), (400,)),
    "a string of 5 MB in escapes": Hostile(with_properties(b'{"a":"%s"}' % (b"\\u00e9" * (MUCH // 6))), (400,)),
    "a string of 5 MB of quotes": Hostile(with_properties(b'{"a":"%s"}' % (b'\\"' * (MUCH // 2))), (400,)),
    "a key of 5 MB": Hostile(with_properties(b'{"%s":1}' % (b"x" * MUCH)), (400,)),
    "a number of 5 MB": Hostile(with_properties(b'{"a":%s}' % (b"9" * MUCH)), (400,)),
    "an exponent of 5 MB": Hostile(with_properties(b'{"a":1e%s}' % (b"9" * MUCH)), (400,)),
    "half a million keys": Hostile(with_properties(b"{%s}" % b",".join(b'"%x":1' % n for n in range(430_000))), (400,)),
    "a million keys, all the same": Hostile(with_properties(b"{%s}" % b",".join([b'"":1'] * 900_000)), (400,)),
    "half a million unknown members": Hostile(
        whole(b"{%s}" % b",".join(b'"%x":1' % n for n in range(430_000))), (400,)
    ),
    "a million elements": Hostile(with_properties(b'{"a":[%s]}' % b",".join([b"[]"] * 1_600_000)), (400,)),
    "a million items": Hostile(bulk(b",".join([b"{}"] * 1_600_000)), (400,)),
    "long keys on the way to a hundred faults": Hostile(
        with_properties(b'{"%s":' % (b"~" * 100) * 9 + b"[%s]" % b",".join([b'"\\u0000"'] * 3_000) + b"}" * 9), (400,)
    ),
    "too many events": Hostile(
        head(BULK, *SIGNED, f"Content-Length: {len(bulk_body(['x'] * 1_001, 1))}") + bulk_body(["x"] * 1_001, 1), (400,)
    ),
    "half a surrogate pair": Hostile(with_properties(b'{"a":"\\ud800"}'), (400,)),
    "half a surrogate pair, as bytes": Hostile(with_properties(b'{"a":"\xed\xa0\x80"}'), (400,)),
    "half a surrogate pair as a key": Hostile(with_properties(b'{"\\udfff":1}'), (400,)),
    "no UTF-8": Hostile(with_properties(b'{"a":"\xff\xc0"}'), (400,)),
    "UTF-16": Hostile(whole(BODY.decode().encode("utf-16")), (400,)),
    "a byte order mark": Hostile(whole(b"\xef\xbb\xbf" + BODY), (400,)),
    "NUL in a string": Hostile(with_properties(b'{"a":"\\u0000"}'), (400,)),
    "the same key twice": Hostile(with_properties(b'{"a":1,"a":1}'), (400,)),
    "the same key twice, written differently": Hostile(with_properties(b'{"a":1,"\\u0061":1}'), (400,)),
    "no number": Hostile(with_properties(b'{"a":NaN}'), (400,)),
    "no end of numbers": Hostile(with_properties(b'{"a":-Infinity}'), (400,)),
    "two documents": Hostile(whole(BODY + BODY), (400,)),
    "blanks alone": Hostile(whole(b" " * MUCH), (400,)),
    "zeros": Hostile(whole(bytes(MUCH)), (400,)),
}
REQUESTS: Final = LENGTHS | CHUNKS | HEADERS | CUTS | OTHER_PROTOCOLS | PIPELINES | ENCODINGS | BODIES
