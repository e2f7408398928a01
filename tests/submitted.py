"""The columns of a submission as lists, for comparison with the request."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from eventkeep.model.submission import Submission


def numbers(submission: Submission, name: str) -> list[Any]:
    """A column of numbers."""
    column: list[Any] = submission.numbers[name].tolist()
    return column


def texts(submission: Submission, name: str) -> list[str]:
    """A column of texts."""
    column = submission.texts[name]
    offsets = column.offsets().tolist()
    assert offsets[-1] == len(column.joined)
    return [column.joined[start:end].decode() for start, end in pairwise(offsets)]


def unique_ids(submission: Submission) -> list[str]:
    """The unique id of each event."""
    return texts(submission, "unique_id")


def currencies(submission: Submission) -> list[str]:
    """The currency of each event, "" if it has none."""
    return texts(submission, "currency")


def values(submission: Submission) -> list[float | None]:
    """The value of each event, None if it has none."""
    return [None if math.isnan(value) else value for value in numbers(submission, "value")]


def comparable(submission: Submission | None) -> object:
    """All of a submission, so that two that are equal compare as equal. Values are compared by their bytes."""
    if submission is None:
        return None
    return (
        submission.profiles,
        list(submission.pointers[: len(submission.profiles)]),
        submission.metrics,
        {name: (column.dtype, column.tobytes()) for name, column in submission.numbers.items()},
        {name: (column.joined, column.sizes.tobytes()) for name, column in submission.texts.items()},
    )
