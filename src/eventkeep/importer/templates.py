"""The source of one field's value: a template over a row, and the conversion of its text.

A template is text in which ``{column}`` stands for the row's value in that
column, ``{row}`` for the row's number (the first row of data is 1) and
``{digest}`` for a digest of the row's content. Doubled braces are braces. In a
JSON row a dotted name reaches into objects: ``{customer.email}``. A template of
which any part is missing, null or empty gives nothing, and the field is left out
(or takes its default).
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import string
import zoneinfo
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from eventkeep.client.encoding import encode_json
from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX, IMPORT_TIMES_REMEMBERED_MAX

MISSING: Final = msgspec.UNSET
"""The value of a template for a row that has no value for it."""

KINDS: Final = ("text", "integer", "number", "boolean", "json", "time")

_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Row(msgspec.Struct, frozen=True):
    """One row of data: its number from 1 on, and its values by column name."""

    number: int
    values: Mapping[str, Any]

    def digest(self) -> str:
        """16 hexadecimal digits made of the row's content alone."""
        return hashlib.blake2b(encode_json(self.values), digest_size=8).hexdigest()


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The source of a field in a mapping; one of ``template``, ``column``, ``constant``.

    ``type`` is one of KINDS, or None for the value as it stands in the row.
    ``format`` (of a time) is ``iso``, ``unix``, ``unix_ms`` or a strptime
    pattern; ``timezone`` is the IANA zone of times without an offset;
    ``shift_years`` is added to the year.
    """

    template: str | None = None
    column: str | None = None
    constant: Any = None
    type: str | None = None
    default: Any = None
    format: str = "iso"
    timezone: str = "UTC"
    shift_years: int = 0

    def columns(self) -> tuple[str, ...]:
        """The columns that a row has to have for this source."""
        if self.column is not None:
            return (self.column,)
        return tuple(name for _, name in _pieces(self.template or "") if name not in (None, "row", "digest"))


def compile_source(source: Source, default_kind: str | None) -> Callable[[Row], Any]:
    """A function from a row to the field's value or MISSING; it raises ValueError for a value that does not fit.

    Raises ConfigurationError for a source that can't work for any row.
    """
    given = [name for name in ("template", "column", "constant") if getattr(source, name) is not None]
    if len(given) != 1:
        raise ConfigurationError(f"expected one of template, column and constant, got {' and '.join(given) or 'none'}")
    if source.constant is not None:
        constant = source.constant
        return lambda row: constant
    kind = source.type or default_kind
    convert = None if kind is None and source.default is None else _converter(kind, source)
    default = MISSING if source.default is None else source.default
    if (name := _only_column(source)) is not None:
        return _plain_column(name, convert, default)
    read = _column_reader(source.column) if source.column is not None else _template_reader(source.template or "")
    return read if convert is None else _converted(read, convert, default)


def _only_column(source: Source) -> str | None:
    """The column that is all of the source; None if it has more than one part, or reaches into objects."""
    name = source.column
    if name is None:
        pieces = _pieces(source.template or "")
        name = pieces[0][1] if len(pieces) == 1 and not pieces[0][0] else None
    return None if name in (None, "row", "digest") or "." in name else name


def _plain_column(name: str, convert: Callable[[Any], Any] | None, default: Any) -> Callable[[Row], Any]:
    """The reader of one column in one call: nearly all fields of a mapping are such."""

    def value(row: Row) -> Any:
        found = row.values.get(name)
        if found is None or found == "":
            return default
        return found if convert is None else convert(found)

    return value


def _converted(read: Callable[[Row], Any], convert: Callable[[Any], Any], default: Any) -> Callable[[Row], Any]:
    def value(row: Row) -> Any:
        found = read(row)
        return default if found is MISSING else convert(found)

    return value


def _pieces(template: str) -> list[tuple[str, str | None]]:
    """The template as (literal text, column name or None) pairs."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as exc:
        raise ConfigurationError(
            f"the template {template!r} has a brace without its partner (write {{{{ for one)"
        ) from exc
    pieces: list[tuple[str, str | None]] = []
    for literal, name, specification, conversion in parsed:
        if specification or conversion:
            raise ConfigurationError(f"the template {template!r} may hold {{column}} only, without ':' or '!'")
        if name == "":
            raise ConfigurationError(f"the template {template!r} has an empty {{}}: name a column in it")
        pieces.append((literal, name))
    return pieces


def _column_reader(name: str) -> Callable[[Row], Any]:
    path = name.split(".")

    def read(row: Row) -> Any:
        found = row.values.get(name, MISSING)
        if found is MISSING and len(path) > 1:
            found = row.values
            for member in path:
                found = found.get(member, MISSING) if isinstance(found, Mapping) else MISSING
        return MISSING if found is None or found == "" else found

    return read


def _template_reader(template: str) -> Callable[[Row], Any]:
    pieces = _pieces(template)
    if not any(name for _, name in pieces):
        literal = "".join(text for text, _ in pieces)
        return lambda row: literal
    if len(pieces) == 1 and not pieces[0][0]:
        return _placeholder_reader(str(pieces[0][1]))
    readers = [(text, _placeholder_reader(name) if name else None) for text, name in pieces]

    def read(row: Row) -> Any:
        parts: list[str] = []
        for text, reader in readers:
            parts.append(text)
            if reader is not None:
                found = reader(row)
                if found is MISSING:
                    return MISSING
                parts.append(_text(found))
        return "".join(parts)

    return read


def _placeholder_reader(name: str) -> Callable[[Row], Any]:
    if name == "row":
        return lambda row: str(row.number)
    if name == "digest":
        return Row.digest
    return _column_reader(name)


def _converter(kind: str | None, source: Source) -> Callable[[Any], Any]:
    if kind == "time":
        return _time_converter(source)
    if kind is None:
        return lambda value: value
    try:
        return {"text": _text, "integer": _integer, "number": _number, "boolean": _boolean, "json": _json}[kind]
    except KeyError:
        raise ConfigurationError(f"type: expected one of {', '.join(KINDS)}, got {kind!r}") from None


def shown(value: Any) -> str:
    """A value as it is repeated in a message, shortened."""
    text = repr(value)
    return text if len(text) <= ECHO_CHARACTERS_MAX else text[:ECHO_CHARACTERS_MAX] + "…"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return encode_json(value).decode()


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    raise ValueError(f"expected an integer, got {shown(value)}")


def _number(value: Any) -> int | float | Decimal:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        # JSON's own grammar: it has no NaN, no infinity and no 1_000.
        try:
            found = msgspec.json.decode(value.strip())
        except msgspec.DecodeError:
            found = None
        if isinstance(found, int | float) and not isinstance(found, bool):
            return found
    raise ValueError(f"expected a number, got {shown(value)}")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = _BOOLEANS.get(_text(value).strip().lower())
    if found is None:
        raise ValueError(f"expected one of {', '.join(_BOOLEANS)}, got {shown(value)}")
    return found


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as exc:
        raise ValueError(f"expected JSON, got {shown(value)}: {exc}") from None


def _time_converter(source: Source) -> Callable[[Any], str]:
    try:
        zone: datetime.tzinfo = datetime.UTC if source.timezone == "UTC" else zoneinfo.ZoneInfo(source.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as exc:
        raise ConfigurationError(f"timezone: expected an IANA time zone, got {source.timezone!r}") from exc

    # A file's times repeat (dates above all), and parsing one costs more than all else of its row.
    @functools.lru_cache(maxsize=IMPORT_TIMES_REMEMBERED_MAX)
    def convert(value: str | float) -> str:
        moment = _parse_time(value, source.format)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return _shift_years(moment, source.shift_years).isoformat()

    def checked(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise ValueError(f"expected a time, got {shown(value)}")
        return convert(value)

    return checked


def _parse_time(value: str | float, pattern: str) -> datetime.datetime:
    try:
        if pattern in ("unix", "unix_ms"):
            seconds = float(value) / (1000 if pattern == "unix_ms" else 1)
            return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
        if pattern == "iso":
            return datetime.datetime.fromisoformat(str(value).strip())
        return datetime.datetime.strptime(str(value).strip(), pattern)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"expected a time of the format {pattern!r}, got {shown(value)}") from None


def _shift_years(moment: datetime.datetime, years: int) -> datetime.datetime:
    if not years:
        return moment
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        # The 29th of February of a year that has none, or a year past 9999.
        if moment.month == 2 and moment.day == 29:
            return moment.replace(year=moment.year + years, day=28)
        raise ValueError(f"the year {moment.year} can't be shifted by {years} years") from None
