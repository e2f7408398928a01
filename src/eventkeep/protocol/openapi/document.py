"""The OpenAPI document of a revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX
from eventkeep.protocol.openapi.bodies import BodySchemas
from eventkeep.protocol.openapi.parameters import parameters
from eventkeep.protocol.openapi.resources import AnswerSchemas
from eventkeep.protocol.openapi.responses import ResponseSchemas
from eventkeep.protocol.openapi.schemas import Schema
from eventkeep.protocol.operations import OPERATIONS, Operation
from eventkeep.protocol.revisions import Revision

OPENAPI_VERSION: Final = "3.0.3"
SECURITY: Final = "Klaviyo-API-Key"
LIMITS_EXTENSION: Final = "x-eventkeep-limits"
"""What one request may hold, where OpenAPI has no word for it: ``events`` and ``bytes``."""

_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "create_event": "Keep one event, and what it says of its profile.",
    "bulk_create_events": (
        f"Keep at most {BULK_EVENTS_MAX:,} events of one or more profiles, and what the request says of the profiles. "
        "It is kept whole or not at all."
    ),
    "get_events": "Events of the account, page by page.",
    "get_event": "One event.",
    "get_event_metric": "The metric of an event.",
    "get_event_profile": "The profile of an event.",
    "get_event_relationships_metric": "The id of an event's metric.",
    "get_event_relationships_profile": "The id of an event's profile.",
}


def openapi_document(revision: Revision, base_url: str) -> dict[str, Any]:
    """The OpenAPI 3.0 document of a revision, as it is served at ``base_url`` (no slash at its end).

    It describes what is answered to a request that has the revision's date in its header.
    """
    components: dict[str, Schema] = {}
    bodies, answers = BodySchemas(revision, components), AnswerSchemas(revision, components)
    responses = ResponseSchemas(revision.media_type, components)
    paths: dict[str, dict[str, Any]] = {}
    for name, operation in OPERATIONS.items():
        if name not in revision.operations:
            continue
        described = _operation(operation, revision)
        answer = None
        if operation.method == "POST":
            schema = bodies.create_event() if name == "create_event" else bodies.bulk_create_events()
            described["requestBody"] = {"required": True, "content": {revision.media_type: {"schema": schema}}}
        else:
            answer = answers.answer(operation)
        described["responses"] = responses.responses(operation, answer)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "eventkeep",
            "version": revision.date,
            "description": "The Klaviyo Events API as eventkeep speaks it.",
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
    return {
        "operationId": operation.name,
        "summary": operation.name.replace("_", " ").capitalize(),
        "description": _DESCRIPTIONS[operation.name],
        "tags": ["Events"],
        "parameters": parameters(operation, revision),
        "x-klaviyo-ratelimit": {"burst": f"{operation.burst}/s", "steady": f"{operation.steady}/m"},
        "x-klaviyo-scopes": list(operation.scopes),
        **_request_limits(operation),
    }


def _request_limits(operation: Operation) -> dict[str, Any]:
    if operation.method != "POST":
        return {}
    events = BULK_EVENTS_MAX if operation.name == "bulk_create_events" else 1
    return {LIMITS_EXTENSION: {"events": events, "bytes": BODY_BYTES_MAX}}
