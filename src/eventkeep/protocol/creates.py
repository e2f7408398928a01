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
from eventkeep.protocol.documents import BulkCreate, EventCreate, PropertiesObject
from eventkeep.protocol.raw_json import count_keys, has_no_telling_escape, integers_fit, strings_fit
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.submissions import Parts, bulk_parts, single_parts, submission_of

Document = TypeVar("Document", EventCreate, BulkCreate)

single_decoder = msgspec.json.Decoder(EventCreate)
bulk_decoder = msgspec.json.Decoder(BulkCreate)
properties_decoder = msgspec.json.Decoder(list[PropertiesObject])
_encode = msgspec.json.Encoder().encode

# What msgspec raises for bytes that are no JSON, no UTF-8, of another shape, or nested past all measure.
_NOT_DECODED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


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
        raw = [bytes(event.properties) for event in parts.events]
        decoded = properties_decoder.decode(b"[" + b",".join(raw) + b"]")
    except _NOT_DECODED:
        return None
    if not has_no_telling_escape(body) or not integers_fit(body):
        return None
    if len(body) > PROPERTY_STRING_BYTES_MAX and not all_strings_fit(parts, raw, decoded):
        return None
    # Encoded with its properties, the document has fewer keys than the body had if one was repeated.
    for event, properties in zip(parts.events, decoded, strict=True):
        event.properties = properties  # type: ignore[assignment]
    keys = count_keys(body)
    if keys is None or keys != count_keys(_encode(document)):
        return None
    return submission_of(parts, raw, revision, received_at, len(body))


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
    try:
        parts = take_apart(decoder.decode(body))
        raw = [bytes(event.properties) for event in parts.events] if parts is not None else []
    except _NOT_DECODED as exc:
        raise InvalidRequest([Fault(f"The body can't be decoded: {exc}.", "/data")]) from exc
    submission = submission_of(parts, raw, revision, received_at, len(body)) if parts is not None else None
    if submission is None:
        raise InvalidRequest([Fault("The body breaks a rule of create requests.", "/data")])
    return submission


def all_strings_fit(parts: Parts, raw: list[bytes], decoded: list[dict[str, object]]) -> bool:
    """Whether no string is too long, of a body that is long enough to hold such a one."""
    long = [value for text, value in zip(raw, decoded, strict=True) if len(text) > PROPERTY_STRING_BYTES_MAX]
    if not strings_fit(long):
        return False
    for profile in parts.profiles:
        given = profile.attributes
        if given.properties and not strings_fit([given.properties]):
            return False
        for meta in (profile.meta, given.meta):
            patch = meta.patch_properties if meta else None
            if patch and not strings_fit([patch.append, patch.unappend, patch.unset]):
                return False
    return True
