"""The full parser of create bodies: it validates every value, names every fault, and makes the submission.

It takes ten times as long as ``eventkeep.protocol.creates.native_parser``, which takes most bodies.

Decisions that the wire document leaves open: a bulk create holds at least one event, and so does each of its items;
``value_currency`` may be in any case and is stored in upper case; null means absent in optional members, except that it
clears plain attributes of a profile and its location; ``meta`` is accepted beside and inside the attributes of a
profile in both bodies, and refused if it is given in both places.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from math import nan
from typing import Final, Never

import msgspec
from xxhash import xxh3_128_intdigest

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.model.currency import normal_currency
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates.event_times import parse_time
from eventkeep.protocol.creates.profile_writes import NOT_DECODED, profile_write
from eventkeep.protocol.creates.raw_documents import RawBulkCreate, RawEventAttributes, RawSingleCreate
from eventkeep.protocol.creates.submissions import metric_name, number_column, submission, text_column
from eventkeep.protocol.creates.tolerance import tolerated_profile, tolerated_properties
from eventkeep.protocol.creates.validation import faults_of_bulk_create, faults_of_create_event
from eventkeep.protocol.revisions import Revision

_single_decoder: Final = msgspec.json.Decoder(RawSingleCreate)
_bulk_decoder: Final = msgspec.json.Decoder(RawBulkCreate)
HALF_BITS: Final = 64
HALF: Final = (1 << HALF_BITS) - 1


def parse_create_event(body: bytes, revision: Revision, received_at: int) -> Submission:
    """Parse the body of POST /api/events/, received at a Unix second.

    Raises InvalidRequest with every fault of the body, up to FAULTS_MAX.
    """
    refuse(faults_of_create_event(body, revision, received_at))
    try:
        event = _single_decoder.decode(body).data.attributes
        return made(False, [tolerated_profile(bytes(event.profile))], [0], [event], revision, received_at)
    except NOT_DECODED as exc:
        raise not_decoded(exc) from exc


def parse_bulk_create(body: bytes, revision: Revision, received_at: int) -> Submission:
    """Parse the body of POST /api/event-bulk-create-jobs/, received at a Unix second.

    Raises InvalidRequest with every fault of the body, up to FAULTS_MAX.
    """
    refuse(faults_of_bulk_create(body, revision, received_at))
    try:
        items = [item.attributes for item in _bulk_decoder.decode(body).data.attributes.items.data]
        lists = [item.events.data for item in items]
        profile_index = list(chain.from_iterable(map(repeat, range(len(lists)), map(len, lists))))
        events = [event.attributes for event in chain.from_iterable(lists)]
        return made(
            True,
            [tolerated_profile(bytes(item.profile)) for item in items],
            profile_index,
            events,
            revision,
            received_at,
        )
    except NOT_DECODED as exc:
        raise not_decoded(exc) from exc


def made(
    is_bulk: bool,
    profiles: Sequence[bytes],
    profile_index: Sequence[int],
    events: Sequence[RawEventAttributes],
    revision: Revision,
    received_at: int,
) -> Submission:
    """The submission of events in which no fault was found. Raises NOT_DECODED."""
    raw_metrics = [bytes(event.metric) for event in events]
    metrics = {raw: place for place, raw in enumerate(dict.fromkeys(raw_metrics))}
    times = [time_of(event, received_at) for event in events]
    unique_ids = [(event.unique_id or str(time)).encode() for event, time in zip(events, times, strict=True)]
    hashes = list(map(xxh3_128_intdigest, unique_ids))
    return submission(
        is_bulk,
        [write_of(raw, revision) for raw in profiles],
        list(map(metric_name, metrics)),
        {
            "time": number_column("time", times),
            "value": number_column("value", [value_of(event) for event in events]),
            "hash_high": number_column("hash_high", [number >> HALF_BITS for number in hashes]),
            "hash_low": number_column("hash_low", [number & HALF for number in hashes]),
            "profile_index": number_column("profile_index", profile_index),
            "metric_index": number_column("metric_index", [metrics[raw] for raw in raw_metrics]),
        },
        {
            "unique_id": text_column(unique_ids),
            "currency": text_column([currency_of(event) for event in events]),
            "properties": text_column([tolerated_properties(bytes(event.properties)) for event in events]),
        },
    )


def time_of(event: RawEventAttributes, received_at: int) -> int:
    """The event's Unix second; ``received_at`` if none was sent."""
    time = parse_time(event.time) if isinstance(event.time, str) else received_at
    return broken_rule() if time is None else time


def value_of(event: RawEventAttributes) -> float:
    """The event's value; NaN if it has none. The negative zero stays negative."""
    return event.value if isinstance(event.value, float) else nan


def currency_of(event: RawEventAttributes) -> bytes:
    """The event's currency, empty if it has none."""
    currency = normal_currency(event.value_currency) if isinstance(event.value_currency, str) else ""
    return broken_rule() if currency is None else currency.encode()


def write_of(raw: bytes, revision: Revision) -> ProfileWrite:
    write = profile_write(raw, revision.create_profile_attributes)
    return broken_rule() if write is None else write


def refuse(faults: list[Fault]) -> None:
    """Raises InvalidRequest if there are faults."""
    if faults:
        raise InvalidRequest(faults)


def not_decoded(exc: Exception) -> InvalidRequest:
    """The error for a body without a fault that can't be decoded. It repeats the decoder's message."""
    return InvalidRequest([Fault(f"The body can't be decoded: {exc}.", "/data")])


def broken_rule() -> Never:
    """For a value in which no fault was found. Raises InvalidRequest."""
    raise InvalidRequest([Fault("The body breaks a rule of create requests.", "/data")])
