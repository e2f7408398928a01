"""The mapping from a row to an event and its profile.

A mapping is a TOML document (see ``examples/cdnow-mapping.toml``)::

    metric = "Placed Order"                      # text is a template
    unique_id = "shop-{order_id}"
    value = "{total}"
    value_currency = "USD"
    time = { column = "placed_at", format = "%d/%m/%Y %H:%M", timezone = "Europe/Paris" }

    [profile]
    email = "{email}"
    first_name = "{name}"
    location.city = "{city}"
    properties.plan = "{plan}"

    [properties]
    items = { column = "items", type = "integer" }
    gift = false                                 # numbers and booleans are constants

Without ``unique_id`` an event gets ``{row}-{digest}``, so that the same rows
imported a second time are the same events, while other rows in a file of the
same name are not.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from eventkeep.client.encoding import encode_json
from eventkeep.errors import ConfigurationError, RowRefused
from eventkeep.importer.templates import MISSING, Row, Source, compile_source

IDENTIFIERS: Final = ("id", "external_id", "email", "phone_number", "anonymous_id", "_kx")
_EVENT_FIELDS: Final[Mapping[str, str]] = {
    "metric": "text",
    "service": "text",
    "time": "time",
    "value": "number",
    "value_currency": "text",
    "unique_id": "text",
}
_PROFILE_FIELDS: Final = (*IDENTIFIERS, "first_name", "last_name", "organization", "locale", "title", "image")
_LOCATION_FIELDS: Final = (
    "address1",
    "address2",
    "city",
    "country",
    "ip",
    "latitude",
    "longitude",
    "region",
    "timezone",
    "zip",
)
_UNIQUE_ID_DEFAULT: Final = Source(template="{row}-{digest}")


class MappedRow(msgspec.Struct, frozen=True):
    """One event ready to send, as JSON; ``identity`` has only the profile's identifiers.

    ``values`` are those of the row, as far as it came from a file.
    """

    number: int
    identity: bytes
    profile: bytes
    event: bytes
    values: Mapping[str, Any] = {}


class RowMapping:
    """A mapping, checked and compiled. ``sources`` are by dotted field name (``profile.location.city``)."""

    def __init__(self, sources: Mapping[str, Source], rest_as_properties: bool = False) -> None:
        """Raises ConfigurationError for unknown fields, and if the metric or every identifier is absent."""
        self._columns = sorted({column for source in sources.values() for column in source.columns()})
        self._rest_as_properties = rest_as_properties
        if "metric" not in sources:
            raise ConfigurationError('the mapping has no metric; say, for example, metric = "Placed Order"')
        if not any(f"profile.{name}" in sources for name in IDENTIFIERS):
            raise ConfigurationError(f"the mapping has no identifier of the profile: one of {', '.join(IDENTIFIERS)}")
        readers: dict[str, Callable[[Row], Any]] = {}
        for name, source in {"unique_id": _UNIQUE_ID_DEFAULT, **sources}.items():
            try:
                readers[name] = compile_source(source, _default_kind(name))
            except ConfigurationError as exc:
                raise ConfigurationError(f"mapping of {name}: {exc}") from exc
        self._event = {name: reader for name, reader in readers.items() if name in _EVENT_FIELDS}
        self._profile = _members(readers, "profile.", excluding=("location.", "properties."))
        self._location = _members(readers, "profile.location.")
        self._profile_properties = _members(readers, "profile.properties.")
        self._properties = _members(readers, "properties.")
        self._identifiers = [name for name in IDENTIFIERS if name in self._profile]

    def check_columns(self, header: Iterable[str]) -> None:
        """Raises ConfigurationError if the mapping names a column that the file does not have."""
        known = list(header)
        unknown = [column for column in self._columns if column not in known]
        if unknown:
            raise ConfigurationError(
                f"the mapping names the column {unknown[0]!r}, which the file has not; it has {', '.join(known)}"
            )

    def apply(self, row: Row) -> MappedRow:
        """The row as an event. Raises RowRefused, naming the row and the field."""
        event = _read(self._event, row, "")
        if "metric" not in event:
            raise RowRefused(row.number, "no metric: the mapping's metric is empty in this row")
        profile = _read(self._profile, row, "profile.")
        identifiers = {name: profile[name] for name in self._identifiers if name in profile}
        if not identifiers:
            raise RowRefused(row.number, f"no identifier of the profile ({', '.join(IDENTIFIERS)}) has a value")
        if self._location and (location := _read(self._location, row, "profile.location.")):
            profile["location"] = location
        if self._profile_properties and (more := _read(self._profile_properties, row, "profile.properties.")):
            profile["properties"] = more
        properties = _read(self._properties, row, "properties.")
        if self._rest_as_properties:
            properties |= {
                name: value
                for name, value in row.values.items()
                if value not in (None, "") and name not in self._columns and name not in properties
            }
        metric = {"name": event.pop("metric")}
        if "service" in event:
            metric["service"] = event.pop("service")
        attributes = {
            "metric": {"data": {"type": "metric", "attributes": metric}},
            "properties": properties,
            **event,
        }
        profile_document = encode_json({"type": "profile", "attributes": profile})
        return MappedRow(
            row.number,
            profile_document if len(profile) == len(identifiers) else encode_json(identifiers),
            profile_document,
            encode_json({"type": "event", "attributes": attributes}),
            row.values,
        )


def parse_mapping(document: str) -> tuple[dict[str, Source], bool]:
    """A TOML document's sources by dotted field name, and whether all other columns become properties."""
    try:
        tables = tomllib.loads(document)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigurationError(f"the mapping is no TOML: {exc}") from exc
    rest = tables.pop("rest_as_properties", False)
    if not isinstance(rest, bool):
        raise ConfigurationError(f"mapping of rest_as_properties: expected true or false, got {rest!r}")
    return dict(_flattened(tables, "")), rest


def parse_map_options(options: Iterable[str]) -> dict[str, Source]:
    """Sources from ``FIELD[:TYPE]=TEMPLATE`` texts, such as ``properties.items:integer={items}``."""
    sources: dict[str, Source] = {}
    for option in options:
        target, equals, template = option.partition("=")
        name, _, kind = target.partition(":")
        if not equals or not name or not template:
            raise ConfigurationError(f"--map: expected FIELD=TEMPLATE or FIELD:TYPE=TEMPLATE, got {option!r}")
        if name in sources:
            raise ConfigurationError(f"--map: {name} is given twice")
        _default_kind(name)
        sources[name] = Source(template=template, type=kind or None)
    return sources


def _flattened(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Source]]:
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, Mapping) and name in ("profile", "profile.location", "profile.properties", "properties"):
            yield from _flattened(value, name + ".")
        else:
            _default_kind(name)
            yield name, _source(name, value)


def _source(name: str, value: Any) -> Source:
    if isinstance(value, str):
        return Source(template=value)
    if isinstance(value, Mapping):
        try:
            return msgspec.convert(value, Source)
        except msgspec.ValidationError as exc:
            raise ConfigurationError(f"mapping of {name}: {exc}") from exc
    if isinstance(value, bool | int | float | list):
        return Source(constant=value)
    raise ConfigurationError(
        f"mapping of {name}: expected a template, a number, true, false, a list or a table, got {value!r}"
    )


def _default_kind(name: str) -> str | None:
    """Return the kind of a field without a kind of its own. Raises ConfigurationError for an unknown field."""
    if name in _EVENT_FIELDS:
        return _EVENT_FIELDS[name]
    scope, _, member = name.partition(".")
    if scope == "properties" and member:
        return None
    if scope == "profile":
        inner, _, leaf = member.partition(".")
        if member in _PROFILE_FIELDS:
            return "text"
        if (inner == "location" and leaf in _LOCATION_FIELDS) or (inner == "properties" and leaf):
            return None
    raise ConfigurationError(
        f"the mapping has no field {name!r}; it has {', '.join(_EVENT_FIELDS)}, "
        f"properties.<name>, profile.<{'|'.join(_PROFILE_FIELDS)}>, "
        f"profile.location.<{'|'.join(_LOCATION_FIELDS)}> and profile.properties.<name>"
    )


def _members(
    readers: Mapping[str, Callable[[Row], Any]], prefix: str, excluding: tuple[str, ...] = ()
) -> dict[str, Callable[[Row], Any]]:
    found = {name.removeprefix(prefix): reader for name, reader in readers.items() if name.startswith(prefix)}
    return {name: reader for name, reader in found.items() if not name.startswith(excluding)} if excluding else found


def _read(readers: Mapping[str, Callable[[Row], Any]], row: Row, prefix: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, reader in readers.items():
        try:
            value = reader(row)
        except ValueError as exc:
            raise RowRefused(row.number, f"{prefix}{name}: {exc}") from exc
        if value is not MISSING:
            values[name] = value
    return values
