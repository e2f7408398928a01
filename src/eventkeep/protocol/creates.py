"""The bodies of the two create operations: parsed, checked to the last rule, and made a submission.

Two ways lead there. The quick one decodes into types, checks whole bodies and whole
columns at once, and gives up at the first doubt. The slow one, in
``eventkeep.protocol.diagnosis``, looks at every value by itself, knows what is wrong
where, and has the last word. What the quick one accepts, the slow one accepts too, with
the same submission.

Decisions where the wire document leaves room: a bulk request holds at least one event,
and so does each of its items; ``value_currency`` may be in any case and is stored in
upper case; null stands for absent in optional members, except that it clears plain
attributes of a profile and its location; ``meta`` is taken beside and inside the
attributes of a profile in both bodies, and refused when given in both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import PROPERTY_STRING_BYTES_MAX
from eventkeep.model.submission import Submission
from eventkeep.protocol.diagnosis import faults_of_bulk_create, faults_of_create_event
from eventkeep.protocol.documents import PropertiesObject
from eventkeep.protocol.profile_writes import NOT_DECODED, checked_writes, quick_writes
from eventkeep.protocol.raw_json import count_keys, has_no_telling_escape, integers_fit, strings_fit
from eventkeep.protocol.received import ReceivedBulk, ReceivedSingle
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.submissions import Parts, bulk_parts, single_parts, submission_of

Document = TypeVar("Document", ReceivedSingle, ReceivedBulk)

single_decoder = msgspec.json.Decoder(ReceivedSingle)
bulk_decoder = msgspec.json.Decoder(ReceivedBulk)
properties_decoder = msgspec.json.Decoder(list[PropertiesObject])
_encode = msgspec.json.Encoder().encode


def parse_create_event(body: bytes, revision: Revision, received_at: int) -> Submission:
    """What POST /api/events/ asks to keep. ``received_at`` is in Unix seconds.

    Raises InvalidRequest with every fault of the body, up to FAULTS_MAX.
    """
    submission = accept(body, single_decoder, single_parts, revision, received_at)
    if submission is not None:
        return submission
    faults = faults_of_create_event(body, revision, received_at)
    return accept_slowly(body, faults, single_decoder, single_parts, revision, received_at)


def parse_bulk_create(body: bytes, revision: Revision, received_at: int) -> Submission:
    """What POST /api/event-bulk-create-jobs/ asks to keep. ``received_at`` is in Unix seconds.

    Raises InvalidRequest with every fault of the body, up to FAULTS_MAX.
    """
    submission = accept(body, bulk_decoder, bulk_parts, revision, received_at)
    if submission is not None:
        return submission
    faults = faults_of_bulk_create(body, revision, received_at)
    return accept_slowly(body, faults, bulk_decoder, bulk_parts, revision, received_at)


def accept(
    body: bytes,
    decoder: msgspec.json.Decoder[Document],
    take_apart: Callable[[Document], Parts | None],
    revision: Revision,
    received_at: int,
) -> Submission | None:
    """The quick way; None where it has any doubt."""
    try:
        document = decoder.decode(body)
        parts = take_apart(document)
        if parts is None:
            return None
        properties = [bytes(event.properties) for event in parts.events]
        joined = b"[" + b",".join(properties) + b"]"
        decoded = properties_decoder.decode(joined)
    except NOT_DECODED:
        return None
    if not has_no_telling_escape(body) or not integers_fit(body):
        return None
    if len(body) > PROPERTY_STRING_BYTES_MAX and not all_strings_fit(properties, decoded):
        return None
    # Encoded again, a document has fewer keys than its bytes had if one was repeated. The
    # parts that are raw hold as many keys here as there; those of profiles are counted with them.
    keys = count_keys(body)
    if keys is None or keys != count_keys(_encode(document)) or not all_keys_differ(joined, decoded):
        return None
    writes = quick_writes(parts.profiles, revision)
    if writes is None:
        return None
    return submission_of(parts, writes, properties, revision, received_at, len(body))


def all_keys_differ(joined: bytes, decoded: list[dict[str, object]]) -> bool:
    """Whether no object within the properties has a key twice; ``decoded`` is what ``joined`` holds."""
    keys = count_keys(joined)
    # Where nothing is nested, counting members is enough, and quicker than encoding them.
    return keys == sum(map(len, decoded)) or keys == count_keys(_encode(decoded))


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
        if parts is not None and writes is not None:
            properties = [bytes(event.properties) for event in parts.events]
            submission = submission_of(parts, writes, properties, revision, received_at, len(body))
    except NOT_DECODED as exc:
        raise InvalidRequest([Fault(f"The body can't be decoded: {exc}.", "/data")]) from exc
    if submission is None:
        raise InvalidRequest([Fault("The body breaks a rule of create requests.", "/data")])
    return submission


def all_strings_fit(properties: list[bytes], decoded: list[dict[str, object]]) -> bool:
    """Whether no string in the properties is too long, of a body that is long enough to hold such a one."""
    return strings_fit(
        [value for raw, value in zip(properties, decoded, strict=True) if len(raw) > PROPERTY_STRING_BYTES_MAX]
    )
