"""Events as JSON:API resources, in bytes: one by one, or a page at a time through the compiled writer.

The compiled writer fills templates that are made here, by the same forms as a single
event, so that there is one definition of an event's form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final

import msgspec

from eventkeep.model.event import StoredEvent, event_uuid, public_id
from eventkeep.model.event_columns import TextColumn
from eventkeep.model.metric import Metric
from eventkeep.model.stored_events import StoredEvents
from eventkeep.native import page_writer
from eventkeep.native.page_writer import (
    ATTRIBUTION_ID,
    HAS_CURRENCY,
    HAS_VALUE,
    IS_WHOLE,
    JoinedTexts,
    PageColumns,
    Templates,
    write_page,
)
from eventkeep.protocol.datetimes import datetime_of
from eventkeep.protocol.fieldsets import Fieldset
from eventkeep.protocol.reads.event_properties import event_properties, with_added, with_reserved
from eventkeep.protocol.resources import json_text

_EVENT: Final = (
    b'{"type":"event","id":"%b","attributes":{%b},"relationships":{'
    b'"profile":{"data":{"type":"profile","id":"%b"},'
    b'"links":{"self":"%brelationships/profile/","related":"%bprofile/"}},'
    b'"metric":{"data":{"type":"metric","id":"%b"},'
    b'"links":{"self":"%brelationships/metric/","related":"%bmetric/"}}%b},'
    b'"links":{"self":"%b"}}'
)
_ATTRIBUTIONS: Final = (
    b',"attributions":{"data":[{"type":"attribution","id":"%b"}],'
    b'"links":{"self":"%brelationships/attributions/","related":"%battributions/"}}'
)
_FORMS: Final = {
    "timestamp": b'"timestamp":%b',
    "event_properties": b'"event_properties":%b',
    "datetime": b'"datetime":"%b"',
    "uuid": b'"uuid":"%b"',
}
"""How each attribute is written, in their order."""
_TEXTS: Final[Mapping[str, Callable[[StoredEvent, bool, bytes], bytes]]] = {
    "timestamp": lambda event, *_: b"%d" % event.time,
    "event_properties": event_properties,
    "datetime": lambda event, *_: datetime_of(event.time).encode(),
    "uuid": lambda event, *_: event_uuid(event.time, event.id).encode(),
}
"""The value of each attribute, of an event, whether its metric ever had a value, and its ``$attribution``."""

WRITERS_REMEMBERED_MAX: Final = 64
BASE_URL_CHARACTERS_REMEMBERED_MAX: Final = 300
"""A client may name any host, so longer ones are not remembered; no name in the DNS is that long."""

_encode = msgspec.json.Encoder().encode


class Attributed(msgspec.Struct, frozen=True):
    """How each event of a page shows its attribution, in the order of the events; empty if none of them shows one.

    ``ids`` are those of the related resources, "" for none; ``properties`` are values of ``$attribution``, b"" for
    none.
    """

    ids: Sequence[str] = ()
    properties: Sequence[bytes] = ()


_NOT_ATTRIBUTED: Final = Attributed()


class EventWriter:
    """Writes events with the same attributes (``names``, in the order of the forms) and the same beginning of links.

    Any thread's.
    """

    def __init__(self, base_url: str, names: tuple[str, ...]) -> None:
        self._links = json_text(base_url) + b"/api/events/"
        self._names = names
        self._attributes = b",".join([_FORMS[name] for name in names])

    def write(
        self,
        event: StoredEvent,
        metric: Metric,
        profile_id: str,
        attribution_id: str = "",
        attribution_property: bytes = b"",
    ) -> bytes:
        """The event's resource object."""
        texts = [_TEXTS[name](event, metric.has_value, attribution_property) for name in self._names]
        own_id, names = public_id(event.time, event.id).encode(), (profile_id.encode(), metric.id.encode())
        return self._resource(own_id, *names, texts, attribution_id.encode())

    def write_all(
        self,
        events: StoredEvents,
        metrics: Mapping[int, Metric],
        profile_ids: Mapping[int, str],
        attributed: Attributed = _NOT_ATTRIBUTED,
    ) -> bytes | memoryview:
        """The events' resource objects with commas between them; empty without events.

        ``metrics`` and ``profile_ids`` (public ids) have the metric and the profile of each event, by number. Raises
        KeyError if one is missing, ValueError if ``attributed`` is not of as many events.
        """
        count = len(events)
        ids, properties = attributed.ids or [""] * count, attributed.properties or [b""] * count
        if not len(ids) == len(properties) == count:
            raise ValueError(f"expected attributions of {count} events, found {len(ids)} and {len(properties)}")
        # One alone takes Python no longer.
        written = self._write_page(events, metrics, profile_ids, attributed) if count > 1 else None
        if written is not None:
            return written
        return b",".join(
            [
                self.write(event, metrics[event.metric], profile_ids[event.profile], id, attribution)
                for event, id, attribution in zip(events, ids, properties, strict=True)
            ]
        )

    def _write_page(
        self,
        events: StoredEvents,
        metrics: Mapping[int, Metric],
        profile_ids: Mapping[int, str],
        attributed: Attributed,
    ) -> memoryview | None:
        """The same through the compiled writer; None if there is none, or if only Python can write the page."""
        encoded_values = _encode(events.values)
        # Numbers that JSON does not have are written as null, too.
        if encoded_values.count(b"null") != events.values.count(None):
            return None
        flag_of = {number: HAS_VALUE if metrics[number].has_value else 0 for number in set(events.metrics)}
        flags = bytearray(map(flag_of.__getitem__, events.metrics))
        properties = events.properties
        if "event_properties" in self._names and (places := to_write_whole(properties, attributed.properties)):
            texts = properties.texts()
            for place in places:
                event = events[place]
                own = attributed.properties[place] if attributed.properties else b""
                texts[place] = event_properties(event, metrics[event.metric].has_value, own)
                flags[place] = IS_WHOLE
            properties = TextColumn.of(texts)
        columns = PageColumns(
            times=events.times,
            ids=events.ids,
            flags=flags,
            profile_ids=_encode([profile_ids[number] for number in events.profiles]),
            metric_ids=_encode([metrics[number].id for number in events.metrics]),
            unique_ids=JoinedTexts(events.unique_ids.joined, events.unique_ids.sizes),
            values=encoded_values,
            currencies=_encode(events.currencies),
            attribution_ids=_encode(attributed.ids or [""] * len(events)),
            properties=JoinedTexts(properties.joined, properties.sizes),
        )
        return write_page(self._templates, columns)

    @cached_property
    def _templates(self) -> Templates:
        kinds = []
        for kind in range(IS_WHOLE):
            currency = page_writer.CURRENCY if kind & HAS_CURRENCY else b""
            value = page_writer.VALUE if kind & HAS_VALUE else b""
            added = with_added(page_writer.MEMBERS, currency, page_writer.UNIQUE_ID, value)
            kinds.append(added.replace(page_writer.MEMBERS + b",", page_writer.MEMBERS))
        kinds.append(page_writer.PROPERTIES)
        return Templates(
            [self._template(kind, attribution_id) for attribution_id in (b"", ATTRIBUTION_ID) for kind in kinds]
        )

    def _template(self, properties: bytes, attribution_id: bytes) -> bytes:
        """An event with markers in the place of its values, and this in the place of its ``event_properties``."""
        texts = {
            "timestamp": page_writer.TIMESTAMP,
            "event_properties": properties,
            "datetime": page_writer.DATETIME,
            "uuid": page_writer.UUID,
        }
        return self._resource(
            page_writer.PUBLIC_ID,
            page_writer.PROFILE_ID,
            page_writer.METRIC_ID,
            [texts[name] for name in self._names],
            attribution_id,
        )

    def _resource(
        self, own_id: bytes, profile_id: bytes, metric_id: bytes, texts: Sequence[bytes], attribution_id: bytes
    ) -> bytes:
        own = b"%b%b/" % (self._links, own_id)
        attributes = self._attributes % tuple(texts)
        attributions = _ATTRIBUTIONS % (attribution_id, own, own) if attribution_id else b""
        return _EVENT % (own_id, attributes, profile_id, own, own, metric_id, own, own, attributions, own)


def to_write_whole(properties: TextColumn, attributions: Sequence[bytes]) -> list[int]:
    """The places of the events whose ``event_properties`` take Python."""
    attributed = [place for place, value in enumerate(attributions) if value]
    return sorted({*attributed, *with_reserved(properties)})


def event_writer(base_url: str, wanted: Fieldset) -> EventWriter:
    """The writer of the wanted attributes. ``base_url`` is the beginning of links, without a slash at its end."""
    names = tuple([name for name in _FORMS if name in wanted])
    if len(base_url) > BASE_URL_CHARACTERS_REMEMBERED_MAX:
        return EventWriter(base_url, names)
    return _remembered_writer(base_url, names)


_remembered_writer: Final = lru_cache(WRITERS_REMEMBERED_MAX)(EventWriter)
