"""A flattened schema: every place in a body, and a description of its value in words.

It reads any OpenAPI 3.0 document, ours or upstream's: references are followed, ``allOf`` is
merged, and members beside a reference count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from eventkeep.protocol.openapi.schemas import Schema

LEVELS_MAX: Final = 64
"""Schemas within schemas; a document that is deeper refers to itself."""

_ELEMENTS_OF: Final = {
    "string": "strings",
    "number": "numbers",
    "integer": "integers",
    "boolean": "booleans",
    "object": "objects",
}
_LIMITS: Final = (
    ("minLength", "maxLength", "characters"),
    ("minItems", "maxItems", "elements"),
    ("minProperties", "maxProperties", "members"),
    ("minimum", "maximum", ""),
)


class Shapes:
    """Looks up and flattens the schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._flattened: dict[str, dict[str, str]] = {}

    def follow(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The target of a reference; any other schema is returned unchanged."""
        while "$ref" in node:
            found: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def places(self, schema: Schema) -> dict[str, str]:
        """Dotted places in the body, such as ``data.attributes.time``, and their values in words.

        The elements of an array have the same place as the array: ``data.id`` is also the id of each
        element of ``data``. If there are resources of several types, each has its own place, such as
        ``included(metric)``.
        """
        if schema.keys() != {"$ref"}:
            return self._flatten(schema)
        # Most operations have the same error documents, which are named.
        name = schema["$ref"]
        if name not in self._flattened:
            self._flattened[name] = self._flatten(schema)
        return self._flattened[name]

    def words(self, schema: Schema, is_required: bool = False) -> str:
        """The description of a schema's value in words."""
        plain = self._plain(schema, LEVELS_MAX)
        said = [self._kind(plain)]
        if "enum" in plain:
            said.append(f"one of {', '.join(map(str, plain['enum']))}" if len(plain["enum"]) > 1 else plain["enum"][0])
        said += [plain["format"]] if "format" in plain else []
        for least, most, unit in _LIMITS:
            said += _limit(plain.get(least), plain.get(most), unit)
        if is_required:
            said.append("required")
        if plain.get("nullable"):
            said.append("may be null")
        return ", ".join(said)

    def values(self, schema: Schema) -> tuple[str, ...]:
        """The values of a parameter, or of each element of it, if it is an enumeration."""
        plain = self._plain(schema, LEVELS_MAX)
        if plain.get("type") == "array":
            plain = self._plain(plain.get("items", {}), LEVELS_MAX)
        return tuple(map(str, plain.get("enum", ())))

    def _flatten(self, schema: Schema) -> dict[str, str]:
        return {place: words for place, words in self._walk(schema, "", False, LEVELS_MAX) if place}

    def _walk(self, schema: Schema, place: str, is_required: bool, levels: int) -> Iterator[tuple[str, str]]:
        yield place, self.words(schema, is_required)
        plain = self._plain(schema, levels)
        if plain.get("type") == "array":
            plain = self._plain(plain.get("items", {}), levels)
        if levels:
            for name, variant in self._variants(plain, levels):
                yield from self._walk(variant, f"{place}({name})", False, levels - 1)
            required = plain.get("required", ())
            for name, member in plain.get("properties", {}).items():
                inner = f"{place}.{name}" if place else name
                yield from self._walk(member, inner, name in required, levels - 1)

    def _variants(self, plain: Schema, levels: int) -> Iterator[tuple[str, Schema]]:
        """Resources of several types, by their types."""
        for alternative in plain.get("oneOf", ()):
            types = self._plain(alternative, levels).get("properties", {}).get("type")
            if types is not None and (names := self.values(types)):
                yield names[0], alternative

    def _plain(self, schema: Schema, levels: int) -> Schema:
        """The schema without references and ``allOf``."""
        if not levels:
            return {}
        plain: Schema = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        parts = [dict(self.follow(schema))] if "$ref" in schema else []
        for part in (*parts, *schema.get("allOf", ())):
            plain = _merged(self._plain(part, levels - 1), plain)
        return plain

    def _kind(self, plain: Schema) -> str:
        if "type" not in plain and "oneOf" in plain:
            kinds = [self._kind(self._plain(alternative, LEVELS_MAX)) for alternative in plain["oneOf"]]
            return " or ".join(sorted(set(kinds)))
        kind: str = plain.get("type") or ("object" if "properties" in plain else "any value")
        if kind != "array":
            return kind
        items = self._kind(self._plain(plain.get("items", {}), LEVELS_MAX))
        return f"array of {_ELEMENTS_OF.get(items, items)}"


def _merged(one: Schema, other: Schema) -> Schema:
    """Both schemas at once, in the sense of ``allOf``; if both have a member, that of ``other`` is used."""
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
        for name in one["properties"].keys() & other["properties"].keys():
            merged["properties"][name] = {"allOf": [one["properties"][name], other["properties"][name]]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _limit(least: int | None, most: int | None, unit: str) -> list[str]:
    ends = [f"{least:,}" if least is not None else None, f"{most:,}" if most is not None else None]
    match ends:
        case [None, None]:
            return []
        case [None, _]:
            text = f"at most {ends[1]}"
        case [_, None]:
            text = f"at least {ends[0]}"
        case _:
            text = f"{ends[0]} to {ends[1]}"
    return [f"{text} {unit}".rstrip()]
