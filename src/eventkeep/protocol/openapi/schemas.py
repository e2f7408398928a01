"""Parts of schemas. They are OpenAPI 3.0: ``nullable`` allows null, and there are no unions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

Schema = dict[str, Any]
"""A schema object, or a reference to one."""

STRING: Final[Schema] = {"type": "string"}
URI: Final[Schema] = {"type": "string", "format": "uri"}
DATE_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
NUMBER: Final[Schema] = {"type": "number"}
INTEGER: Final[Schema] = {"type": "integer"}
BOOLEAN: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
ANY_OBJECT: Final[Schema] = {"type": "object"}


def reference(name: str) -> Schema:
    """A reference to a schema of the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(members: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """An object with these members, of which the required ones are always present; it may have others."""
    names = [name for name in members if name in set(required)]
    return {"type": "object", "properties": dict(members), **({"required": names} if names else {})}


def array_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def one_of_names(names: Iterable[str]) -> Schema:
    """A string out of a few."""
    return {"type": "string", "enum": list(names)}


def or_null(schema: Schema) -> Schema:
    """The schema, with null allowed too; OpenAPI ignores members beside a reference."""
    return {"nullable": True, **({"allOf": [schema]} if "$ref" in schema else schema)}
