"""Every revision of the registry agrees with its OpenAPI document, and responses fit that document."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

import jsonschema_rs
import pytest

from eventkeep.errors import Fault, InvalidRequest, NotFound
from eventkeep.model.attribution import Touch
from eventkeep.model.event import StoredEvent, public_id
from eventkeep.model.metric import Metric
from eventkeep.model.predictions.analytics import PredictiveAnalytics
from eventkeep.model.profile import Profile
from eventkeep.model.stored_events import StoredEvents
from eventkeep.protocol.error_documents import error_document
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.parameters import ListParameter, SortParameter
from eventkeep.protocol.queries import documented_parameters
from eventkeep.protocol.reads.pages import page_of
from eventkeep.protocol.reads.query import parse_read_query
from eventkeep.protocol.reads.responses import (
    ReadFrame,
    Related,
    event_document,
    events_document,
    metric_document,
    profile_document,
    relationship_document,
)
from eventkeep.protocol.revisions import REVISIONS, Revision
from tests.contract.upstream import load_document

SECRET: Final = b"a secret of the tests"
NEWER_NAMES: Final = {
    "get_metric_for_event": "get_event_metric",
    "get_profile_for_event": "get_event_profile",
    "get_metric_id_for_event": "get_event_relationships_metric",
    "get_profile_id_for_event": "get_event_relationships_profile",
}
"""The names of these operations in the documents from 2024-10-15 on."""

METRIC: Final = Metric(
    7, "SkDfHe", 1, "Placed Order", "api", "7FtS4J", True, 1_718_400_000_000_000, 1_718_400_001_000_000
)
FULL: Final = Profile(
    number=1,
    id="01M1PA9MBA7VB258TP74BXMQTG",
    account=1,
    email="full@shop.example",
    phone_number="+15005550006",
    external_id="full-1",
    anonymous_id="anonymous-1",
    first_name="Full",
    last_name="Profile",
    organization="Shop",
    locale="en-US",
    title="Reader",
    image="https://shop.example/full.png",
    location={
        "address1": "1 Main Street",
        "city": "Boston",
        "latitude": "42.36",
        "longitude": -71.06,
        "timezone": "America/New_York",
        "ip": "127.0.0.1",
    },
    properties={"plan": None, "tags": ["a", "b"]},
    created=1_718_400_000_000_000,
    updated=1_718_400_001_999_999,
)
BARE: Final = Profile(
    number=2,
    id="01M1PA9MBA7VB258TP74BXMQTH",
    account=1,
    created=1_718_400_000_000_000,
    updated=1_718_400_000_000_000,
)
EVENTS: Final = (
    StoredEvent(1, 1_718_452_800, 2**64 - 1, 1, 7, "one", 9.5, "EUR", b'{"sku":"A","$extra":{"deep":[1]}}'),
    StoredEvent(1, 1_718_452_799, 12, 2, 7, "1718452799", None, "", b"{}"),
    StoredEvent(1, 1_718_452_798, 13, 2, 7, "three", 3.0, "", b' { "$value" : 1 } '),
)
RELATED: Final = Related(
    metrics={7: METRIC},
    profile_ids={1: FULL.id, 2: BARE.id},
    profiles={1: FULL, 2: BARE},
    last_event_times={1: 1_718_452_800},
    touches={
        (EVENTS[0].time, EVENTS[0].id): Touch(time=1_718_452_000, id=7, metric="Opened Email", message="UupFUS"),
        (EVENTS[1].time, EVENTS[1].id): Touch(
            time=1_718_452_000, id=8, metric="Clicked SMS", message="M", flow="F", variation="V"
        ),
    },
)

ANALYTICS: Final = PredictiveAnalytics(
    historic_clv=93.87,
    predicted_clv=27.24,
    total_clv=121.11,
    historic_number_of_orders=2,
    predicted_number_of_orders=0.54,
    average_days_between_orders=189,
    average_order_value=46.94,
    churn_probability=0.89,
    expected_date_of_next_order=1_718_452_800,
)
"""The example of the documents."""


@pytest.fixture(params=[revision.date for revision in REVISIONS])
def revision(request: pytest.FixtureRequest) -> Revision:
    return next(revision for revision in REVISIONS if revision.date == request.param)


@pytest.fixture
def upstream(revision: Revision) -> dict[str, dict[str, Any]]:
    """The revision's operations by our names, with ``method``, ``path`` and ``components`` of the document."""
    document = load_document(revision.date)
    return {
        NEWER_NAMES.get(operation["operationId"], operation["operationId"]): {
            **operation,
            "method": method.upper(),
            "path": path,
            "components": document["components"],
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post")
    }


def as_json_schema(node: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema.

    ``nullable`` is a member beside a type or a reference there. The links ``next`` and ``prev`` are
    null if there is no such page, as captured, although no document says so.
    """
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: as_json_schema(value) for key, value in node.items() if key not in ("nullable", "example")}
    if node.get("properties", {}).keys() >= {"self", "next", "prev"}:
        for name in ("next", "prev"):
            plain["properties"][name] = {"anyOf": [plain["properties"][name], {"type": "null"}]}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def validator(operation: dict[str, Any], status: str) -> jsonschema_rs.Validator:
    response = operation["responses"][status]
    if "$ref" in response:
        response = operation["components"]["responses"][response["$ref"].rpartition("/")[2]]
    (content,) = response["content"].values()
    schema = {**content["schema"], "components": {"schemas": operation["components"]["schemas"]}}
    return jsonschema_rs.validator_for(as_json_schema(schema), validate_formats=True)


def frame(operation: str, revision: Revision, **parameters: str) -> ReadFrame:
    query_string = "&".join(f"{quote(name)}={quote(value)}" for name, value in parameters.items()).encode()
    query = parse_read_query(query_string, OPERATIONS[operation], revision, SECRET)
    path = OPERATIONS[operation].path.format(id=public_id(EVENTS[0].time, EVENTS[0].id))
    return ReadFrame(base_url="http://127.0.0.1:8000", path=path, revision=revision, query=query)


def responses(operation: str, revision: Revision, **parameters: str) -> list[bytes]:
    """The responses of the operation, for a full profile and for a bare one."""
    framed = frame(operation, revision, **parameters)
    if operation == "get_events":
        return [
            events_document(framed, page_of(framed.query, StoredEvents.of(found), SECRET), RELATED)
            for found in (EVENTS, ())
        ]
    if operation == "get_event":
        return [event_document(framed, StoredEvents.of([event]), RELATED) for event in EVENTS]
    if operation == "get_event_metric":
        return [metric_document(framed, METRIC)]
    if operation == "get_event_profile":
        return [profile_document(framed, FULL, 1_718_452_800, ANALYTICS), profile_document(framed, BARE, None)]
    if operation == "get_event_relationships_metric":
        return [relationship_document(framed, "metric", METRIC.id)]
    return [relationship_document(framed, "profile", FULL.id)]


def parameters_to_try(operation: str, revision: Revision) -> list[dict[str, str]]:
    """No parameters; all of them at once; and each field by itself.

    Fields inside a subscription are left out: a part of an object that a document requires whole can't fit it.
    """
    described = OPERATIONS[operation]
    lists = {each.name: each.values(revision) for each in described.parameters if isinstance(each, ListParameter)}
    everything = {name: ",".join(values) for name, values in lists.items() if values and not name.startswith("fields[")}
    tries = [{}, everything]
    for parameter, names in lists.items():
        if parameter.startswith("fields["):
            tries += [{**everything, parameter: name} for name in names if name.count(".") < 3]
    return tries


EVENTS_OPERATIONS: Final = {name for name, operation in OPERATIONS.items() if operation.tag == "Events"}
READS: Final = tuple(name for name in OPERATIONS if name in EVENTS_OPERATIONS and OPERATIONS[name].method == "GET")


def test_operations_are_the_documents(revision: Revision, upstream: dict[str, dict[str, Any]]) -> None:
    assert revision.operations & EVENTS_OPERATIONS == upstream.keys()
    for name, described in upstream.items():
        ours = OPERATIONS[name]
        assert (ours.method, ours.path.rstrip("/")) == (described["method"], described["path"].rstrip("/"))
        assert sorted(ours.scopes) == sorted(described["x-klaviyo-scopes"])
        limits = described["x-klaviyo-ratelimit"]
        limit = ours.limit.at(revision.date)
        assert (f"{limit.burst}/s", f"{limit.steady}/m") == (limits["burst"], limits["steady"])


@pytest.mark.parametrize("operation", READS)
def test_parameters_are_the_documents(operation: str, revision: Revision, upstream: dict[str, dict[str, Any]]) -> None:
    theirs = {each["name"]: each for each in upstream[operation]["parameters"] if each["in"] == "query"}
    ours = {each.name: each for each in documented_parameters(OPERATIONS[operation], revision)}
    assert ours.keys() == theirs.keys()
    for name, parameter in theirs.items():
        allowed = parameter["schema"].get("enum") or parameter["schema"].get("items", {}).get("enum")
        own = ours[name]
        if isinstance(own, ListParameter | SortParameter):
            # The live service responds with anonymous_id; the document does not say so.
            assert set(own.values(revision)) - {"anonymous_id"} == set(allowed)


def test_filters_are_the_documents(revision: Revision, upstream: dict[str, dict[str, Any]]) -> None:
    (described,) = (each for each in upstream["get_events"]["parameters"] if each["name"] == "filter")
    lines = described["description"].split("<br>`")[1:]
    theirs = {
        line.partition("`")[0]: {each.strip("` ") for each in line.partition("`: ")[2].split(",")} for line in lines
    }
    assert {field: set(operators) for field, operators in revision.filters.items()} == theirs


@pytest.mark.parametrize("operation", ["create_event", "bulk_create_events"])
def test_create_attributes_are_the_documents(
    operation: str, revision: Revision, upstream: dict[str, dict[str, Any]]
) -> None:
    if operation not in revision.operations:
        pytest.skip("the revision does not have the operation")
    document = upstream[operation]

    def follow(node: Any) -> Any:
        while "$ref" in node:
            node = document["components"]["schemas"][node["$ref"].rpartition("/")[2]]
        return node

    def into(node: Any, *names: str) -> Any:
        for name in names:
            node = follow(follow(node)["items"] if name == "*" else follow(node)["properties"][name])
        return node

    (content,) = document["requestBody"]["content"].values()
    event = holder = into(content["schema"], "data", "attributes")
    if operation == "bulk_create_events":
        holder = into(event, "events-bulk-create", "data", "*", "attributes")
        event = into(holder, "events", "data", "*", "attributes")
    assert event["properties"].keys() - {"profile"} == revision.create_event_attributes
    profile = into(holder, "profile", "data", "attributes")
    assert profile["properties"].keys() | {"meta"} == revision.create_profile_attributes


@pytest.mark.parametrize("operation", READS)
def test_media_type_is_the_documents(operation: str, revision: Revision, upstream: dict[str, dict[str, Any]]) -> None:
    assert list(upstream[operation]["responses"]["200"]["content"]) == [revision.media_type]


@pytest.mark.parametrize("operation", READS)
def test_responses_are_valid_with_all_parameters(
    operation: str, revision: Revision, upstream: dict[str, dict[str, Any]]
) -> None:
    validate = validator(upstream[operation], "200").validate
    for parameters in parameters_to_try(operation, revision):
        for response in responses(operation, revision, **parameters):
            validate(json.loads(response))


def test_pages_with_neighbours_are_valid(revision: Revision, upstream: dict[str, dict[str, Any]]) -> None:
    if not revision.has_page_size:
        pytest.skip("the revision has pages of 200 only")
    framed = frame("get_events", revision, **{"page[size]": "1"})
    page = page_of(framed.query, StoredEvents.of(EVENTS), SECRET)
    document = json.loads(events_document(framed, page, RELATED))
    assert document["links"]["next"] is not None
    validator(upstream["get_events"], "200").validate(document)


@pytest.mark.parametrize("status", ["4XX", "5XX"])
def test_error_documents_are_valid(status: str, revision: Revision, upstream: dict[str, dict[str, Any]]) -> None:
    validate = validator(upstream["get_events"], status).validate
    for exc in (InvalidRequest([Fault("a", parameter="filter"), Fault("b", pointer="/data")]), NotFound("c")):
        _, _, body = error_document(exc, "3f82700e-e8a4-4526-8bd5-402cb905f548", revision.media_type)
        validate(json.loads(body))
