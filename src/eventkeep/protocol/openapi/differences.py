"""The differences between two OpenAPI documents, operation by operation, field by field.

The documents may be ours or upstream's. Only changes that a client sees count: the names of
components, descriptions, and the order of members do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from eventkeep.protocol.openapi.events import LIMITS_EXTENSION
from eventkeep.protocol.openapi.parameters import FILTERS_EXTENSION
from eventkeep.protocol.openapi.shapes import Shapes
from eventkeep.protocol.revisions import REVISION_HEADER

Kind = Literal["added", "removed", "changed"]
Part = Literal["name", "limit", "scope", "media type", "parameter", "body", "status", "header", "response", "error"]

_METHODS: Final = ("get", "put", "post", "delete", "patch")


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change in an operation.

    ``place`` is the place in the part: the parameter's or header's name, the status, or the
    dotted place in a body. ``value`` is set if one value of an enumeration was added or removed.
    ``before`` and ``after`` describe the two sides in words, "" if a side has nothing.
    """

    kind: Kind
    part: Part
    place: str
    value: str = ""
    before: str = ""
    after: str = ""


class OperationDifference(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that was added, removed or changed. All parts of an added one are added changes."""

    kind: Kind
    name: str
    method: str
    path: str
    changes: tuple[Change, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """From the revision ``before`` to ``after``; ``unchanged`` names the operations without a change."""

    before: str
    after: str
    operations: tuple[OperationDifference, ...]
    unchanged: tuple[str, ...]


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """The changes from one OpenAPI document to another. Operations are the same if method and path are."""
    old, new = _operations(before), _operations(after)
    differences = []
    unchanged = []
    for key in dict.fromkeys((*new, *old)):
        one, other = old.get(key), new.get(key)
        described = other or one
        if described is None:
            continue
        changes = tuple(_changes(one or _Operation(), other or _Operation()))
        if one and other and not changes:
            unchanged.append(described.name)
            continue
        kind: Kind = "changed" if one and other else "added" if other else "removed"
        method, path = key
        differences.append(
            OperationDifference(kind=kind, name=described.name, method=method, path=path, changes=changes)
        )
    return Difference(
        before=before["info"]["version"],
        after=after["info"]["version"],
        # First additions, then removals, then changes.
        operations=tuple(sorted(differences, key=lambda each: ("added", "removed", "changed").index(each.kind))),
        unchanged=tuple(unchanged),
    )


class _Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation laid out flat; ``facts`` is (part, place) -> words, ``values`` (part, place) -> values."""

    name: str = ""
    facts: Mapping[tuple[Part, str], str] = {}
    values: Mapping[tuple[Part, str], tuple[str, ...]] = {}


def _operations(document: Mapping[str, Any]) -> dict[tuple[str, str], _Operation]:
    shapes = Shapes(document)
    return {
        (method.upper(), f"{path.rstrip('/')}/"): _laid_out(described, shapes)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if method in _METHODS
    }


def _laid_out(described: Mapping[str, Any], shapes: Shapes) -> _Operation:
    facts: dict[tuple[Part, str], str] = {("name", ""): described["operationId"]}
    values: dict[tuple[Part, str], tuple[str, ...]] = {
        ("scope", ""): tuple(described.get("x-klaviyo-scopes", ())),
    }
    for name, limit in described.get("x-klaviyo-ratelimit", {}).items():
        facts["limit", name] = str(limit)
    for name, limit in described.get(LIMITS_EXTENSION, {}).items():
        facts["limit", name] = f"{limit / 1_000_000:g} MB a request" if name == "bytes" else f"{limit:,} a request"
    for node in described.get("parameters", ()):
        parameter = shapes.follow(node)
        if parameter["name"] != REVISION_HEADER:
            _lay_out_parameter(parameter, shapes, facts, values)
    body = shapes.follow(described.get("requestBody", {}))
    media_types = {"request": tuple(body.get("content", {}))}
    for content in body.get("content", {}).values():
        facts |= {("body", place): words for place, words in shapes.places(content["schema"]).items()}
    for status, node in described["responses"].items():
        response = shapes.follow(node)
        facts["status", status] = response["description"]
        _lay_out_response(status, response, shapes, facts)
        media_types[status] = tuple(response.get("content", {}))
    for place, names in _joined(media_types).items():
        values["media type", place] = names
    return _Operation(name=described["operationId"], facts=facts, values=values)


def _lay_out_parameter(
    parameter: Mapping[str, Any],
    shapes: Shapes,
    facts: dict[tuple[Part, str], str],
    values: dict[tuple[Part, str], tuple[str, ...]],
) -> None:
    name = parameter["name"]
    found = shapes.values(parameter["schema"])
    if FILTERS_EXTENSION in parameter:
        filters = parameter[FILTERS_EXTENSION].items()
        found = tuple(f"{operator}({field})" for field, operators in filters for operator in operators)
    values["parameter", name] = found
    # The values are listed one by one; the words would list all of them again.
    schema = shapes.follow(parameter["schema"])
    plain = {key: value for key, value in schema.items() if key != "enum"}
    if found and plain.get("type") == "array":
        plain["items"] = {key: value for key, value in shapes.follow(plain["items"]).items() if key != "enum"}
    facts["parameter", name] = shapes.words(plain, bool(parameter.get("required")))


def _lay_out_response(
    status: str, response: Mapping[str, Any], shapes: Shapes, facts: dict[tuple[Part, str], str]
) -> None:
    """Responses by their places; the documents of all errors together, because they are the same."""
    part: Part = "response" if status.startswith("2") else "error"
    for content in response.get("content", {}).values():
        facts |= {(part, place): words for place, words in shapes.places(content["schema"]).items()}
    for name, node in response.get("headers", {}).items():
        header = shapes.follow(node)
        facts["header", f"{status} {name}"] = shapes.words(header["schema"], bool(header.get("required")))


def _joined(media_types: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Media types of the request and of all responses."""
    response_types = dict.fromkeys(name for place, names in media_types.items() if place != "request" for name in names)
    return {"request": media_types["request"], "response": tuple(response_types)}


def _changes(one: _Operation, other: _Operation) -> Iterator[Change]:
    for part, place in dict.fromkeys((*one.facts, *other.facts)):
        before, after = one.facts.get((part, place), ""), other.facts.get((part, place), "")
        # The presence of a status counts, and not its description.
        if before != after and not (part == "status" and before and after):
            yield Change(kind=_kind(before, after), part=part, place=place, before=before, after=after)
    for part, place in dict.fromkeys((*one.values, *other.values)):
        was, is_now = one.values.get((part, place), ()), other.values.get((part, place), ())
        for value in is_now:
            if value not in was:
                yield Change(kind="added", part=part, place=place, value=value)
        for value in was:
            if value not in is_now:
                yield Change(kind="removed", part=part, place=place, value=value)


def _kind(before: str, after: str) -> Kind:
    if before and after:
        return "changed"
    return "added" if after else "removed"
