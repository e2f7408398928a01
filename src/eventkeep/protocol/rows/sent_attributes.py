"""The attributes that were sent with an event, taken out of the ``event_properties`` that the API shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from eventkeep.model.currency import normal_currency

_EVENT_ID, _VALUE, _CURRENCY = "$event_id", "$value", "$value_currency"
_LINE_ENDS: Final = bytes.maketrans(b"\r\n", b"  ")


class Attributes(msgspec.Struct, frozen=True):
    """The attributes that were sent with an event, taken out of its ``event_properties`` again."""

    unique_id: str
    value: float | None
    value_currency: str | None
    properties: bytes


_members = msgspec.json.Decoder(dict[str, Raw]).decode
_number_or_other = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def sent_attributes(event_properties: bytes, time: int) -> Attributes:
    """Take ``event_properties`` apart into the attributes that they were made of.

    The API shows the sent properties in their order, then ``$value_currency``,
    ``$event_id`` and ``$value``, then ``$extra``. So ``$value`` behind ``$event_id``, and
    ``$value_currency`` right before it, are the event's value and currency; at any other
    place, or with a value that can't be one, they are properties like any other. Without
    ``$event_id`` the unique_id is the event's second, the default of the API.
    """
    members = _members(event_properties)
    names = list(members)
    unique_id, value, currency = str(time), None, None
    if _EVENT_ID in members:
        sent = members.pop(_EVENT_ID)
        unique_id = _text(sent) or bytes(sent).decode()
        place = names.index(_EVENT_ID)
        if place and names[place - 1] == _CURRENCY:
            currency = normal_currency(_text(members[_CURRENCY]) or "")
            if currency is not None:
                del members[_CURRENCY]
        if _VALUE in names[place:]:
            value = _number(members[_VALUE])
            if value is not None:
                del members[_VALUE]
    return Attributes(unique_id, value, currency, json_object(members))


def json_object(members: Mapping[str, Raw]) -> bytes:
    """The members as a JSON object on one line, each value as it was written but for ends of lines between its tokens.

    Strings have no such bytes: they stand for blanks.
    """
    text = b"{%b}" % b",".join([b"%b:%b" % (_encode(name), bytes(value)) for name, value in members.items()])
    return text.translate(_LINE_ENDS) if b"\n" in text or b"\r" in text else text


def _text(value: Raw) -> str | None:
    found = _number_or_other(value)
    return found if isinstance(found, str) else None


def _number(value: Raw) -> float | None:
    found = _number_or_other(value)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
