"""Schemas that the responses of several families share: metrics, profiles, documents and links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.reads.operations import whole_profile_fields
from eventkeep.protocol.revisions import Revision


class ResourceSchemas:
    """Resources of a revision. Schemas of their parts go to ``components``, by their names.

    A family derives from it.
    """

    def __init__(self, revision: Revision, components: dict[str, Schema]) -> None:
        self._revision, self._components = revision, components

    def body(self, operation: Operation) -> Schema | None:
        """The request's body; None for an operation without one."""
        return None

    def success_headers(self, operation: Operation) -> Mapping[str, Any]:
        """Headers of the operation's success, beside those of every operation."""
        return {}

    def extensions(self, operation: Operation) -> Mapping[str, Any]:
        """Members that begin with ``x-``."""
        return {}

    def document(self, data: Schema, links: Schema, included: Schema | None = None) -> Schema:
        members = {"data": data, "links": links}
        if included is not None:
            members["included"] = included
        return object_of(members, ("data", "links"))

    def metric(self) -> Schema:
        names = [name for name in self._revision.metric_fields if name != "id"]
        return self.component(
            "MetricResource",
            {
                "type": one_of_names(["metric"]),
                "id": STRING,
                "attributes": attributes.attributes_schema(names, attributes.METRIC, self._revision.has_nulls),
                "links": self.self_link(),
            },
        )

    def profile(self, *, is_whole: bool) -> Schema:
        """A profile; if ``is_whole``, with the additional fields."""
        revision = self._revision
        names = whole_profile_fields(revision) if is_whole else revision.profile_fields
        links = {"links": self.relationship_links()}
        relationships = {
            kind: object_of({"data": array_of(identifier(kind[:-1])), **links}, ("data", "links"))
            if revision.lists_have_data
            else object_of(links, ("links",))
            for kind in ("lists", "segments")
        }
        return self.component(
            "ProfileResource" if is_whole else "IncludedProfile",
            {
                "type": one_of_names(["profile"]),
                "id": STRING,
                "attributes": attributes.attributes_schema(
                    [name for name in names if name != "id"], attributes.PROFILE, revision.has_nulls
                ),
                "relationships": object_of(relationships, relationships),
                "links": self.self_link(),
            },
        )

    def page_links(self) -> Schema:
        members = {"self": URI, "next": or_null(URI), "prev": or_null(URI)}
        return self.component("PageLinks", members)

    def self_link(self) -> Schema:
        return self.component("SelfLink", {"self": URI})

    def relationship_links(self) -> Schema:
        return self.component("RelationshipLinks", {"self": URI, "related": URI})

    def component(self, name: str, members: dict[str, Schema]) -> Schema:
        """A component whose members are all present in every response."""
        self._components[name] = object_of(members, members)
        return reference(name)


def identifier(kind: str) -> Schema:
    """The target of a relationship: a type and an id."""
    members = {"type": one_of_names([kind]), "id": STRING}
    return object_of(members, members)
