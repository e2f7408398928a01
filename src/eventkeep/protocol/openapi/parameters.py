"""The parameters of an operation: what may stand in its path, its query string and its headers."""

from __future__ import annotations

from typing import Any, Final

from eventkeep.limits import CURSOR_CHARACTERS_MAX, FILTER_CHARACTERS_MAX, PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX
from eventkeep.protocol.openapi.schemas import STRING, Schema, array_of, one_of_names
from eventkeep.protocol.operations import Operation
from eventkeep.protocol.reads.query import ADDITIONAL_FIELDS, profile_field_names, query_parameters
from eventkeep.protocol.revisions import REVISION_HEADER, Revision

Parameter = dict[str, Any]

FILTERS_EXTENSION: Final = "x-eventkeep-filters"
"""What a filter may hold, where OpenAPI has only words: field -> operators."""


def parameters(operation: Operation, revision: Revision) -> list[Parameter]:
    """Every parameter that the operation takes in the revision."""
    described = [_query_parameter(name, operation, revision) for name in query_parameters(operation, revision)]
    if "{id}" in operation.path:
        described.insert(0, {"name": "id", "in": "path", "required": True, "schema": {**STRING, "minLength": 1}})
    described.append(
        {
            "name": REVISION_HEADER,
            "in": "header",
            "required": False,
            "description": "The newest revision not after this date answers; without it, the server's default one.",
            "schema": {**one_of_names([revision.date]), "default": revision.date},
        }
    )
    return described


def _query_parameter(name: str, operation: Operation, revision: Revision) -> Parameter:
    parameter: Parameter = {"name": name, "in": "query", "required": False}
    if name == "filter":
        return {
            **parameter,
            "description": f"Conditions, joined by commas. {_filters_in_words(revision)}",
            "schema": {**STRING, "maxLength": FILTER_CHARACTERS_MAX},
            FILTERS_EXTENSION: {field: list(operators) for field, operators in revision.filters.items()},
        }
    if name == "page[cursor]":
        description = "The page to answer with: what `links.next` or `links.prev` of another one has."
        return {**parameter, "description": description, "schema": {**STRING, "maxLength": CURSOR_CHARACTERS_MAX}}
    if name == "page[size]":
        size: Schema = {"type": "integer", "minimum": 1, "maximum": PAGE_EVENTS_MAX, "default": PAGE_EVENTS_DEFAULT}
        return {**parameter, "description": "Events on a page.", "schema": size}
    if name == "sort":
        return {**parameter, "schema": one_of_names(revision.sorts)}
    return {
        **parameter,
        "style": "form",
        "explode": False,
        "schema": array_of(one_of_names(_list_values(name, operation, revision))),
    }


def _list_values(name: str, operation: Operation, revision: Revision) -> tuple[str, ...]:
    if name == "include":
        return revision.includes
    if name == ADDITIONAL_FIELDS:
        return tuple(revision.additional_fields)
    if name == "fields[profile]":
        return profile_field_names(operation, revision)
    return revision.fields(name.removeprefix("fields[").removesuffix("]"))


def _filters_in_words(revision: Revision) -> str:
    fields = [
        f"`{field}`: {', '.join(f'`{operator}`' for operator in operators)}"
        for field, operators in revision.filters.items()
    ]
    return f"Allowed fields and operators: {'; '.join(fields)}."
