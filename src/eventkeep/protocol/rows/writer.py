"""Stored events to the rows of an export, as JSON Lines, with the values that reading them through the API gives.

Properties are stored as they were sent, and nearly all stand in a row as they are. Those that do not, and all of them
without the compiled writer, take the way of the API: shown as ``event_properties`` and taken apart again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.model.event import StoredEvent, event_uuid, public_id
from eventkeep.model.event_columns import EventColumns, TextColumn
from eventkeep.native import row_writer
from eventkeep.native.row_writer import RowBuffer, Texts
from eventkeep.protocol.datetimes import datetime_of
from eventkeep.protocol.reads.event_properties import event_properties
from eventkeep.protocol.rows.sent_attributes import sent_attributes

_NAMES: Final = (
    b'{"time":"',
    b',"unique_id":',
    b',"value":',
    b',"value_currency":',
    b',"properties":',
    b',"event_id":"',
    b',"uuid":"',
)
"""The fixed texts of a row, as the compiled writer takes them."""

Places = npt.NDArray[np.intp]

_encode = msgspec.json.Encoder().encode


class RowNames(msgspec.Struct, frozen=True):
    """The names of rows: a list of texts, and the place in it of each row (shape [n]).

    A metric's text has its columns as members of an object. A profile's text is that of ``profile_members``. Of the
    ids they are ``"metric_id":"…"`` and ``"profile_id":"…"``.
    """

    metrics: Sequence[bytes]
    metric_ids: Sequence[bytes]
    metric_of: Places
    profiles: Sequence[bytes]
    profile_ids: Sequence[bytes]
    profile_of: Places


class _Sent:
    """The attributes that were sent with events, in the order of their rows."""

    def __init__(self, events: EventColumns, has_values: npt.NDArray[np.bool_], order: Places) -> None:
        self.values = events.numbers["value"][order]
        self.unique_ids = texts_of(events.texts["unique_id"]).take(order)
        self.currencies = texts_of(events.texts["currency"]).take(order)
        self.properties = texts_of(events.texts["properties"]).take(order)
        self._times, self._has_values = events.numbers["time"][order], has_values[order]
        is_plain = np.isfinite(self.values) | np.isnan(self.values)
        if row_writer.is_built():
            is_plain &= row_writer.find_verbatim(self.properties)
        else:
            is_plain[:] = False
        shown = self.values.copy()
        # A metric that has had a value shows one for each of its events.
        shown[np.isnan(shown) & self._has_values] = 0.0
        places = np.flatnonzero(~is_plain).tolist()
        if places:
            self._take_apart(places, shown)
        self.values = shown

    def _take_apart(self, places: Sequence[int], shown: npt.NDArray[np.float64]) -> None:
        """Replace the attributes at ``places`` with those that the API's form gives back, their values in ``shown``."""
        properties, currencies = self.properties.listed(), self.currencies.listed()
        for place in places:
            value = float(self.values[place])
            event = StoredEvent(
                account=0,
                time=int(self._times[place]),
                id=0,
                profile=0,
                metric=0,
                unique_id=_text(self.unique_ids, place).decode(),
                value=None if value != value else value,
                currency=currencies[place].decode(),
                properties=properties[place],
            )
            sent = sent_attributes(event_properties(event, bool(self._has_values[place])), event.time)
            shown[place] = np.nan if sent.value is None else sent.value
            currencies[place] = (sent.value_currency or "").encode()
            properties[place] = sent.properties
        self.properties, self.currencies = joined_texts(properties), joined_texts(currencies)


def write_rows(
    events: EventColumns,
    has_values: npt.NDArray[np.bool_],
    names: RowNames,
    order: Places,
    buffer: RowBuffer,
    *,
    has_ids: bool,
) -> bytes | memoryview:
    """The rows of events as JSON Lines, in ``buffer`` if there is a compiled writer.

    ``has_values`` says whether each event's metric ever had a value (shape [n]). Row r is that of the event at
    ``order[r]`` (shape [n]). ``has_ids`` adds the columns that are the server's own.
    """
    sent = _Sent(events, has_values, order)
    time, id = events.numbers["time"][order], events.numbers["id"][order]
    values: list[float] = sent.values.tolist()
    metric_of, profile_of = names.metric_of[order], names.profile_of[order]
    texts = (
        sent.unique_ids,
        sent.currencies,
        sent.properties,
        joined_texts(names.metrics).take(metric_of),
        joined_texts(names.profiles).take(profile_of),
        joined_texts(names.metric_ids if has_ids else [b""] * len(names.metrics)).take(metric_of),
        joined_texts(names.profile_ids if has_ids else [b""] * len(names.profiles)).take(profile_of),
    )
    if row_writer.is_built():
        return buffer.write_rows(_NAMES, time, id, _encode(values), texts, has_ids)
    return b"".join(
        [_row(row, values[row], texts, (int(time[row]), int(id[row])), has_ids=has_ids) for row in range(len(values))]
    )


def _row(row: int, value: float, texts: Sequence[Texts], name: tuple[int, int], *, has_ids: bool) -> bytes:
    unique_id, currency, properties, metric, profile, metric_id, profile_id = [_text(each, row) for each in texts]
    time, unique_id_name, value_name, currency_name, properties_name, event_id_name, uuid_name = _NAMES
    parts = [time, datetime_of(name[0]).encode(), b'",', metric, unique_id_name, _encode(unique_id.decode())]
    if value == value:
        parts += [value_name, _encode(value)]
    if currency:
        parts += [currency_name, _encode(currency.decode())]
    parts += [properties_name, properties, profile]
    if has_ids:
        parts += [event_id_name, public_id(*name).encode(), b'"', uuid_name, event_uuid(*name).encode(), b'",']
        parts += [metric_id, b",", profile_id]
    return b"".join([*parts, b"}\n"])


def texts_of(column: TextColumn) -> Texts:
    """A column of events as texts of rows."""
    return Texts(column.joined, column.offsets()[:-1], column.sizes)


def joined_texts(texts: Sequence[bytes]) -> Texts:
    """Texts end to end."""
    sizes = np.array([len(text) for text in texts], dtype=np.uint32)
    return texts_of(TextColumn(b"".join(texts), sizes))


def _text(texts: Texts, place: int) -> bytes:
    start = int(texts.starts[place])
    return texts.joined[start : start + int(texts.sizes[place])]
