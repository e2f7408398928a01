"""The upstream OpenAPI documents, if they are at hand: in ``shared/klaviyo`` beside the project or above it."""

from __future__ import annotations

import json
from typing import Any, Final

import jsonschema_rs
import pytest

from tests.source_tree import PROJECT

_BESIDE: Final = [folder / "shared" / "klaviyo" for folder in PROJECT.parents]
DOCUMENTS: Final = next((folder for folder in _BESIDE if folder.exists()), _BESIDE[0])

OPERATION_PATHS: Final = {
    "get_events": "/api/events/",
    "get_event": "/api/events/{id}/",
    "get_event_metric": "/api/events/{id}/metric/",
    "get_event_profile": "/api/events/{id}/profile/",
    "get_event_relationships_metric": "/api/events/{id}/relationships/metric/",
    "get_event_relationships_profile": "/api/events/{id}/relationships/profile/",
}


def load_document(revision: str) -> dict[str, Any]:
    """The document of a revision, its paths with a slash at their ends; skips the test if it is missing."""
    return read_document(f"events-openapi-{revision}.json")


def load_neighbours(revision: str) -> dict[str, Any]:
    """The document of the routes around events, in the same form."""
    return read_document(f"neighbours-openapi-{revision}.json")


def read_document(name: str) -> dict[str, Any]:
    """A document by its name; one that is not published in this form is named ``derived-…``."""
    path = next((found for found in (DOCUMENTS / name, DOCUMENTS / f"derived-{name}") if found.exists()), None)
    if path is None:
        pytest.skip("the upstream OpenAPI documents are not at hand")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    document["paths"] = {path.rstrip("/") + "/": methods for path, methods in document["paths"].items()}
    return document


def response_validator(
    document: dict[str, Any], path: str, method: str = "get", status: str = "200"
) -> jsonschema_rs.Validator:
    """Validates the bodies of an operation's responses with a status."""
    (content,) = document["paths"][path][method]["responses"][status]["content"].values()
    schemas = as_json_schema(document["components"]["schemas"])
    for link in ("next", "prev"):
        # The document has text alone here; the live service gives null if there is no such page.
        schemas["CollectionLinks"]["properties"][link] = {"type": ["string", "null"], "format": "uri"}
    schema = {**as_json_schema(content["schema"]), "components": {"schemas": schemas}}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def as_json_schema(node: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema: there ``nullable`` stands beside the type (and beside ``$ref`` here)."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: as_json_schema(value) for key, value in node.items() if key not in ("nullable", "example")}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain
