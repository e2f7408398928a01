"""The bodies of the two create operations: parsed, checked to the last rule, and made a submission.

Two ways lead there. The quick one decodes into types, checks whole bodies and whole
columns at once, and gives up at the first doubt; before it, bodies go by the
compiled reader (``eventkeep.protocol.creates.native_parser``), which takes the plain ones of
them. The slow one, in ``eventkeep.protocol.creates.validation``, looks at every value by itself,
knows what is wrong where, and has the last word. What a quicker one accepts, the slower
ones accept too, with the same submission.

Decisions where the wire document leaves room: a bulk request holds at least one event,
and so does each of its items; ``value_currency`` may be in any case and is stored in
upper case; null stands for absent in optional members, except that it clears plain
attributes of a profile and its location; ``meta`` is taken beside and inside the
attributes of a profile in both bodies, and refused when given in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import PROPERTY_STRING_BYTES_MAX
from eventkeep.model.submission import Gathered, Submission
from eventkeep.protocol.creates.documents import PropertiesObject
from eventkeep.protocol.creates.metric_names import checked_names, quick_name, quick_names
from eventkeep.protocol.creates.native_parser import plain_bulk_create, plain_create_event, plain_create_events
from eventkeep.protocol.creates.profile_writes import NOT_DECODED, checked_writes, quick_write, quick_writes
from eventkeep.protocol.creates.raw_documents import ReceivedBulk, ReceivedSingle
from eventkeep.protocol.creates.raw_objects import doubtful_objects
from eventkeep.protocol.creates.submissions import (
    SINGLE_KEYS,
    Parts,
    bulk_parts,
    given_attributes,
    single_parts,
    single_submission,
    submission_of,
)
from eventkeep.protocol.creates.validation import faults_of_bulk_create, faults_of_create_event
from eventkeep.protocol.raw_json import KEY_END, count_keys, has_no_telling_escape, integers_fit, strings_fit
from eventkeep.protocol.revisions import Revision

Document = TypeVar("Document", ReceivedSingle, ReceivedBulk)

single_decoder = msgspec.json.Decoder(ReceivedSingle)
bulk_decoder = msgspec.json.Decoder(ReceivedBulk)
properties_decoder = msgspec.json.Decoder(PropertiesObject)
many_properties_decoder = msgspec.json.Decoder(list[PropertiesObject])
_encode = msgspec.json.Encoder().encode


def parse_create_event(body: bytes, revision: Revision, received_at: int) -> Submission:
    """What POST /api/events/ asks to keep. ``received_at`` is in Unix seconds.

    Raises InvalidRequest with every fault of the body, up to FAULTS_MAX.
    """
    submission = quick_create_event(body, revision, received_at)
    return submission if submission is not None else checked_create_event(body, revision, received_at)


def quick_create_event(body: bytes, revision: Revision, received_at: int) -> Submission | None:
    """What ``parse_create_event`` makes of most bodies; None for those that need the closer look."""
    submission = plain_create_event(body, revision, received_at)
    return submission if submission is not None else decoded_create_event(body, revision, received_at)


def quick_create_events(bodies: Sequence[bytes], revision: Revision, received_at: int) -> Gathered:
    """What ``quick_create_event`` makes of each of many bodies: the plain ones are read together.

    They are at most GATHERED_SINGLES_MAX, with GATHERED_BYTES_MAX bytes.
    """
    plain = plain_create_events(bodies, revision, received_at)
    together, flags = plain if plain is not None else (None, [False] * len(bodies))
    return Gathered(
        together=together,
        places=[place for place, is_plain in enumerate(flags) if is_plain],
        alone=[
            (place, quick_create_event(bodies[place], revision, received_at))
            for place, is_plain in enumerate(flags)
            if not is_plain
        ],
    )


def decoded_create_event(body: bytes, revision: Revision, received_at: int) -> Submission | None:
    """The same without the compiled reader."""
    try:
        # What stays raw has not been looked at for its encoding.
        if not body.isascii():
            body.decode()
        document = single_decoder.decode(body)
    except NOT_DECODED:
        return None
    event = document.data.attributes
    profile, metric, properties = bytes(event.profile), bytes(event.metric), bytes(event.properties)
    keys = count_keys(body)
    if keys is None or not has_no_telling_escape(body) or not integers_fit(body) or not properties_pass(properties):
        return None
    # Each key counts once in what was decoded, however often it was sent; see ``all_keys_differ``.
    raw_keys = profile.count(KEY_END) + metric.count(KEY_END) + properties.count(KEY_END)
    if keys != SINGLE_KEYS + given_attributes(event) + raw_keys and keys != count_keys(_encode(document)):
        return None
    write, name = quick_write(profile, revision.create_profile_attributes), quick_name(metric)
    if write is None or name is None:
        return None
    return single_submission(event, properties, write, name, revision, received_at, len(body))


def properties_pass(properties: bytes) -> bool:
    """What ``all_properties_pass`` says of those of one event, in which no blank stands before a colon."""
    try:
        decoded = properties_decoder.decode(properties)
    except NOT_DECODED:
        return False
    keys = properties.count(KEY_END)
    # Where nothing is nested, counting members is enough, and quicker than encoding them.
    if keys != len(decoded) and keys != count_keys(_encode(decoded)):
        return False
    return len(properties) <= PROPERTY_STRING_BYTES_MAX or strings_fit([decoded])


def checked_create_event(body: bytes, revision: Revision, received_at: int) -> Submission:
    """What ``parse_create_event`` makes of any body, by the closer look alone."""
    faults = faults_of_create_event(body, revision, received_at)
    return accept_slowly(body, faults, single_decoder, single_parts, revision, received_at)


def parse_bulk_create(body: bytes, revision: Revision, received_at: int) -> Submission:
    """What POST /api/event-bulk-create-jobs/ asks to keep. ``received_at`` is in Unix seconds.

    Raises InvalidRequest with every fault of the body, up to FAULTS_MAX.
    """
    submission = quick_bulk_create(body, revision, received_at)
    return submission if submission is not None else checked_bulk_create(body, revision, received_at)


def quick_bulk_create(body: bytes, revision: Revision, received_at: int) -> Submission | None:
    """What ``parse_bulk_create`` makes of most bodies; None for those that need the closer look."""
    submission = plain_bulk_create(body, revision, received_at)
    return submission if submission is not None else decoded_bulk_create(body, revision, received_at)


def decoded_bulk_create(body: bytes, revision: Revision, received_at: int) -> Submission | None:
    """The same without the compiled reader."""
    try:
        # What stays raw has not been looked at for its encoding.
        if not body.isascii():
            body.decode()
        document = bulk_decoder.decode(body)
    except NOT_DECODED:
        return None
    parts = bulk_parts(document)
    if parts is None or not has_no_telling_escape(body) or not integers_fit(body):
        return None
    if not all_keys_differ(body, document, parts) or not all_properties_pass(parts.properties, parts.property_bytes):
        return None
    writes, metrics = quick_writes(parts.profiles, revision), quick_names(parts.metrics)
    if writes is None or metrics is None:
        return None
    return submission_of(parts, writes, metrics, revision, received_at, len(body))


def checked_bulk_create(body: bytes, revision: Revision, received_at: int) -> Submission:
    """What ``parse_bulk_create`` makes of any body, by the closer look alone."""
    faults = faults_of_bulk_create(body, revision, received_at)
    return accept_slowly(body, faults, bulk_decoder, bulk_parts, revision, received_at)


def all_keys_differ(body: bytes, document: ReceivedBulk, parts: Parts) -> bool:
    """Whether no object of the document has a key twice; those within its raw parts are not asked about."""
    keys = count_keys(body)
    if keys is None:
        return False
    # Each key counts once in what was decoded, however often it was sent.
    raw_keys = count_keys(b"".join([*parts.profiles, *parts.metrics, parts.properties]))
    # A string that looks like the end of a key makes the sum too small: then all is encoded again to count.
    return (raw_keys is not None and keys == parts.keys + raw_keys) or keys == count_keys(_encode(document))


def all_properties_pass(properties: bytes, sizes: Sequence[int]) -> bool:
    """Whether all properties are objects within the limits, and no object in them has a key twice.

    They stand one after the other, of ``sizes`` bytes each.
    """
    doubtful = doubtful_objects(properties, sizes)
    if not doubtful:
        return True
    joined = b"[" + b",".join(doubtful) + b"]"
    try:
        decoded = many_properties_decoder.decode(joined)
    except NOT_DECODED:
        return False
    keys = count_keys(joined)
    # Where nothing is nested, counting members is enough, and quicker than encoding them.
    if keys != sum(map(len, decoded)) and keys != count_keys(_encode(decoded)):
        return False
    return strings_fit(
        [value for raw, value in zip(doubtful, decoded, strict=True) if len(raw) > PROPERTY_STRING_BYTES_MAX]
    )


def accept_slowly(
    body: bytes,
    faults: list[Fault],
    decoder: msgspec.json.Decoder[Document],
    take_apart: Callable[[Document], Parts | None],
    revision: Revision,
    received_at: int,
) -> Submission:
    """The submission of a body in which the closer look has found ``faults``.

    Raises InvalidRequest where it has found any.
    """
    if faults:
        raise InvalidRequest(faults)
    submission = None
    try:
        parts = take_apart(decoder.decode(body))
        writes = checked_writes(parts.profiles, revision) if parts is not None else None
        metrics = checked_names(parts.metrics) if parts is not None else None
        if parts is not None and writes is not None and metrics is not None:
            submission = submission_of(parts, writes, metrics, revision, received_at, len(body))
    except NOT_DECODED as exc:
        raise InvalidRequest([Fault(f"The body can't be decoded: {exc}.", "/data")]) from exc
    if submission is None:
        raise InvalidRequest([Fault("The body breaks a rule of create requests.", "/data")])
    return submission
