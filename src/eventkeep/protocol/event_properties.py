"""``event_properties``: the properties as they were sent, with what the server adds.

Order, as captured from the live service: the sent properties, ``$value_currency``,
``$event_id``, ``$value``, and ``$extra`` last.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from eventkeep.model.event import StoredEvent

_WHITESPACE: Final = b" \t\r\n"
_RESERVED: Final = re.compile(rb'"(?:\$|\\u0024)[ev\\]')
"""How each property begins that the server writes or moves, however its name is escaped."""

_encode = msgspec.json.Encoder().encode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def event_properties(event: StoredEvent, has_value: bool) -> bytes:
    """The event's ``event_properties`` as a JSON object. ``has_value``: whether its metric ever had a value.

    The properties are not decoded unless one of them may have a name of the server's own.
    """
    sent, extra, is_value_sent = event.properties, b"", False
    if _RESERVED.search(sent):
        members = _decode_members(sent)
        members.pop("$event_id", None)
        if event.value is not None:
            members.pop("$value", None)
        if event.currency:
            members.pop("$value_currency", None)
        is_value_sent = "$value" in members
        extra = bytes(members.pop("$extra", b""))
        own = b",".join([b"%b:%b" % (_encode(name), bytes(value)) for name, value in members.items()])
    else:
        own = sent.strip(_WHITESPACE)[1:-1].strip(_WHITESPACE)
    parts = [own] if own else []
    if event.currency:
        parts.append(b'"$value_currency":%b' % _encode(event.currency))
    parts.append(b'"$event_id":%b' % _encode(event.unique_id))
    if event.value is not None:
        parts.append(b'"$value":%b' % _encode(event.value))
    elif has_value and not is_value_sent:
        parts.append(b'"$value":0')
    if extra:
        parts.append(b'"$extra":%b' % extra)
    return b"{%b}" % b",".join(parts)
