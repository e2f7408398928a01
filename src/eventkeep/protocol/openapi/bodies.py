"""Schemas of the create bodies, made from the types that ``eventkeep.protocol.creates.documents`` decodes them into.

A schema holds what the revision promises. The server takes a little more, so that clients
of other revisions work: ``meta`` in both places, null in the revisions before
2024-02-15, and times with a space for the ``T`` or without an offset.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final, get_origin

import msgspec
from msgspec import inspect

from eventkeep.limits import BULK_EVENTS_MAX, PROPERTIES_MAX
from eventkeep.protocol.creates import documents
from eventkeep.protocol.openapi.schemas import (
    ANY_OBJECT,
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    Schema,
    array_of,
    one_of_names,
    or_null,
    reference,
)
from eventkeep.protocol.revisions import Revision

DESCRIPTIONS: Final[Mapping[tuple[type, str], str]] = {
    (documents.EventContent, "properties"): (
        "Properties of the event; they are given back exactly as they were sent. A string is at most 100 KB long, "
        "an array has at most 4,000 elements, and there are at most 10 levels. `$extra` holds what is not looked into."
    ),
    (documents.EventContent, "time"): (
        "When the event happened; without it, when the request was received. It is truncated to the second, and "
        "lies after the year 2000 and at most one year ahead."
    ),
    (documents.EventContent, "value"): "A number that goes with the event, such as the amount of a purchase.",
    (documents.EventContent, "value_currency"): "The ISO 4217 code of the currency that the value is in.",
    (documents.EventContent, "unique_id"): (
        "Of events with the same profile, metric and unique_id only the first one is recorded. Without it, the "
        "event's second stands for it."
    ),
    (documents.EventContent, "backfill"): "Whether the event holds back flows; eventkeep has none.",
    (documents.MetricAttributes, "service"): "The integration that the metric belongs to; without it, the API.",
    (documents.Profile, "id"): "The profile's id, a ULID. One that is unknown is no identifier.",
    (documents.Profile, "attributes"): (
        "Identifiers and what else is to be kept of the profile. The id or one identifier is needed at least."
    ),
    (documents.ProfileAttributes, "phone_number"): "In E.164 form.",
    (documents.ProfileAttributes, "kx"): "The identifier that the hosted service's web tracking uses.",
    (documents.ProfileMeta, "patch_properties"): "Changes of the profile's properties, made after `properties`.",
}
"""What a member means, by the type and the field that hold it; types that are made from it have it too."""

_FORMATS: Final[Mapping[tuple[type, str], str]] = {(documents.EventContent, "time"): "date-time"}


class BodySchemas:
    """The bodies of a revision's create operations. Schemas of their parts go to ``components``, by their names."""

    def __init__(self, revision: Revision, components: dict[str, Schema]) -> None:
        self._revision, self._components = revision, components
        self._meta_places: tuple[str, ...] = ()
        self._prefix = ""

    def create_event(self) -> Schema:
        """The body of POST /api/events/."""
        # Its profile is another one: ``meta`` stands elsewhere.
        self._meta_places, self._prefix = self._revision.create_event_meta, "Event"
        return self._named("EventCreate", _type_info(documents.EventCreate))

    def bulk_create_events(self) -> Schema:
        """The body of POST /api/event-bulk-create-jobs/."""
        self._meta_places, self._prefix = ("profile",), ""
        return self._named("BulkCreate", _type_info(documents.BulkCreate))

    def _named(self, name: str, body: inspect.StructType) -> Schema:
        self._components[name] = self._object(body)
        return reference(name)

    def _schema(self, described: inspect.Type) -> Schema:
        match described:
            case inspect.StructType():
                return self._struct(described)
            case inspect.UnionType():
                return self._union(described)
            case inspect.StrType():
                return {**STRING, **_set(minLength=described.min_length, maxLength=described.max_length)}
            case inspect.ListType():
                return self._list(described)
            case inspect.DictType():
                return self._dict(described)
            case inspect.LiteralType():
                return one_of_names([str(value) for value in described.values])
            case inspect.RawType():
                return {**ANY_OBJECT, "maxProperties": PROPERTIES_MAX}
            case inspect.BoolType():
                return dict(BOOLEAN)
            case inspect.FloatType():
                return dict(NUMBER)
            case inspect.IntType():
                return dict(INTEGER)
        raise TypeError(f"no schema for {described}")

    def _struct(self, described: inspect.StructType) -> Schema:
        kind = _class_of(described)
        if kind is documents.Data:
            return self._object(described)
        is_own = kind in (documents.Profile, documents.ProfileAttributes)
        name = f"{self._prefix if is_own else ''}{kind.__name__}"
        if name not in self._components:
            self._components[name] = self._object(described)
        return reference(name)

    def _object(self, described: inspect.StructType) -> Schema:
        kind = _class_of(described)
        fields = [field for field in described.fields if self._has(kind, field.encode_name)]
        return {
            "type": "object",
            "properties": {field.encode_name: self._member(kind, field) for field in fields},
            **_set(required=[field.encode_name for field in fields if field.required] or None),
            "additionalProperties": False,
        }

    def _member(self, kind: type, field: inspect.Field) -> Schema:
        schema = self._schema(field.type)
        described = {
            "format": _of_field(_FORMATS, kind, field.name),
            "description": _of_field(DESCRIPTIONS, kind, field.name),
        }
        said = _set(**described)
        if said and "$ref" in schema:
            schema = {"allOf": [schema]}
        return {**schema, **said}

    def _has(self, kind: type, name: str) -> bool:
        """Whether the member is the revision's."""
        revision = self._revision
        if issubclass(kind, documents.EventAttributes):
            return name == "profile" or name in revision.create_event_attributes
        if kind is documents.ProfileEventsAttributes:
            return name != "backfill" or name in revision.create_event_attributes
        if kind is documents.Profile:
            return name != "meta" or "profile" in self._meta_places
        if kind is documents.ProfileAttributes:
            return "attributes" in self._meta_places if name == "meta" else name in revision.create_profile_attributes
        if kind is documents.Location:
            return f"location.{name}" in revision.profile_fields
        return True

    def _union(self, described: inspect.UnionType) -> Schema:
        schemas: list[Schema] = []
        for alternative in described.types:
            if not isinstance(alternative, inspect.NoneType):
                schemas.append(self._schema(alternative))
        if NUMBER in schemas:
            schemas = [schema for schema in schemas if schema != INTEGER]
        schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
        is_nullable = described.includes_none and self._revision.has_nulls
        return or_null(schema) if is_nullable else schema

    def _list(self, described: inspect.ListType) -> Schema:
        schema = array_of(self._schema(described.item_type))
        if isinstance(described.item_type, inspect.StructType):
            # The lists of resources: profiles with their events, and those events.
            return {**schema, "minItems": 1, "maxItems": BULK_EVENTS_MAX}
        return {**schema, **_set(maxItems=described.max_length)}

    def _dict(self, described: inspect.DictType) -> Schema:
        # What holds objects again is any JSON; it would be told level by level.
        values = described.value_type
        is_any = isinstance(values, inspect.UnionType) and any(
            isinstance(alternative, inspect.DictType) for alternative in values.types
        )
        if is_any:
            return {**ANY_OBJECT, **_set(maxProperties=described.max_length)}
        return {**ANY_OBJECT, "additionalProperties": self._schema(values)}


@functools.cache
def _type_info(body: type) -> inspect.StructType:
    described = inspect.type_info(body)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{body} is no struct")
    return described


def _class_of(described: inspect.StructType) -> type[msgspec.Struct]:
    """The struct itself, also where it is a generic one with its parameters."""
    return get_origin(described.cls) or described.cls


def _of_field(table: Mapping[tuple[type, str], str], kind: type, name: str) -> str | None:
    return next((table[each, name] for each in kind.__mro__ if (each, name) in table), None)


def _set(**members: Any) -> Schema:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}
