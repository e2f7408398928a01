"""The properties that the events of a metric have, found in some of its events.

The id of a property is 32 hexadecimal digits: the number of the metric, and a hash of the
name. So the property is found again without a table of properties.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from eventkeep.limits import METRIC_PROPERTIES_MAX, METRIC_PROPERTY_SAMPLE_CHARACTERS_MAX, METRIC_PROPERTY_SAMPLES_MAX
from eventkeep.model.metric import Metric

_ID: Final = re.compile(r"[0-9a-f]{32}")
_PERSON: Final = b"metric property"
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class MetricProperty(msgspec.Struct, frozen=True):
    """A property. ``inferred_type`` is the kind of most of its values."""

    id: str
    name: str
    inferred_type: str
    samples: tuple[Any, ...]


def property_id(metric: Metric, name: str) -> str:
    """The public id of a metric's property."""
    digest = hashlib.blake2b(
        name.encode("utf-8", "surrogatepass"), key=metric.id.encode(), digest_size=12, person=_PERSON
    )
    return f"{metric.number:08x}{digest.hexdigest()}"


def metric_number(id: str) -> int | None:
    """The number of the metric in the id of a property, which may not exist; None for a text that is no id."""
    return int(id[:8], 16) if _ID.fullmatch(id) else None


def metric_properties(metric: Metric, documents: Iterable[bytes]) -> list[MetricProperty]:
    """The properties in ``documents`` (JSON objects), in the order in which they are met."""
    kinds: dict[str, Counter[str]] = {}
    samples: dict[str, list[Any]] = {}
    for document in documents:
        for name, value in msgspec.json.decode(document).items():
            if name not in kinds:
                if len(kinds) == METRIC_PROPERTIES_MAX:
                    continue
                kinds[name], samples[name] = Counter(), []
            if value is not None:
                kinds[name][kind_of(value)] += 1
                _add_samples(samples[name], value)
    return [
        MetricProperty(
            property_id(metric, name), name, counted.most_common(1)[0][0] if counted else "Text", tuple(samples[name])
        )
        for name, counted in kinds.items()
    ]


def kind_of(value: Any) -> str:
    """The name of a value's type."""
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int | float):
        return "Number"
    if isinstance(value, list):
        return "List"
    if isinstance(value, dict):
        return "Object"
    return "Date" if _is_date(str(value)) else "Text"


def _is_date(text: str) -> bool:
    if _DATE.match(text) is None:
        return False
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _add_samples(samples: list[Any], value: Any) -> None:
    for each in value if isinstance(value, list) else [value]:
        if len(samples) == METRIC_PROPERTY_SAMPLES_MAX:
            return
        is_short = not isinstance(each, str) or len(each) <= METRIC_PROPERTY_SAMPLE_CHARACTERS_MAX
        if isinstance(each, str | int | float) and is_short and each not in samples:
            samples.append(each)
