"""Makes submissions from parsed create bodies: the names of their metrics, their columns, their pointers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.limits import BULK_EVENTS_MAX, METRIC_BYTES_REMEMBERED_MAX, METRIC_NAMES_REMEMBERED_MAX
from eventkeep.model.event_columns import TextColumn
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.model.submission import NUMBERS, Submission
from eventkeep.protocol.creates.documents import Data, Metric
from eventkeep.protocol.creates.profile_writes import NOT_DECODED

MetricName = tuple[str, str]
"""A metric's name, and the service that stands for its integration."""

DEFAULT_SERVICE: Final = "api"
"""The service of a metric that names none."""

_decode = msgspec.json.Decoder(Data[Metric]).decode


def find_metric_name(raw: bytes) -> MetricName | None:
    """The name of a metric, given as valid JSON without repeated keys; None if it needs full validation."""
    return _remembered(raw) if len(raw) <= METRIC_BYTES_REMEMBERED_MAX else _find(raw)


def metric_name(raw: bytes) -> MetricName:
    """The name of a metric, given as JSON. Raises NOT_DECODED."""
    attributes = _decode(raw).data.attributes
    return attributes.name, attributes.service or DEFAULT_SERVICE


def _find(raw: bytes) -> MetricName | None:
    try:
        return metric_name(raw)
    except NOT_DECODED:
        return None


# An account has few metrics.
_remembered = lru_cache(METRIC_NAMES_REMEMBERED_MAX)(_find)


SINGLE_POINTER: Final = "/data/attributes/profile/data"
SINGLE_POINTERS: Final = (SINGLE_POINTER,) * BULK_EVENTS_MAX
BULK_POINTERS: Final = tuple(
    f"/data/attributes/events-bulk-create/data/{place}/attributes/profile/data" for place in range(BULK_EVENTS_MAX)
)
"""The place of each profile in a bulk create. Made once, because making one costs as much as parsing the profile."""


def submission(
    is_bulk: bool,
    writes: list[ProfileWrite],
    names: Sequence[MetricName],
    numbers: dict[str, npt.NDArray[Any]],
    texts: dict[str, TextColumn],
) -> Submission:
    """The submission of one bulk create, or of single creates.

    ``metric_index`` points into ``names``, in which a metric may be several times: it may be written in several ways.
    """
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    if len(places) < len(names):
        numbers["metric_index"] = number_column("metric_index", [places[name] for name in names])[
            numbers["metric_index"]
        ]
    return Submission(
        profiles=writes,
        pointers=BULK_POINTERS if is_bulk else SINGLE_POINTERS,
        metrics=list(places),
        numbers=numbers,
        texts=texts,
    )


def number_column(name: str, numbers: Sequence[Any]) -> npt.NDArray[Any]:
    """A column of NUMBERS."""
    return np.array(numbers, dtype=NUMBERS[name])


def text_column(texts: Sequence[bytes]) -> TextColumn:
    return TextColumn(b"".join(texts), np.array(list(map(len, texts)), dtype=np.uint32))
