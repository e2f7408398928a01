"""The parameters of an operation: those of its path, its query string and its headers."""

from __future__ import annotations

from typing import Any, Final

from eventkeep.limits import CURSOR_CHARACTERS_MAX, FILTER_CHARACTERS_MAX
from eventkeep.protocol.openapi.schemas import STRING, array_of, one_of_names
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.parameters import (
    CursorParameter,
    Filterable,
    FilterParameter,
    ListParameter,
    SizeParameter,
    SortParameter,
    TextParameter,
)
from eventkeep.protocol.parameters import Parameter as QueryParameter
from eventkeep.protocol.queries import documented_parameters
from eventkeep.protocol.revisions import REVISION_HEADER, Revision

Parameter = dict[str, Any]

FILTERS_EXTENSION: Final = "x-eventkeep-filters"
"""The filters, which OpenAPI can describe only in words: field -> operators."""


def parameters(operation: Operation, revision: Revision) -> list[Parameter]:
    """Every parameter of the operation in the revision."""
    described = [_query_parameter(each, revision) for each in documented_parameters(operation, revision)]
    if "{id}" in operation.path:
        described.insert(0, {"name": "id", "in": "path", "required": True, "schema": {**STRING, "minLength": 1}})
    described.append(
        {
            "name": REVISION_HEADER,
            "in": "header",
            "required": False,
            "description": "The newest revision up to this date is used; without it, the server's default one.",
            "schema": {**one_of_names([revision.date]), "default": revision.date},
        }
    )
    return described


def _query_parameter(parameter: QueryParameter, revision: Revision) -> Parameter:
    described: Parameter = {"name": parameter.name, "in": "query", "required": False}
    match parameter:
        case FilterParameter():
            fields = parameter.fields(revision)
            return {
                **described,
                "description": f"Conditions, joined by commas. {_filters_in_words(fields)}",
                "schema": {**STRING, "maxLength": FILTER_CHARACTERS_MAX},
                FILTERS_EXTENSION: {field: list(operators) for field, operators in fields.items()},
            }
        case CursorParameter():
            description = "The cursor of the page, from `links.next` or `links.prev` of another one."
            return {**described, "description": description, "schema": {**STRING, "maxLength": CURSOR_CHARACTERS_MAX}}
        case SizeParameter():
            size = {
                "type": "integer",
                "minimum": parameter.least,
                "maximum": parameter.most,
                "default": parameter.default,
            }
            return {**described, "description": "Resources on a page.", "schema": size}
        case SortParameter():
            return {**described, "schema": one_of_names(parameter.values(revision))}
        case TextParameter():
            required = parameter.is_required
            return {**described, "required": required, "description": parameter.description, "schema": STRING}
        case ListParameter():
            values = one_of_names(parameter.values(revision))
            return {**described, "style": "form", "explode": False, "schema": array_of(values)}


def _filters_in_words(fields: Filterable) -> str:
    told = [f"`{field}`: {', '.join(f'`{operator}`' for operator in operators)}" for field, operators in fields.items()]
    return f"Allowed fields and operators: {'; '.join(told)}."
