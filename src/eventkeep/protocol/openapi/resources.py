"""Schemas of the answers to reads: resources, what they point to, and the documents around them."""

from __future__ import annotations

from eventkeep.protocol.openapi import attributes
from eventkeep.protocol.openapi.schemas import (
    STRING,
    URI,
    Schema,
    array_of,
    object_of,
    one_of_names,
    or_null,
    reference,
)
from eventkeep.protocol.operations import Operation
from eventkeep.protocol.reads.query import profile_field_names
from eventkeep.protocol.revisions import Revision


class AnswerSchemas:
    """The answers of a revision's reads. Schemas of their parts go to ``components``, by their names."""

    def __init__(self, revision: Revision, components: dict[str, Schema]) -> None:
        self._revision, self._components = revision, components

    def answer(self, operation: Operation) -> Schema:
        """The document that the operation answers with."""
        if operation.name == "get_events":
            return self._document(array_of(self._event()), self._page_links(), self._included())
        if operation.name == "get_event":
            return self._document(self._event(), self._self_link(), self._included())
        if operation.name == "get_event_metric":
            return self._related(self._metric())
        if operation.name == "get_event_profile":
            return self._related(self._profile(operation))
        (kind,) = {"metric", "profile"} & set(operation.path.split("/"))
        return self._document(identifier(kind), self._self_link())

    def _document(self, data: Schema, links: Schema, included: Schema | None = None) -> Schema:
        members = {"data": data, "links": links}
        if included is not None:
            members["included"] = included
        return object_of(members, ("data", "links"))

    def _related(self, resource: Schema) -> Schema:
        if self._revision.related_is_collection:
            return self._document(array_of(resource), self._page_links())
        return self._document(resource, self._self_link())

    def _event(self) -> Schema:
        revision = self._revision
        names = [name for name in revision.event_fields if name != "id"]
        required = ("data",) if revision.promises_relationship_data else ()
        links = {"links": self._relationship_links()}
        relationships = {
            kind: object_of({"data": identifier(kind), **links}, required) for kind in ("profile", "metric")
        }
        if "attributions" in revision.includes:
            relationships["attributions"] = object_of({"data": array_of(identifier("attribution")), **links}, required)
        return self._component(
            "EventResource",
            {
                "type": one_of_names(["event"]),
                "id": STRING,
                "attributes": attributes.attributes_schema(names, attributes.EVENT, revision.has_nulls),
                "relationships": object_of(relationships, ("profile", "metric")),
                "links": self._self_link(),
            },
        )

    def _metric(self) -> Schema:
        names = [name for name in self._revision.metric_fields if name != "id"]
        return self._component(
            "MetricResource",
            {
                "type": one_of_names(["metric"]),
                "id": STRING,
                "attributes": attributes.attributes_schema(names, attributes.METRIC, self._revision.has_nulls),
                "links": self._self_link(),
            },
        )

    def _profile(self, operation: Operation | None) -> Schema:
        """A profile; one that an operation with additional fields answers with has those too."""
        revision = self._revision
        names = revision.profile_fields if operation is None else profile_field_names(operation, revision)
        links = {"links": self._relationship_links()}
        relationships = {
            kind: object_of({"data": array_of(identifier(kind[:-1])), **links}, ("data", "links"))
            if revision.lists_have_data
            else object_of(links, ("links",))
            for kind in ("lists", "segments")
        }
        return self._component(
            "IncludedProfile" if operation is None else "ProfileResource",
            {
                "type": one_of_names(["profile"]),
                "id": STRING,
                "attributes": attributes.attributes_schema(
                    [name for name in names if name != "id"], attributes.PROFILE, revision.has_nulls
                ),
                "relationships": object_of(relationships, relationships),
                "links": self._self_link(),
            },
        )

    def _included(self) -> Schema:
        return array_of({"oneOf": [self._metric(), self._profile(None)]})

    def _page_links(self) -> Schema:
        members = {"self": URI, "next": or_null(URI), "prev": or_null(URI)}
        return self._component("PageLinks", members)

    def _self_link(self) -> Schema:
        return self._component("SelfLink", {"self": URI})

    def _relationship_links(self) -> Schema:
        return self._component("RelationshipLinks", {"self": URI, "related": URI})

    def _component(self, name: str, members: dict[str, Schema]) -> Schema:
        """A component whose members are all there in every answer."""
        self._components[name] = object_of(members, members)
        return reference(name)


def identifier(kind: str) -> Schema:
    """What a relationship points to: a type and an id."""
    members = {"type": one_of_names([kind]), "id": STRING}
    return object_of(members, members)
