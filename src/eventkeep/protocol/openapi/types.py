"""Schemas made from the types that bodies are decoded into."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar, get_origin

import msgspec
from msgspec import inspect

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

OfField = Mapping[tuple[type, str], str]
"""By the type and the field that hold a member; types that are made from it have it too."""


class TypeSchemas:
    """Schemas of types. Those of structs go to ``components`` by their names.

    A family derives from it and overrides the differences: ``_has`` leaves members out, ``_name``
    names components, ``_raw`` and ``_items`` add facts that a type alone does not have.
    """

    descriptions: ClassVar[OfField] = {}
    formats: ClassVar[OfField] = {}

    def __init__(self, revision: Revision, components: dict[str, Schema]) -> None:
        self._revision, self._components = revision, components

    def named(self, name: str, body: type) -> Schema:
        """The schema of a whole body, as a component of that name."""
        self._components[name] = self._object(_type_info(body))
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
                return self._raw()
            case inspect.BoolType():
                return dict(BOOLEAN)
            case inspect.FloatType():
                return dict(NUMBER)
            case inspect.IntType():
                return dict(INTEGER)
        raise TypeError(f"no schema for {described}")

    def _struct(self, described: inspect.StructType) -> Schema:
        name = self._name(_class_of(described))
        if name is None:
            return self._object(described)
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
            "format": _of_field(self.formats, kind, field.name),
            "description": _of_field(self.descriptions, kind, field.name),
        }
        said = _set(**described)
        if said and "$ref" in schema:
            schema = {"allOf": [schema]}
        return {**schema, **said}

    def _has(self, kind: type, name: str) -> bool:
        """True if the revision has the member of the type."""
        return True

    def _name(self, kind: type) -> str | None:
        """The component of a type; None for one that is inlined."""
        return kind.__name__

    def _raw(self) -> Schema:
        """The schema of a member that is not decoded."""
        return dict(ANY_OBJECT)

    def _items(self, kind: type) -> Schema:
        """The most structs of a type that a list may hold."""
        return {}

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
            return {**schema, **self._items(_class_of(described.item_type))}
        return {**schema, **_set(maxItems=described.max_length)}

    def _dict(self, described: inspect.DictType) -> Schema:
        # A value that contains objects again is any JSON; its levels would be listed one by one.
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
    """The struct itself, also of a generic one with its parameters."""
    return get_origin(described.cls) or described.cls


def _of_field(table: Mapping[tuple[type, str], str], kind: type, name: str) -> str | None:
    return next((table[each, name] for each in kind.__mro__ if (each, name) in table), None)


def _set(**members: Any) -> Schema:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}
