"""Cursors: the place at which a page begins, bound to the question of its listing.

A cursor is a place and a keyed hash over it and over the question (operation, sort and
filter). Nobody without the key can make one or use it with another question. As text it is
unpadded URL-safe base64. The place of an event is 13 bytes: a direction, its time and its id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import struct
from typing import Final
from urllib.parse import unquote

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import CURSOR_CHARACTERS_MAX

PARAMETER: Final = "page[cursor]"
_PLACE: Final = struct.Struct(">BIQ")
_HASH_BYTES: Final = 16
_PERSON: Final = b"eventkeep page"
_IN_LINK: Final = re.compile(r"page(?:\[|%5B)cursor(?:\]|%5D)=([^&#]*)", re.IGNORECASE)


class Cursor(msgspec.Struct, frozen=True):
    """A page begins behind the event of this time (Unix seconds) and id; if ``backward``, it ends before it."""

    time: int
    id: int
    backward: bool = False


def print_cursor(cursor: Cursor, question: bytes, secret: bytes) -> str:
    """The cursor as links carry it. ``secret`` has 1 to 64 bytes."""
    return print_place(_PLACE.pack(cursor.backward, cursor.time, cursor.id), question, secret)


def parse_cursor(text: str, question: bytes, secret: bytes) -> Cursor:
    """The cursor in a ``page[cursor]``, as ``parse_place`` reads it."""
    place = parse_place(text, question, secret)
    if len(place) != _PLACE.size:
        raise invalid_cursor()
    backward, time, event_id = _PLACE.unpack(place)
    return Cursor(time, event_id, bool(backward))


def print_place(place: bytes, question: bytes, secret: bytes) -> str:
    """A place as links carry it. ``secret`` has 1 to 64 bytes."""
    return base64.urlsafe_b64encode(place + _seal(place, question, secret)).decode().rstrip("=")


def parse_place(text: str, question: bytes, secret: bytes) -> bytes:
    """The place in a ``page[cursor]``: alone, with a leading ``=``, or in the whole link that it came in.

    Raises InvalidRequest for a text that is no cursor, one that was changed, and one of another question.
    """
    bare = bare_cursor(text)
    if len(bare) > CURSOR_CHARACTERS_MAX:
        raise invalid_cursor()
    try:
        content = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise invalid_cursor() from exc
    place = content[:-_HASH_BYTES]
    if base64.urlsafe_b64encode(content).decode().rstrip("=") != bare:
        raise invalid_cursor()
    if not hmac.compare_digest(content[-_HASH_BYTES:], _seal(place, question, secret)):
        raise invalid_cursor()
    return place


def bare_cursor(text: str) -> str:
    """The cursor by itself, out of the forms in which clients send it."""
    link = _IN_LINK.search(text)
    return (unquote(link[1]) if link is not None else text).removeprefix("=")


def _seal(place: bytes, question: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(place + question, key=secret, digest_size=_HASH_BYTES, person=_PERSON).digest()


def invalid_cursor() -> InvalidRequest:
    """The service's words for a cursor that can't be used."""
    return InvalidRequest([Fault("Invalid cursor provided.", parameter=PARAMETER)])
