"""The differences between two documents: small documents for every kind of change, and the revisions themselves."""

from __future__ import annotations

import itertools
from typing import Any, Final

import msgspec
import pytest

from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.openapi.differences import Change, Difference, Kind, OperationDifference, difference
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.revisions import REVISIONS

DOCUMENTS: Final = {revision.date: openapi_document(revision, "http://127.0.0.1:8000") for revision in REVISIONS}
STRING: Final = {"type": "string"}


def document(version: str = "1", **operation: Any) -> dict[str, Any]:
    """A document with one operation; with none by default."""
    described = {"operationId": "get_thing", "responses": {}, **operation}
    return {
        "info": {"version": version},
        "paths": {"/thing/": {"get": described}} if operation else {},
        "components": {"schemas": {"Thing": {"type": "object", "properties": {"name": STRING}}}},
    }


def body(schema: dict[str, Any]) -> dict[str, Any]:
    return document(requestBody={"content": {"application/json": {"schema": schema}}})


def response_with(schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return document(responses={"200": {"description": "", "content": {media_type: {"schema": schema}}}})


def parameter(**described: Any) -> dict[str, Any]:
    return document(parameters=[{"name": "include", "in": "query", "schema": STRING, **described}])


def allowed(burst: str, *scopes: str) -> dict[str, Any]:
    extensions: dict[str, Any] = {"x-klaviyo-ratelimit": {"burst": burst}, "x-klaviyo-scopes": list(scopes)}
    return document(**extensions)


def thing(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members}


def names(*values: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": list(values)}}


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    return [change for operation in difference(before, after).operations for change in operation.changes]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            body(thing()),
            body(thing(name=STRING)),
            [Change(kind="added", part="body", place="name", after="string")],
        ),
        (
            body(thing(name=STRING)),
            body({**thing(name={**STRING, "nullable": True}), "required": ["name"]}),
            [Change(kind="changed", part="body", place="name", before="string", after="string, required, may be null")],
        ),
        (
            body(thing(name={**STRING, "maxLength": 10})),
            body(thing(name={**STRING, "minLength": 1, "maxLength": 1000})),
            [
                Change(
                    kind="changed",
                    part="body",
                    place="name",
                    before="string, at most 10 characters",
                    after="string, 1 to 1,000 characters",
                )
            ],
        ),
        (
            body(thing(inner=thing(name=STRING))),
            body(thing()),
            [
                Change(kind="removed", part="body", place="inner", before="object"),
                Change(kind="removed", part="body", place="inner.name", before="string"),
            ],
        ),
        (
            response_with(thing(data=thing(id=STRING))),
            response_with(thing(data={"type": "array", "items": thing(id=STRING)})),
            [Change(kind="changed", part="response", place="data", before="object", after="array of objects")],
        ),
        (
            response_with(thing()),
            response_with(thing(), "application/vnd.api+json"),
            [
                Change(kind="added", part="media type", place="response", value="application/vnd.api+json"),
                Change(kind="removed", part="media type", place="response", value="application/json"),
            ],
        ),
        (
            parameter(schema=names("metric")),
            parameter(schema=names("metric", "profile")),
            [Change(kind="added", part="parameter", place="include", value="profile")],
        ),
        (
            parameter(),
            parameter(required=True),
            [Change(kind="changed", part="parameter", place="include", before="string", after="string, required")],
        ),
        (
            document(parameters=[]),
            parameter(),
            [Change(kind="added", part="parameter", place="include", after="string")],
        ),
        (
            parameter(**{"x-eventkeep-filters": {"time": ["equals", "less-than"]}}),
            parameter(**{"x-eventkeep-filters": {"time": ["equals"], "profile": ["has"]}}),
            [
                Change(kind="added", part="parameter", place="include", value="has(profile)"),
                Change(kind="removed", part="parameter", place="include", value="less-than(time)"),
            ],
        ),
        (
            allowed("10/s", "a:read"),
            allowed("20/s", "a:read", "b:read"),
            [
                Change(kind="changed", part="limit", place="burst", before="10/s", after="20/s"),
                Change(kind="added", part="scope", place="", value="b:read"),
            ],
        ),
        (
            document(responses={"200": {"description": "fine"}}),
            document(responses={"200": {"description": "good"}, "404": {"description": "gone"}}),
            [Change(kind="added", part="status", place="404", after="gone")],
        ),
        (
            document(responses={"200": {"description": "", "headers": {"Age": {"schema": {"type": "integer"}}}}}),
            document(responses={"200": {"description": ""}}),
            [Change(kind="removed", part="header", place="200 Age", before="integer")],
        ),
        (
            document(operationId="get_thing"),
            document(operationId="get_a_thing"),
            [Change(kind="changed", part="name", place="", before="get_thing", after="get_a_thing")],
        ),
    ],
)
def test_changes_are_listed_with_their_place(
    before: dict[str, Any], after: dict[str, Any], expected: list[Change]
) -> None:
    assert changes(before, after) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/Thing"},
        {"allOf": [{"$ref": "#/components/schemas/Thing"}]},
        {"allOf": [thing(), thing(name=STRING)]},
        thing(name={"allOf": [STRING, {"description": "what it is called"}]}),
        {**thing(name={**STRING, "example": "Anna"}), "description": "a thing"},
    ],
)
def test_how_a_schema_is_put_together_does_not_count(schema: dict[str, Any]) -> None:
    assert changes(response_with(thing(name=STRING)), response_with(schema)) == []


def test_members_beside_a_reference_count() -> None:
    one = {"$ref": "#/components/schemas/Thing"}
    other = {**one, "nullable": True}
    assert changes(body(thing(of=one)), body(thing(of=other))) == [
        Change(kind="changed", part="body", place="of", before="object", after="object, may be null")
    ]


def test_resources_of_several_types_are_distinguished() -> None:
    def included(**more: Any) -> dict[str, Any]:
        metric = thing(type={"type": "string", "enum": ["metric"]}, name=STRING)
        profile = thing(type={"type": "string", "enum": ["profile"]}, **more)
        return response_with(thing(included={"type": "array", "items": {"oneOf": [metric, profile]}}))

    assert changes(included(), included(locale=STRING)) == [
        Change(kind="added", part="response", place="included(profile).locale", after="string")
    ]


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    before, after = (
        response_with({"$ref": "#/components/schemas/Thing"}),
        response_with({"$ref": "#/components/schemas/Thing"}),
    )
    after["components"] = {"schemas": {"Thing": thing(inner={"$ref": "#/components/schemas/Thing"})}}
    assert changes(before, after)[0] == Change(kind="removed", part="response", place="name", before="string")


def test_an_operation_that_came_has_all_that_it_consists_of() -> None:
    found = difference(document("1"), {**body(thing(name=STRING)), "info": {"version": "2"}})
    assert found == Difference(
        before="1",
        after="2",
        operations=(
            OperationDifference(
                kind="added",
                name="get_thing",
                method="GET",
                path="/thing/",
                changes=(
                    Change(kind="added", part="name", place="", after="get_thing"),
                    Change(kind="added", part="body", place="name", after="string"),
                    Change(kind="added", part="media type", place="request", value="application/json"),
                ),
            ),
        ),
        unchanged=(),
    )


def test_paths_are_the_same_with_and_without_a_slash_at_their_end() -> None:
    other = document(operationId="get_thing")
    other["paths"] = {"/thing": other["paths"]["/thing/"]}
    assert difference(document(operationId="get_thing"), other).unchanged == ("get_thing",)


@pytest.mark.parametrize("date", DOCUMENTS)
def test_a_document_does_not_differ_from_itself(date: str) -> None:
    found = difference(DOCUMENTS[date], DOCUMENTS[date])
    assert found.operations == ()
    assert len(found.unchanged) == len(REVISIONS[list(DOCUMENTS).index(date)].operations)


@pytest.mark.parametrize(("one", "other"), list(itertools.pairwise(DOCUMENTS)))
def test_the_way_back_undoes_the_way_there(one: str, other: str) -> None:
    swapped: dict[Kind, Kind] = {"added": "removed", "removed": "added", "changed": "changed"}

    def changed(found: Difference) -> set[tuple[str, Change]]:
        return {(operation.name, change) for operation in found.operations for change in operation.changes}

    def undone(change: Change) -> Change:
        return msgspec.structs.replace(change, kind=swapped[change.kind], before=change.after, after=change.before)

    there, back = difference(DOCUMENTS[one], DOCUMENTS[other]), difference(DOCUMENTS[other], DOCUMENTS[one])
    assert changed(there) == {(name, undone(change)) for name, change in changed(back)}


def test_from_2024_02_15_to_2024_06_15() -> None:
    found = difference(DOCUMENTS["2024-02-15"], DOCUMENTS["2024-06-15"])
    by_name = {each.name: each for each in found.operations if OPERATIONS[each.name].tag == "Events"}
    assert {name: operation.kind for name, operation in by_name.items()} == {
        "bulk_create_events": "added",
        "create_event": "changed",
        "get_events": "changed",
        "get_event": "changed",
        "get_event_profile": "changed",
    }
    bulk = {(each.part, each.place): each.after or each.value for each in by_name["bulk_create_events"].changes}
    assert bulk["limit", "burst"] == "10/s"
    assert bulk["limit", "steady"] == "150/m"
    assert bulk["limit", "events"] == "1,000 a request"
    assert bulk["limit", "bytes"] == "5 MB a request"
    assert bulk["scope", ""] == "events:write"
    created = by_name["create_event"].changes
    assert {each.kind for each in created} == {"removed"}
    assert created[0].place == "data.attributes.profile.data.meta"
    profile = by_name["get_event_profile"].changes
    assert [(each.part, each.place, each.value) for each in profile] == [
        ("response", "data.attributes.locale", ""),
        ("parameter", "fields[profile]", "locale"),
    ]
