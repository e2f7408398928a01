"""Plain create bodies, by the compiled reader: what of them it finds, made a submission.

None stands for "not so plain": ``eventkeep.protocol.creates.parser`` then reads the body in
Python, to the same end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from eventkeep.limits import EVENT_FUTURE_SECONDS_MAX
from eventkeep.model.currency import CODES
from eventkeep.model.submission import NUMBER_TYPE, Submission, number_column
from eventkeep.native.bulk_reader import BulkReader
from eventkeep.native.gathered_reader import GatheredReader
from eventkeep.native.parsed import ParsedBulk
from eventkeep.native.single_reader import SingleReader
from eventkeep.native.validation_rules import MEMBERS, ValidationRules
from eventkeep.protocol.creates.event_times import TIME_MIN
from eventkeep.protocol.creates.metric_names import quick_name, quick_names
from eventkeep.protocol.creates.profile_writes import named_profiles, quick_write, quick_writes
from eventkeep.protocol.creates.submissions import BULK_POINTERS, SINGLE_POINTERS
from eventkeep.protocol.revisions import Revision

TERMS: Final = ValidationRules(CODES, EVENT_FUTURE_SECONDS_MAX, TIME_MIN)
bulk_reader: Final = BulkReader(TERMS)
single_reader: Final = SingleReader(TERMS)
gathered_reader: Final = GatheredReader(TERMS)
_ZERO: Final = number_column([0])


def plain_create_event(body: bytes, revision: Revision, received_at: int) -> Submission | None:
    """What a single create asks to keep. ``received_at`` is in Unix seconds."""
    found = single_reader.read(body, members(revision.create_event_attributes), received_at)
    if found is None:
        return None
    write, name = quick_write(found.profile, revision.create_profile_attributes), quick_name(found.metric)
    if write is None or name is None:
        return None
    return Submission(
        events=1,
        profiles=[write],
        pointers=SINGLE_POINTERS,
        profile_index=_ZERO,
        metrics=[name],
        metric_index=_ZERO,
        time=found.time,
        unique_id=found.unique_id,
        unique_id_bytes=found.unique_id_bytes,
        unique_id_hash=found.unique_id_hash,
        value=found.value,
        has_value=found.has_value,
        currency=found.currency,
        currency_bytes=found.currency_bytes,
        properties=found.properties,
        property_bytes=found.property_bytes,
        body_bytes=len(body),
    )


def plain_bulk_create(body: bytes, revision: Revision, received_at: int) -> Submission | None:
    """What a bulk create asks to keep. ``received_at`` is in Unix seconds."""
    found = bulk_reader.read(body, members(revision.create_event_attributes), received_at)
    return None if found is None else submission_of_found(found, revision, BULK_POINTERS, len(body))


def plain_create_events(
    bodies: Sequence[bytes], revision: Revision, received_at: int
) -> tuple[Submission, list[bool]] | None:
    """What those single creates ask to keep that are plain, in one submission, and of each whether it is in there.

    ``bodies`` are at most GATHERED_SINGLES_MAX, with GATHERED_BYTES_MAX bytes; ``received_at`` is in Unix seconds.
    """
    found = gathered_reader.read(bodies, members(revision.create_event_attributes), received_at)
    if found is None or not found.events.events:
        return None
    submission = submission_of_found(found.events, revision, SINGLE_POINTERS, sum(map(len, bodies)))
    return None if submission is None else (submission, [flag == 1 for flag in found.is_plain])


def submission_of_found(
    found: ParsedBulk, revision: Revision, pointers: Sequence[str], body_bytes: int
) -> Submission | None:
    """What was found as a submission; None where a profile or a metric takes a closer look."""
    writes, names = quick_writes(found.profiles, revision), quick_names(found.metrics)
    if writes is None or names is None:
        return None
    metrics, places = names
    metric_index = found.metric_index
    if len(metrics) < len(found.metrics):
        # One metric was written in several ways.
        metric_index = np.frombuffer(places, NUMBER_TYPE)[np.frombuffer(metric_index, NUMBER_TYPE)].tobytes()
    return Submission(
        events=found.events,
        # One alone is not worth it.
        profiles=(named_profiles(writes) or writes) if len(writes) > 1 else writes,
        pointers=pointers,
        profile_index=found.profile_index,
        metrics=metrics,
        metric_index=metric_index,
        time=found.time,
        unique_id=found.unique_id,
        unique_id_bytes=found.unique_id_bytes,
        unique_id_hash=found.unique_id_hash,
        value=found.value,
        has_value=found.has_value,
        currency=found.currency,
        currency_bytes=found.currency_bytes,
        properties=found.properties,
        property_bytes=found.property_bytes,
        body_bytes=body_bytes,
    )


@lru_cache
def members(attributes: frozenset[str]) -> int:
    """The sum of those optional attributes of an event that are in ``attributes``."""
    return sum(bit for name, bit in MEMBERS.items() if name in attributes)
