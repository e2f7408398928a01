"""From the documents of a create request to its submission.

None stands for "not so simple": some rule is broken, or might be, and
``eventkeep.protocol.creates.validation`` has to say which. The rules themselves are the same
functions there and here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET, UnsetType
from xxhash import xxh3_128_digest

from eventkeep.limits import BULK_EVENTS_MAX
from eventkeep.model.currency import normal_currency
from eventkeep.model.submission import NUMBER_TYPE, ProfileWrite, Submission, number_column, value_column
from eventkeep.protocol.creates.documents import EventContent
from eventkeep.protocol.creates.event_times import is_in_window, parse_time, parse_times
from eventkeep.protocol.creates.metric_names import MetricName, Named
from eventkeep.protocol.creates.profile_writes import named_profiles
from eventkeep.protocol.creates.raw_documents import (
    ReceivedBulk,
    ReceivedEventAttributes,
    ReceivedSingle,
    ReceivedSingleAttributes,
)
from eventkeep.protocol.revisions import Revision

EVENT_ATTRIBUTES: Final = frozenset(EventContent.__struct_encode_fields__) - {"properties"}
"""The optional attributes of an event that any revision knows."""

SINGLE_KEYS: Final = len(("data", "type", "attributes", "metric", "profile", "properties"))
"""Required keys of a single create, without those within its profile, metric and properties."""
BULK_KEYS: Final = len(("data", "type", "attributes", "events-bulk-create", "data"))
"""Required keys of a bulk create besides those of its items."""
ITEM_KEYS: Final = len(("type", "attributes", "profile", "events", "data"))
"""Required keys of an item, without those within its profile and its events."""
EVENT_KEYS: Final = len(("type", "attributes", "metric", "properties"))
"""Required keys of an event of a bulk create, without those within its metric and properties."""

SINGLE_POINTER: Final = "/data/attributes/profile/data"
SINGLE_POINTERS: Final = (SINGLE_POINTER,)
BULK_POINTERS: Final = tuple(
    f"/data/attributes/events-bulk-create/data/{place}/attributes/profile/data" for place in range(BULK_EVENTS_MAX)
)
"""Where each profile of a bulk request stands; made once, because it costs as much as reading the profile."""


_ONE_NUMBER: Final = struct.Struct("<I")
_ONE_VALUE: Final = struct.Struct("<d")
_ZERO: Final = _ONE_NUMBER.pack(0)

Column = Sequence[Any]
"""An optional attribute of each event: its value, None for null, UNSET where it is absent."""


class Parts(msgspec.Struct, gc=False):
    """A create document, taken apart.

    ``profiles``, ``metrics`` and ``properties`` hold raw JSON: a list of each profile, a
    list of each event's metric, and all properties in one, of ``property_bytes`` each.
    ``pointers`` has at least one entry per profile, ``profile_index`` one per event.
    ``optional`` holds the columns of EVENT_ATTRIBUTES; that of ``backfill`` goes
    on with the items of a bulk create. ``keys`` counts the keys of the document besides
    those in raw JSON.
    """

    profiles: list[bytes]
    pointers: Sequence[str]
    profile_index: Sequence[int]
    metrics: list[bytes]
    properties: bytes
    property_bytes: list[int]
    optional: dict[str, Column]
    keys: int


def single_submission(
    event: ReceivedSingleAttributes,
    properties: bytes,
    write: ProfileWrite,
    metric: MetricName,
    revision: Revision,
    received_at: int,
    body_bytes: int,
) -> Submission | None:
    """What ``submission_of`` makes of a create with one event, without the columns: half the work."""
    for name in unknown_attributes(revision.create_event_attributes):
        if getattr(event, name) is not UNSET:
            return None
    time = parse_time(event.time) if isinstance(event.time, str) else received_at
    if time is None or not is_in_window(time, received_at):
        return None
    currency = normal_currency(event.value_currency) if isinstance(event.value_currency, str) else ""
    if currency is None:
        return None
    unique_id = (event.unique_id or str(time)).encode()
    value = event.value if isinstance(event.value, float) else None
    return Submission(
        events=1,
        profiles=[write],
        pointers=SINGLE_POINTERS,
        profile_index=_ZERO,
        metrics=[metric],
        metric_index=_ZERO,
        time=_ONE_NUMBER.pack(time),
        unique_id=unique_id,
        unique_id_bytes=_ONE_NUMBER.pack(len(unique_id)),
        unique_id_hash=xxh3_128_digest(unique_id),
        value=_ONE_VALUE.pack(value or 0.0),
        has_value=b"\0" if value is None else b"\1",
        currency=currency.encode(),
        currency_bytes=_ONE_NUMBER.pack(len(currency)),
        properties=properties,
        property_bytes=_ONE_NUMBER.pack(len(properties)),
        body_bytes=body_bytes,
    )


def single_parts(document: ReceivedSingle) -> Parts:
    """The one profile and the one event of a create."""
    attributes = document.data.attributes
    return taken_apart([bytes(attributes.profile)], SINGLE_POINTERS, [0], [attributes], (), SINGLE_KEYS)


def bulk_parts(document: ReceivedBulk) -> Parts | None:
    """The profiles and events of a bulk create; None where there are none, or too many."""
    items = [item.attributes for item in document.data.attributes.items.data]
    lists = [item.events.data for item in items]
    sizes = [len(events) for events in lists]
    count = sum(sizes)
    if not all(sizes) or not 0 < count <= BULK_EVENTS_MAX:
        return None
    return taken_apart(
        [bytes(item.profile) for item in items],
        BULK_POINTERS,
        range(count) if count == len(items) else list(chain.from_iterable(map(repeat, range(len(sizes)), sizes))),
        [event.attributes for event in chain.from_iterable(lists)],
        [item.backfill for item in items],
        BULK_KEYS + len(items) * ITEM_KEYS + count * EVENT_KEYS,
    )


def taken_apart(
    profiles: list[bytes],
    pointers: Sequence[str],
    profile_index: Sequence[int],
    events: Sequence[ReceivedEventAttributes],
    backfills: Sequence[Any],
    keys: int,
) -> Parts:
    """The parts; ``keys`` counts the required ones, to which those of what is optional are added."""
    properties = [event.properties for event in events]
    optional: dict[str, Column] = {
        "time": [event.time for event in events],
        "value": [event.value for event in events],
        "value_currency": [event.value_currency for event in events],
        "unique_id": [event.unique_id for event in events],
        "backfill": [*(event.backfill for event in events), *backfills],
    }
    return Parts(
        profiles=profiles,
        pointers=pointers,
        profile_index=profile_index,
        metrics=[bytes(event.metric) for event in events],
        properties=b"".join(properties),
        property_bytes=list(map(len, properties)),
        optional=optional,
        keys=keys + sum([len(column) - column.count(UNSET) for column in optional.values()]),
    )


def submission_of(
    parts: Parts,
    writes: list[ProfileWrite],
    metrics: Named,
    revision: Revision,
    received_at: int,
    body_bytes: int,
) -> Submission | None:
    """What the parts ask to keep.

    ``writes`` is what is said of each profile, ``metrics`` the metrics and which of them
    each event is of; ``received_at`` is in Unix seconds.
    """
    if has_unknown_members(parts, revision):
        return None
    optional = parts.optional
    times = event_times(optional["time"], received_at)
    currencies = normal_currencies(optional["value_currency"])
    if times is None or currencies is None:
        return None
    unique_ids = filled_in(optional["unique_id"], times)
    value, has_value = value_columns(optional["value"])
    return Submission(
        events=len(times),
        # One alone is not worth it.
        profiles=(named_profiles(writes) or writes) if len(writes) > 1 else writes,
        pointers=parts.pointers,
        profile_index=number_column(parts.profile_index),
        metrics=metrics[0],
        metric_index=metrics[1],
        time=times.astype(NUMBER_TYPE).tobytes(),
        unique_id=b"".join(unique_ids),
        unique_id_bytes=number_column(list(map(len, unique_ids))),
        unique_id_hash=b"".join(map(xxh3_128_digest, unique_ids)),
        value=value,
        has_value=has_value,
        currency="".join(currencies).encode(),
        currency_bytes=number_column(list(map(len, currencies))),
        properties=parts.properties,
        property_bytes=number_column(parts.property_bytes),
        body_bytes=body_bytes,
    )


def has_unknown_members(parts: Parts, revision: Revision) -> bool:
    """Whether an event has an attribute that its revision lacks; a profile's are looked at one by one."""
    return any(
        parts.optional[name].count(UNSET) < len(parts.optional[name])
        for name in unknown_attributes(revision.create_event_attributes)
    )


def given_attributes(event: ReceivedEventAttributes) -> int:
    """How many of EVENT_ATTRIBUTES the event has."""
    return (
        (event.time is not UNSET)
        + (event.value is not UNSET)
        + (event.unique_id is not UNSET)
        + (event.value_currency is not UNSET)
        + (event.backfill is not UNSET)
    )


@lru_cache
def unknown_attributes(known: frozenset[str]) -> tuple[str, ...]:
    """The attributes of an event that other revisions know, but not the one that knows ``known``."""
    return tuple(EVENT_ATTRIBUTES - known)


def event_times(texts: Sequence[str | UnsetType | None], received_at: int) -> npt.NDArray[np.int64] | None:
    """Unix seconds (shape [events]), ``received_at`` where no time is sent; None where one is not allowed."""
    given = [text for text in texts if isinstance(text, str)]
    if not given:
        return np.full(len(texts), received_at, dtype=np.int64)
    times = parse_times(given)
    if times is None or not is_in_window(times.min(), received_at) or not is_in_window(times.max(), received_at):
        return None
    if len(times) == len(texts):
        return times
    filled = np.full(len(texts), received_at, dtype=np.int64)
    filled[[isinstance(text, str) for text in texts]] = times
    return filled


def filled_in(unique_ids: Sequence[str | UnsetType | None], times: npt.NDArray[np.int64]) -> list[bytes]:
    """The unique id of each event in UTF-8, its second where none is sent."""
    if all(unique_ids):
        return list(map(str.encode, unique_ids))  # type: ignore[arg-type]  # what is true is text
    return [(unique_id or str(time)).encode() for unique_id, time in zip(unique_ids, times.tolist(), strict=True)]


def value_columns(values: Sequence[float | UnsetType | None]) -> tuple[bytes, bytes]:
    """The value of each event, 0 where none is sent, and whether one is."""
    if set(map(type, values)) == {float}:
        return value_column(values), b"\1" * len(values)  # type: ignore[arg-type]  # as was looked
    flags = [isinstance(value, float) for value in values]
    return value_column([value if isinstance(value, float) else 0.0 for value in values]), bytes(flags)


def normal_currencies(codes: Sequence[str | UnsetType | None]) -> list[str] | None:
    """The currency of each event, "" where none is sent; None where one is no currency."""
    normal = {code: normal_currency(code) if isinstance(code, str) else "" for code in set(codes)}
    if None in normal.values():
        return None
    return [normal[code] for code in codes]  # type: ignore[misc]  # None is not among them, as was looked
