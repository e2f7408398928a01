"""Rows that ``eventkeep export`` wrote, and records read from a server, as events: no mapping is needed.

The columns are those of ``eventkeep.protocol.rows.columns``; those that a server made are
skipped. Their values are sent on unchanged: JSON is not decoded, so that numbers
and the order of members stay as they were.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw

from eventkeep.client.encoding import encode_json
from eventkeep.errors import RowRefused
from eventkeep.exporter.records import Record, time_text
from eventkeep.importer.mapping import MappedRow
from eventkeep.importer.templates import Row, shown
from eventkeep.limits import IMPORT_PROFILES_REMEMBERED_MAX
from eventkeep.protocol.rows.columns import (
    API_SERVICE,
    COLUMNS,
    IDENTIFIERS,
    JSON_COLUMNS,
    PROFILE_COLUMNS,
    PROFILE_PREFIX,
    SERVER_COLUMNS,
)

REQUIRED: Final = ("time", "metric", "unique_id")
_KNOWN: Final = frozenset((*COLUMNS, *SERVER_COLUMNS))
_IDENTIFIER_COLUMNS: Final = frozenset(PROFILE_PREFIX + name for name in IDENTIFIERS)
_TEXTS: Final = frozenset(COLUMNS) - {"value", *JSON_COLUMNS}
_VALUE: Final = COLUMNS.index("value")
_REQUIRED: Final = tuple(COLUMNS.index(name) for name in REQUIRED)
_OBJECTS: Final = tuple(COLUMNS.index(name) for name in JSON_COLUMNS)
_texts_of: Final = operator.itemgetter(*(place for place, name in enumerate(COLUMNS) if name in _TEXTS))
_TEXT_TYPES: Final = frozenset({str, type(None)})
IMPORT_METRICS_REMEMBERED_MAX: Final = 1_000
"""Distinct metrics of a file whose JSON is in the cache."""


class _Object(msgspec.Struct):
    """Any JSON object: its members are checked, and nothing is made of them."""


_decode = msgspec.json.Decoder().decode
_object = msgspec.json.Decoder(_Object).decode
_number = msgspec.json.Decoder(float).decode


def is_export(columns: Iterable[str]) -> bool:
    """Whether a file with these columns, or a row with these members, has the shape of an export.

    All of them are an export's columns, and time, metric, unique_id and an identifier of
    the profile are among them.
    """
    given = set(columns)
    return given <= _KNOWN and given.issuperset(REQUIRED) and bool(given & _IDENTIFIER_COLUMNS)


def exported_row(row: Row, *, empty_is_none: bool = False) -> MappedRow:
    """The event of a row of an export. Raises RowRefused, naming the row and the column.

    ``empty_is_none`` says that text without a character means no value, as it does in CSV.
    """
    try:
        cells = _cells(row.values, empty_is_none)
    except (ValueError, TypeError, msgspec.DecodeError):
        # The columns one by one, for a message that names the one that is wrong.
        cells = _checked_cells(row, empty_is_none)
    try:
        return _mapped(row.number, cells, row.values)
    except ValueError as exc:
        raise RowRefused(row.number, str(exc)) from exc


def _cells(values: Mapping[str, Any], empty_is_none: bool) -> list[Any]:
    """The values of COLUMNS. Raises ValueError, TypeError or msgspec.DecodeError if they may not be those of an event.

    All columns are looked at together, which takes a fraction of the time of one after the other.
    """
    if not values.keys() <= _KNOWN:
        raise ValueError
    cells = list(map(values.get, COLUMNS))
    if empty_is_none:
        cells = [cell or None for cell in cells]
    value = cells[_VALUE]
    if not all(map(cells.__getitem__, _REQUIRED)) or not _TEXT_TYPES.issuperset(map(type, _texts_of(cells))):
        raise ValueError
    if type(value) is str:
        cells[_VALUE] = _number(value)
    elif value is not None and type(value) is not float:
        raise ValueError
    for place in _OBJECTS:
        if (text := cells[place]) is not None:
            if type(text) is not str:
                raise ValueError
            _object(text)
            cells[place] = text.encode()
    return cells


def _checked_cells(row: Row, empty_is_none: bool) -> list[Any]:
    """The same for any row. Raises RowRefused."""
    cells: dict[str, Any] = {}
    for name, value in row.values.items():
        if empty_is_none and not value:
            continue
        if name not in _KNOWN:
            raise RowRefused(row.number, f"there is no column {name!r} in an export; there is {', '.join(COLUMNS)}")
        try:
            cells[name] = _cell(name, value)
        except (ValueError, msgspec.DecodeError) as exc:
            raise RowRefused(row.number, f"{name}: {exc}, got {shown(_readable(value))}") from exc
    for name in REQUIRED:
        if not cells.get(name):
            raise RowRefused(row.number, f"{name}: expected one, got none")
    return list(map(cells.get, COLUMNS))


def exported_record(number: int, record: Record) -> MappedRow:
    """The event that a record was made of."""
    profile = (None if value is UNSET else value for value in msgspec.structs.astuple(record.profile.columns))
    cells = [
        time_text(record.time),
        record.metric.name,
        record.metric.service,
        record.unique_id,
        record.value,
        record.value_currency,
        record.properties,
        *(bytes(value) if isinstance(value, Raw) else value for value in profile),
    ]
    return _mapped(number, cells, {})


def _cell(name: str, value: Any) -> Any:
    """The value of a column: text, a number, or JSON as it was written. Raises ValueError, msgspec.DecodeError."""
    if isinstance(value, Raw):
        # A member of a line of JSON.
        if name in JSON_COLUMNS:
            return None if bytes(value) == b"null" else _checked_object(bytes(value))
        value = _decode(value)
    if value is None:
        return None
    if name in JSON_COLUMNS:
        return _checked_object(value.encode() if isinstance(value, str) else encode_json(value))
    if name == "value":
        if isinstance(value, str):
            return _number(value)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return float(value)
        raise ValueError("expected a number")
    if name in _TEXTS and not isinstance(value, str):
        raise ValueError("expected text")
    return value


def _checked_object(value: bytes) -> bytes:
    _object(value)
    return value


def _readable(value: Any) -> Any:
    return bytes(value).decode(errors="replace") if isinstance(value, Raw) else value


def _mapped(number: int, cells: Sequence[Any], values: Mapping[str, Any]) -> MappedRow:
    """The event of the values of COLUMNS. Raises ValueError for one without an identifier of its profile."""
    time, metric, service, unique_id, value, value_currency, properties, *profile = cells
    attributes: dict[str, Any] = {
        "metric": _metric(metric, service),
        "properties": Raw(properties or b"{}"),
        "time": time,
        "unique_id": unique_id,
    }
    if value is not None:
        attributes["value"] = value
    if value_currency is not None:
        attributes["value_currency"] = value_currency
    key, document = _profile(tuple(profile))
    return MappedRow(number, key, document, encode_json({"type": "event", "attributes": attributes}), values)


@functools.lru_cache(maxsize=IMPORT_METRICS_REMEMBERED_MAX)
def _metric(name: str, service: str | None) -> Raw:
    """A metric as a member of an event; a file has few."""
    attributes = {"name": name} if service in (None, API_SERVICE) else {"name": name, "service": str(service)}
    return Raw(encode_json({"data": {"type": "metric", "attributes": attributes}}))


@functools.lru_cache(maxsize=IMPORT_PROFILES_REMEMBERED_MAX)
def _profile(cells: tuple[Any, ...]) -> tuple[bytes, bytes]:
    """A profile's identifiers alone, and its document, as JSON. Raises ValueError for one without an identifier."""
    attributes: dict[str, Any] = {}
    for column, value in zip(PROFILE_COLUMNS, cells, strict=True):
        if value is not None:
            text = value.encode() if isinstance(value, str) else value
            attributes[column.removeprefix(PROFILE_PREFIX)] = Raw(text) if column in JSON_COLUMNS else value
    identifiers = {name: attributes[name] for name in IDENTIFIERS if name in attributes}
    if not identifiers:
        raise ValueError(f"no identifier of the profile ({', '.join(sorted(_IDENTIFIER_COLUMNS))}) has a value")
    return encode_json(identifiers), encode_json({"type": "profile", "attributes": attributes})
