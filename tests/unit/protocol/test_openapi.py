"""The OpenAPI documents: complete, equal to the registry, and valid for requests and responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs
import msgspec
import pytest

from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX
from eventkeep.protocol.error_documents import FAILURE, PROBLEMS
from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.queries import documented_parameters
from eventkeep.protocol.revisions import REVISIONS, Revision

BASE_URL: Final = "https://events.shop.example"
DATES: Final = [revision.date for revision in REVISIONS]
BODY_STATUSES: Final = {"413", "415"}
HTTP_STATUSES: Final = {"414", "431"}
"""The errors of the HTTP layer, which come before the API."""
EVERY_STATUS: Final = {"400", "401", "403", "404", "410", "429", "500", "503"}


@pytest.fixture(params=REVISIONS, ids=DATES)
def revision(request: pytest.FixtureRequest) -> Revision:
    found: Revision = request.param
    return found


@pytest.fixture
def document(revision: Revision) -> dict[str, Any]:
    return openapi_document(revision, BASE_URL)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each operation."""
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield method.upper(), path, described


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def of_date(date: str) -> dict[str, Any]:
    return openapi_document(REVISIONS[DATES.index(date)], BASE_URL)


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def test_it_is_json_with_the_revision_and_the_url(revision: Revision, document: dict[str, Any]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    assert document["openapi"] == "3.0.3"
    assert document["info"]["version"] == revision.date
    assert document["servers"] == [{"url": BASE_URL}]


def test_its_operations_are_the_registrys(revision: Revision, document: dict[str, Any]) -> None:
    assert {described["operationId"] for _, _, described in operations(document)} == revision.operations
    for method, path, described in operations(document):
        operation = OPERATIONS[described["operationId"]]
        assert (method, path) == (operation.method, operation.path)
        assert described["x-klaviyo-scopes"] == list(operation.scopes)
        assert described["x-klaviyo-ratelimit"] == {
            "burst": f"{operation.limit.at(revision.date).burst}/s",
            "steady": f"{operation.limit.at(revision.date).steady}/m",
        }


def test_its_parameters_are_those_that_queries_are_read_with(revision: Revision, document: dict[str, Any]) -> None:
    for _, path, described in operations(document):
        names = [each["name"] for each in described["parameters"] if each["in"] == "query"]
        operation = OPERATIONS[described["operationId"]]
        assert names == [each.name for each in documented_parameters(operation, revision)]
        assert ("id" in {each["name"] for each in described["parameters"]}) == ("{id}" in path)


def test_every_reference_leads_to_a_component_and_every_component_is_used(document: dict[str, Any]) -> None:
    components = document["components"]["schemas"]
    used = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert used == components.keys()


def test_every_schema_is_one(document: dict[str, Any]) -> None:
    for name in document["components"]["schemas"]:
        jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def test_every_refusal_is_documented_with_its_status(revision: Revision, document: dict[str, Any]) -> None:
    known = {str(problem.status) for problem in (*PROBLEMS.values(), FAILURE)}
    for method, _, described in operations(document):
        statuses = OPERATIONS[described["operationId"]].statuses.at(revision.date)
        refusals = EVERY_STATUS | HTTP_STATUSES | (BODY_STATUSES if method in ("POST", "PATCH") else set())
        refusals |= {"409"} if described["operationId"] in ("create_profile", "update_profile") else set()
        assert described["responses"].keys() == {str(status) for status in statuses} | refusals
        # All but 405: a documented path has all its methods.
        assert refusals - HTTP_STATUSES <= known - {"405"}
        for status in ("429", "503"):
            assert described["responses"][status]["headers"]["Retry-After"]["required"]


def test_media_types_are_the_revisions(revision: Revision, document: dict[str, Any]) -> None:
    for _, _, described in operations(document):
        contents = [response["content"] for response in described["responses"].values() if "content" in response]
        contents += [described["requestBody"]["content"]] if "requestBody" in described else []
        assert {name for content in contents for name in content} == {revision.media_type}


def test_a_bulk_create_states_the_limits_of_one_request() -> None:
    described = of_date("2024-06-15")["paths"]["/api/event-bulk-create-jobs/"]["post"]
    assert described["x-eventkeep-limits"] == {"events": BULK_EVENTS_MAX, "bytes": BODY_BYTES_MAX}
    assert "1,000 events" in described["description"]


@pytest.mark.parametrize(
    ("date", "component", "present", "absent"),
    [
        ("2023-08-15", "EventProfileAttributes", ["email", "anonymous_id"], ["_kx", "locale", "meta"]),
        ("2023-09-15", "EventProfileAttributes", ["_kx"], ["locale", "meta"]),
        ("2024-02-15", "EventProfileAttributes", ["meta"], ["locale"]),
        ("2024-07-15", "EventProfileAttributes", ["meta", "locale"], []),
        ("2023-12-15", "EventProfile", ["id", "meta"], []),
        ("2024-02-15", "EventProfile", ["id", "meta"], []),
        ("2024-05-15", "EventProfile", ["id"], ["meta"]),
        ("2024-05-15", "Profile", ["id", "meta"], []),
        ("2024-05-15", "ProfileAttributes", ["email"], ["meta"]),
        ("2023-12-15", "SingleEventAttributes", ["unique_id"], ["value_currency", "backfill"]),
        ("2024-02-15", "SingleEventAttributes", ["value_currency"], ["backfill"]),
        ("2026-04-15", "SingleEventAttributes", ["backfill"], []),
        ("2026-04-15", "ProfileEventsAttributes", ["backfill", "events", "profile"], []),
        ("2026-01-15", "ProfileEventsAttributes", ["events", "profile"], ["backfill"]),
        ("2023-08-15", "Location", ["city"], ["ip"]),
        ("2023-09-15", "Location", ["city", "ip"], []),
    ],
)
def test_members_of_create_bodies(date: str, component: str, present: list[str], absent: list[str]) -> None:
    members = schema(of_date(date), component)["properties"].keys()
    assert members >= set(present)
    assert not members & set(absent)


def test_null_is_allowed_from_2024_02_15_on() -> None:
    for date in DATES:
        email = schema(of_date(date), "EventProfileAttributes")["properties"]["email"]
        assert email.get("nullable", False) is (date >= "2024-02-15")


def test_unknown_members_of_create_bodies_are_refused_at_every_level() -> None:
    document = of_date("2026-07-15")
    for name in ("EventCreate", "BulkCreate", "SingleEvent", "EventProfile", "ProfileMeta", "Location", "Metric"):
        assert schema(document, name)["additionalProperties"] is False


@pytest.mark.parametrize(
    ("date", "attribute", "expected"),
    [
        ("2024-06-15", "email", {"type": "string", "nullable": True}),
        ("2023-12-15", "email", {"type": "string"}),
        ("2024-06-15", "created", {"type": "string", "format": "date-time", "nullable": True}),
    ],
)
def test_attributes_of_a_profile(date: str, attribute: str, expected: dict[str, Any]) -> None:
    attributes = schema(of_date(date), "ProfileResource")["properties"]["attributes"]["properties"]
    assert attributes[attribute] == expected


def test_additional_fields_are_only_in_operations_that_have_them() -> None:
    document = of_date("2024-06-15")
    names = {
        name: schema(document, name)["properties"]["attributes"]["properties"].keys()
        for name in ("ProfileResource", "IncludedProfile")
    }
    assert names["ProfileResource"] - names["IncludedProfile"] == {"subscriptions", "predictive_analytics"}
