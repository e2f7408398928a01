"""Plain create bodies, by the compiled reader. All others are left to ``eventkeep.protocol.creates.parser``.

A body that this parser accepts is accepted by that one too, with the same submission.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from eventkeep.limits import EVENT_FUTURE_SECONDS_MAX
from eventkeep.model.currency import CODES
from eventkeep.model.event_columns import TextColumn
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.model.submission import Submission
from eventkeep.native.reader import MEMBERS, NativeReader, ParsedBodies, ReaderRules
from eventkeep.protocol.creates.event_times import start_of_year
from eventkeep.protocol.creates.profile_writes import find_profile_writes
from eventkeep.protocol.creates.submissions import MetricName, find_metric_name, submission
from eventkeep.protocol.revisions import Revision

_reader: Final = NativeReader()
_NO_WRITE: Final = ProfileWrite()
_NO_NAME: Final = ("", "")

Parsed = tuple[Submission | None, list[int]]
"""A submission, and the places of the bodies that are in it; the others need the full parser."""


def parse_natively(bodies: Sequence[bytes], is_bulk: bool, revision: Revision, received_at: int) -> Parsed:
    """Parse one bulk create, or up to BULK_EVENTS_MAX single creates. ``received_at`` is in Unix seconds."""
    rules = reader_rules(revision.create_event_attributes, revision.properties_max, revision.event_year_min)
    parsed = _reader.read(bodies, is_bulk, rules, received_at)
    if parsed is None or not parsed.profiles:
        return None, []
    places = [place for place, is_plain in enumerate(parsed.is_plain) if is_plain]
    allowed = revision.create_profile_attributes
    writes = find_profile_writes(parsed.profiles, allowed)
    names = [find_metric_name(raw) for raw in parsed.metrics]
    if None not in writes and None not in names:
        return submission_of(parsed, is_bulk, writes, names), places
    if is_bulk:
        return None, []
    # The profile or the metric of some needs the full parser; that keeps none of the others from being parsed here.
    metric_index = parsed.numbers["metric_index"].tolist()
    kept = [event for event, write in enumerate(writes) if write is not None and names[metric_index[event]] is not None]
    if not kept:
        return None, []
    return submission_of(parsed, is_bulk, writes, names).take(np.array(kept)), [places[event] for event in kept]


def submission_of(
    parsed: ParsedBodies, is_bulk: bool, writes: Sequence[ProfileWrite | None], names: Sequence[MetricName | None]
) -> Submission:
    return submission(
        is_bulk,
        [_NO_WRITE if write is None else write for write in writes],
        [_NO_NAME if name is None else name for name in names],
        parsed.numbers,
        {name: TextColumn(joined, sizes) for name, (joined, sizes) in parsed.texts.items()},
    )


@lru_cache
def reader_rules(attributes: frozenset[str], properties_max: int, event_year_min: int) -> ReaderRules:
    """The reader's rules of a revision, by what differs between revisions."""
    members = sum(bit for name, bit in MEMBERS.items() if name in attributes)
    return ReaderRules(members, properties_max, start_of_year(event_year_min), EVENT_FUTURE_SECONDS_MAX, CODES)
