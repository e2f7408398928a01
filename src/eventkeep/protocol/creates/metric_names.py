"""From a metric in a create body to its name and service."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from eventkeep.limits import METRIC_BYTES_REMEMBERED_MAX, METRIC_NAMES_REMEMBERED_MAX
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
