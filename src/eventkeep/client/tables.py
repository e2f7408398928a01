"""Events as tables of pyarrow, pandas and polars, which are optional."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from eventkeep.client.results import PartialEvent, Profile
from eventkeep.errors import ConfigurationError

_NO_PROFILE: Final = Profile(id="")


def arrow_table(events: Sequence[PartialEvent]) -> Any:
    """Return a ``pyarrow.Table`` with a row for each event. Raises ConfigurationError if pyarrow is not installed.

    Times are timestamps in UTC; properties, which differ from event to event, are JSON text.
    """
    arrow = _required("pyarrow")
    text = arrow.string()
    columns: dict[str, tuple[Any, Callable[[PartialEvent], object]]] = {
        "id": (text, lambda event: event.id),
        "datetime": (arrow.timestamp("s", tz="UTC"), lambda event: event.datetime),
        "metric": (text, lambda event: event.metric and event.metric.name),
        "metric_id": (text, lambda event: event.metric and event.metric.id),
        "profile_id": (text, lambda event: event.profile and event.profile.id),
        "email": (text, lambda event: (event.profile or _NO_PROFILE).email),
        "phone_number": (text, lambda event: (event.profile or _NO_PROFILE).phone_number),
        "external_id": (text, lambda event: (event.profile or _NO_PROFILE).external_id),
        "value": (arrow.float64(), lambda event: _number(event.value)),
        "value_currency": (text, lambda event: event.value_currency),
        "unique_id": (text, lambda event: event.unique_id),
        "properties": (text, _properties),
    }
    arrays = [arrow.array([read(event) for event in events], type=kind) for kind, read in columns.values()]
    return arrow.table(dict(zip(columns, arrays, strict=True)))


def pandas_frame(table: Any) -> Any:
    """Return the ``pandas.DataFrame`` of a table. Raises ConfigurationError if pandas is not installed."""
    _required("pandas")
    return table.to_pandas()


def polars_frame(table: Any) -> Any:
    """Return the ``polars.DataFrame`` of a table. Raises ConfigurationError if polars is not installed."""
    return _required("polars").from_arrow(table)


def _properties(event: PartialEvent) -> str | None:
    return None if event.event_properties is None else msgspec.json.encode(event.event_properties).decode()


def _number(value: object) -> float | None:
    # A property of the name $value may hold anything.
    return float(value) if isinstance(value, int | float) else None


def _required(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        raise ConfigurationError(f"{name} is not installed: pip install {name}") from exc
