"""``event_properties``: the properties as they were sent, with those that the server adds.

Order, as captured from the live service: the sent properties, ``$value_currency``,
``$event_id``, ``$value``, and ``$extra`` last.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from eventkeep.model.event import StoredEvent
from eventkeep.model.event_columns import TextColumn

_WHITESPACE: Final = b" \t\r\n"
_RESERVED: Final = re.compile(rb'"(?:\$|\\u0024)[ev\\]')
"""How each property begins that the server writes or moves, however its name is escaped."""

_encode = msgspec.json.Encoder().encode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def event_properties(event: StoredEvent, has_value: bool, attribution: bytes = b"") -> bytes:
    """The event's ``event_properties`` as a JSON object. ``has_value``: whether its metric ever had a value.

    ``attribution`` is the value of ``$attribution``, which takes the place of one that was sent; b"" for none. The
    properties are not decoded unless one of them may have a name of the server's own.
    """
    sent, extra, is_value_sent = event.properties, b"", False
    if attribution or _RESERVED.search(sent):
        members = _decode_members(sent)
        members.pop("$event_id", None)
        if attribution:
            members["$attribution"] = msgspec.Raw(attribution)
        if event.value is not None:
            members.pop("$value", None)
        if event.currency:
            members.pop("$value_currency", None)
        is_value_sent = "$value" in members
        extra = bytes(members.pop("$extra", b""))
        own = b",".join([b"%b:%b" % (_encode(name), bytes(value)) for name, value in members.items()])
    else:
        own = sent.strip(_WHITESPACE)[1:-1].strip(_WHITESPACE)
    value = b""
    if event.value is not None:
        value = _encode(event.value)
    elif has_value and not is_value_sent:
        value = b"0"
    return with_added(own, _encode(event.currency) if event.currency else b"", _encode(event.unique_id), value, extra)


def with_added(own: bytes, currency: bytes, unique_id: bytes, value: bytes, extra: bytes = b"") -> bytes:
    """The object of the members that are the sender's ``own`` and those of the server; all JSON texts, b"" for none."""
    parts = [own] if own else []
    if currency:
        parts.append(b'"$value_currency":%b' % currency)
    parts.append(b'"$event_id":%b' % unique_id)
    if value:
        parts.append(b'"$value":%b' % value)
    if extra:
        parts.append(b'"$extra":%b' % extra)
    return b"{%b}" % b",".join(parts)


def with_reserved(properties: TextColumn) -> list[int]:
    """The places of those of ``properties`` in which a property may have a name of the server's own.

    Most pages have no dollar sign, and nothing else is looked at.
    """
    joined = properties.joined
    if b"$" not in joined and (b"\\" not in joined or b"\\u0024" not in joined):
        return []
    return [
        place
        for place, sent in enumerate(properties.texts())
        if (b"$" in sent or b"\\u0024" in sent) and _RESERVED.search(sent)
    ]
