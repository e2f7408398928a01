"""The columns of a submission as lists, to be compared with what was sent."""

from __future__ import annotations

import struct

from eventkeep.model.submission import Submission


def numbers(column: bytes) -> list[int]:
    """The numbers of a column."""
    return [number for (number,) in struct.iter_unpack("<I", column)]


def unique_ids(submission: Submission) -> list[str]:
    """The unique id of each event."""
    return texts(submission.unique_id, submission.unique_id_bytes)


def currencies(submission: Submission) -> list[str]:
    """The currency of each event, "" where it has none."""
    return texts(submission.currency, submission.currency_bytes)


def values(submission: Submission) -> list[float | None]:
    """The value of each event, None where it has none."""
    given = struct.iter_unpack("<d", submission.value)
    return [value if is_given else None for (value,), is_given in zip(given, submission.has_value, strict=True)]


def texts(joined: bytes, sizes: bytes) -> list[str]:
    found = []
    for size in numbers(sizes):
        found.append(joined[:size].decode())
        joined = joined[size:]
    assert joined == b""
    return found
