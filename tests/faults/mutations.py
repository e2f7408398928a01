"""Valid requests, broken at random: the same ones for the same seed."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from typing import Final

from tests.faults.hostile_requests import BODY, BULK, CHUNKED, GZIP, HEALTH, SIGNED, create, whole
from tests.faults.load import bulk_body
from tests.faults.raw_http import LAST_CHUNK, chunk, head

BULK_BODY: Final = bulk_body(["first", "second", "third"], 1, filler_characters=20)
GOOD: Final = (
    whole(BODY),
    whole(gzip.compress(BODY), GZIP),
    create(CHUNKED, body=chunk(BODY[:50]) + chunk(BODY[50:]) + LAST_CHUNK),
    head(BULK, *SIGNED, f"Content-Length: {len(BULK_BODY)}") + BULK_BODY,
    whole(BODY) + HEALTH + whole(BODY),
    head("GET /api/events/?include=profile&sort=datetime HTTP/1.1", *SIGNED),
    head("GET /api/events/?filter=greater-than(datetime,2024-06-15T12:00:00Z) HTTP/1.1", *SIGNED),
    head("GET /api/events/00000000000000000/metric/ HTTP/1.1", *SIGNED),
    head("GET /openapi/2024-06-15.json HTTP/1.1", "Host: x"),
)
TOKENS: Final = (
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b" ",
        b"\t",
        b":",
        b";",
        b"%",
        b"%00",
        b"%ff",
        b"?",
        b"&",
    ),
    *(b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"\\u0000", b"\\ud800", b"null", b"true", b'""', b"{}", b"[]", b"NaN"),
    *(b"0", b"-1", b"1e999", b"18446744073709551616", b"-9223372036854775809", b"99999999999999999999999999"),
    *(
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Encoding: gzip\r\n",
    ),
    *(
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: h2c\r\n",
        b"Host: \r\n",
        b"0\r\n\r\n",
        b"ffffffff\r\n",
    ),
    *(
        b"GET / HTTP/1.1\r\n\r\n",
        b"[" * 100,
        b'{"a":' * 100,
        b"a" * 1_000,
        b"X: y\r\n" * 200,
        "é".encode(),
        "\U0001f600".encode(),
    ),
)
RANDOM_BYTES_MAX: Final = 3_000
STEPS_MAX: Final = 5


def mutated(choose: random.Random) -> bytes:
    """A valid request in which a few bytes are broken; one of ten consists of random bytes only."""
    if choose.random() < 0.1:
        return choose.randbytes(choose.randrange(1, RANDOM_BYTES_MAX))
    message = choose.choice(GOOD)
    for _ in range(choose.randint(1, STEPS_MAX)):
        message = choose.choice(STEPS)(message, choose)
    return message


def place_in(message: bytes, choose: random.Random) -> int:
    """A place in the message; one of two is in its first lines, which are short compared to the rest."""
    end = message.find(b"\r\n\r\n") if choose.random() < 0.5 else len(message)
    return choose.randint(0, max(0, end))


def change_a_byte(message: bytes, choose: random.Random) -> bytes:
    place = place_in(message, choose)
    return message[:place] + choose.randbytes(1) + message[place + 1 :]


def flip_a_bit(message: bytes, choose: random.Random) -> bytes:
    place = place_in(message, choose)
    return (
        message[:place]
        + bytes(byte ^ 1 << choose.randrange(8) for byte in message[place : place + 1])
        + message[place + 1 :]
    )


def insert_a_token(message: bytes, choose: random.Random) -> bytes:
    place = place_in(message, choose)
    return message[:place] + choose.choice(TOKENS) + message[place:]


def leave_out(message: bytes, choose: random.Random) -> bytes:
    place = place_in(message, choose)
    return message[:place] + message[place + choose.randint(1, 40) :]


def repeat(message: bytes, choose: random.Random) -> bytes:
    place = place_in(message, choose)
    piece = message[place : place + choose.randint(1, 200)]
    return message[:place] + piece * choose.randint(1, 20) + message[place:]


def swap(message: bytes, choose: random.Random) -> bytes:
    first, second = sorted((place_in(message, choose), place_in(message, choose)))
    return message[second:] + message[first:second] + message[:first]


def cut_off(message: bytes, choose: random.Random) -> bytes:
    return message[: place_in(message, choose)]


def change_a_number(message: bytes, choose: random.Random) -> bytes:
    places = [place for place, byte in enumerate(message) if byte in b"0123456789"]
    if not places:
        return message
    place = choose.choice(places)
    return (
        message[:place]
        + str(choose.choice((0, 1, 9, 10, 255, 65_536, 2**31, 2**32, 2**63, 2**64))).encode()
        + message[place + 1 :]
    )


def join_another(message: bytes, choose: random.Random) -> bytes:
    return message + choose.choice(GOOD)


STEPS: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    *(change_a_byte, flip_a_bit, insert_a_token, insert_a_token, leave_out, repeat, swap, cut_off),
    *(change_a_number, change_a_number, join_another),
)
