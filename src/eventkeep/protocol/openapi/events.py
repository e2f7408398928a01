"""Schemas of the operations on events: create bodies, events, and the documents around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX
from eventkeep.protocol.openapi import attributes
from eventkeep.protocol.openapi.bodies import BodySchemas
from eventkeep.protocol.openapi.resources import ResourceSchemas, identifier
from eventkeep.protocol.openapi.schemas import COUNT, STRING, Schema, array_of, object_of, one_of_names
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.reads.attributions import RELATED_KINDS

LIMITS_EXTENSION: Final = "x-eventkeep-limits"
"""The limits of one request that OpenAPI can't express: ``events`` and ``bytes``."""

_CREATE_HEADERS: Final = {
    "Eventkeep-Events-Stored": {
        "description": "How many events of the request were stored.",
        "required": True,
        "schema": COUNT,
    },
    "Eventkeep-Events-Repeated": {
        "description": "How many events of the request were there before, and were not stored again.",
        "required": True,
        "schema": COUNT,
    },
    "X-Klaviyo-Partial-Failure": {
        "description": "Identifiers that were passed over: a phone number that is none, or another profile's.",
        "schema": STRING,
    },
}


class EventSchemas(ResourceSchemas):
    """The bodies and responses of the operations on events."""

    def body(self, operation: Operation) -> Schema | None:
        if operation.name == "create_event":
            return BodySchemas(self._revision, self._components).create_event()
        if operation.name == "bulk_create_events":
            return BodySchemas(self._revision, self._components).bulk_create_events()
        return None

    def response(self, operation: Operation) -> Schema | None:
        if operation.method == "POST":
            return None
        if operation.name == "get_events":
            return self.document(array_of(self._event()), self.page_links(), self._included())
        if operation.name == "get_event":
            return self.document(self._event(), self.self_link(), self._included())
        if operation.name == "get_event_metric":
            return self._related(self.metric())
        if operation.name == "get_event_profile":
            return self._related(self.profile(is_whole=True))
        (kind,) = {"metric", "profile"} & set(operation.path.split("/"))
        return self.document(identifier(kind), self.self_link())

    def _related(self, resource: Schema) -> Schema:
        if self._revision.related_is_collection:
            return self.document(array_of(resource), self.page_links())
        return self.document(resource, self.self_link())

    def _event(self) -> Schema:
        revision = self._revision
        names = [name for name in revision.event_fields if name != "id"]
        required = ("data",) if revision.promises_relationship_data else ()
        links = {"links": self.relationship_links()}
        relationships = {
            kind: object_of({"data": identifier(kind), **links}, required) for kind in ("profile", "metric")
        }
        if "attributions" in revision.includes:
            relationships["attributions"] = object_of({"data": array_of(identifier("attribution")), **links}, required)
        return self.component(
            "EventResource",
            {
                "type": one_of_names(["event"]),
                "id": STRING,
                "attributes": attributes.attributes_schema(names, attributes.EVENT, revision.has_nulls),
                "relationships": object_of(relationships, ("profile", "metric")),
                "links": self.self_link(),
            },
        )

    def _included(self) -> Schema:
        kinds = [self.metric(), self.profile(is_whole=False)]
        if "attributions" in self._revision.includes:
            kinds.append(self._attribution())
        return array_of({"oneOf": kinds})

    def _attribution(self) -> Schema:
        relationships = {name: object_of({"data": identifier(kind)}, ("data",)) for name, kind in RELATED_KINDS.items()}
        return self.component(
            "AttributionResource",
            {
                "type": one_of_names(["attribution"]),
                "id": STRING,
                "relationships": object_of(relationships, ("event", "attributed-event")),
                "links": self.self_link(),
            },
        )

    def success_headers(self, operation: Operation) -> Mapping[str, Any]:
        return _CREATE_HEADERS if operation.method == "POST" else {}

    def extensions(self, operation: Operation) -> Mapping[str, Any]:
        if operation.method != "POST":
            return {}
        events = BULK_EVENTS_MAX if operation.name == "bulk_create_events" else 1
        return {LIMITS_EXTENSION: {"events": events, "bytes": BODY_BYTES_MAX}}
