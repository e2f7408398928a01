"""From a metric as a create body names it to its name and service.

None stands for "not so simple", as in ``eventkeep.protocol.creates.submissions``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from eventkeep.limits import METRIC_BYTES_REMEMBERED_MAX, METRIC_NAMES_REMEMBERED_MAX
from eventkeep.model.submission import number_column
from eventkeep.protocol.creates.documents import Data, Metric
from eventkeep.protocol.creates.profile_writes import NOT_DECODED
from eventkeep.protocol.raw_json import count_keys

MetricName = tuple[str, str]
"""A metric's name, and the service that tells its integration."""

DEFAULT_SERVICE: Final = "api"
"""The integration of a metric that names none."""

_decode = msgspec.json.Decoder(Data[Metric]).decode
_encode = msgspec.json.Encoder().encode


Named = tuple[list[MetricName], bytes]
"""Metrics, each once, and a column that tells which of them each event is of."""


def quick_names(metrics: Sequence[bytes]) -> Named | None:
    """The metric of each event, given as raw JSON; None where one needs a closer look."""
    return named(metrics, quick_name)


def quick_name(raw: bytes) -> MetricName | None:
    """The same of one event's metric."""
    return remembered_name(raw) if len(raw) <= METRIC_BYTES_REMEMBERED_MAX else read_name(raw)


def checked_names(metrics: Sequence[bytes]) -> Named | None:
    """The same of metrics that the closer look has found nothing wrong with. Raises NOT_DECODED."""
    return named(metrics, lambda raw: metric_name(_decode(raw)))


def named(metrics: Sequence[bytes], read: Callable[[bytes], MetricName | None]) -> Named | None:
    """The metrics as ``read`` reads them; None where it says so of one."""
    places: dict[bytes, int] = {}
    numbers: dict[MetricName, int] = {}
    for raw in dict.fromkeys(metrics):
        name = read(raw)
        if name is None:
            return None
        # The same metric may be written in several ways.
        places[raw] = numbers.setdefault(name, len(numbers))
    return list(numbers), number_column([places[raw] for raw in metrics])


def read_name(raw: bytes) -> MetricName | None:
    """What the metric in ``raw`` is called."""
    try:
        metric = _decode(raw)
    except NOT_DECODED:
        return None
    # Encoded again, the metric has fewer keys than its bytes had if one was repeated.
    keys = count_keys(raw)
    return metric_name(metric) if keys is not None and keys == count_keys(_encode(metric)) else None


remembered_name = lru_cache(METRIC_NAMES_REMEMBERED_MAX)(read_name)
"""``read_name`` with a bounded memory: an account has few metrics."""


def metric_name(metric: Data[Metric]) -> MetricName:
    attributes = metric.data.attributes
    return attributes.name, attributes.service or DEFAULT_SERVICE
