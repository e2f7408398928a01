"""The OpenAPI document of a revision."""

from __future__ import annotations

from typing import Any, Final

from eventkeep.protocol.openapi.families import SCHEMAS
from eventkeep.protocol.openapi.parameters import parameters
from eventkeep.protocol.openapi.responses import ResponseSchemas
from eventkeep.protocol.openapi.schemas import Schema
from eventkeep.protocol.operations import OPERATIONS, Operation
from eventkeep.protocol.revisions import Revision

OPENAPI_VERSION: Final = "3.0.3"
SECURITY: Final = "Klaviyo-API-Key"


def openapi_document(revision: Revision, base_url: str) -> dict[str, Any]:
    """The OpenAPI 3.0 document of a revision, as it is served at ``base_url`` (no slash at its end).

    It describes the responses to a request with the revision's date in its header.
    """
    components: dict[str, Schema] = {}
    families = {tag: make(revision, components) for tag, make in SCHEMAS.items()}
    responses = ResponseSchemas(revision.media_type, components)
    paths: dict[str, dict[str, Any]] = {}
    for name, operation in OPERATIONS.items():
        if name not in revision.operations:
            continue
        schemas = families[operation.tag]
        described = _operation(operation, revision)
        described |= schemas.extensions(operation)
        body = schemas.body(operation)
        if body is not None:
            described["requestBody"] = {"required": True, "content": {revision.media_type: {"schema": body}}}
        described["responses"] = responses.responses(
            operation,
            operation.statuses.at(revision.date),
            schemas.response(operation),
            schemas.success_headers(operation),
        )
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "eventkeep",
            "version": revision.date,
            "description": "The part of the Klaviyo API that eventkeep implements.",
        },
        "servers": [{"url": base_url}],
        "security": [{SECURITY: []}],
        "paths": paths,
        "components": {"schemas": dict(sorted(components.items())), "securitySchemes": {SECURITY: _KEY}},
    }


_KEY: Final = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "`Klaviyo-API-Key` and, after a space, a key that `eventkeep keys create` has made.",
    "x-default": "Klaviyo-API-Key your-private-api-key",
}


def _operation(operation: Operation, revision: Revision) -> dict[str, Any]:
    limit = operation.limit.at(revision.date)
    return {
        "operationId": operation.name,
        "summary": operation.name.replace("_", " ").capitalize(),
        "description": operation.description,
        "tags": [operation.tag],
        "parameters": parameters(operation, revision),
        "x-klaviyo-ratelimit": {"burst": f"{limit.burst}/s", "steady": f"{limit.steady}/m"},
        "x-klaviyo-scopes": list(operation.scopes),
        # Called with a company_id in place of a key.
        **({"security": []} if operation.is_public else {}),
    }
