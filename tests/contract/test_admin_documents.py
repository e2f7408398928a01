"""Responses fit our own OpenAPI documents, and bodies that fit them are accepted, in every revision."""

from __future__ import annotations

import json
from typing import Any, Final

import jsonschema_rs
import msgspec
import pytest

from eventkeep.errors import Fault, InvalidRequest, NotFound
from eventkeep.protocol.error_documents import error_document
from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.parameters import ListParameter
from eventkeep.protocol.revisions import REVISIONS, Revision
from tests.contract.test_upstream_schemas import READS, as_json_schema, responses
from tests.create_rules import RULES, Rule

DATES: Final = [revision.date for revision in REVISIONS]
MORE_THAN_PROMISED: Final = {
    "an offset without colon",
    "an offset in hours",
    "a blank for the T",
    "no seconds",
    "a date alone: its midnight",
    "a patch beside the attributes",
    "keys to unset",
    "a patch that is null",
    "operations that are null",
    "an empty array for properties, which PHP sends",
    "an integer for external_id",
    "empty arrays in a profile",
}
"""Rules that accept more than a document.

Other forms of a time, ``meta`` if other revisions have it, and values that programs send and the service accepts.
"""


@pytest.fixture(params=REVISIONS, ids=DATES)
def revision(request: pytest.FixtureRequest) -> Revision:
    found: Revision = request.param
    return found


@pytest.fixture
def document(revision: Revision) -> dict[str, Any]:
    return openapi_document(revision, "http://127.0.0.1:8000")


def validator(document: dict[str, Any], schema: dict[str, Any]) -> jsonschema_rs.Validator:
    whole = {**schema, "components": {"schemas": document["components"]["schemas"]}}
    return jsonschema_rs.validator_for(as_json_schema(whole), validate_formats=True)


def described(document: dict[str, Any], name: str) -> dict[str, Any]:
    operation = OPERATIONS[name]
    found: dict[str, Any] = document["paths"][operation.path][operation.method.lower()]
    return found


def parameters_to_try(name: str, revision: Revision) -> list[dict[str, str]]:
    """No parameters, all of them at once, and each field by itself, including nested ones."""
    parameters = OPERATIONS[name].parameters
    lists = {each.name: each.values(revision) for each in parameters if isinstance(each, ListParameter)}
    everything = {name: ",".join(values) for name, values in lists.items() if values and not name.startswith("fields[")}
    tries: list[dict[str, str]] = [{}, everything]
    for parameter, names in lists.items():
        if parameter.startswith("fields["):
            tries += [{**everything, parameter: field} for field in names]
            # By themselves, so that an object is tested with each of its fields alone.
            tries += [{parameter: field} for field in names]
    return tries


@pytest.mark.parametrize("operation", READS)
def test_responses_are_valid_with_all_parameters(operation: str, revision: Revision, document: dict[str, Any]) -> None:
    (content,) = described(document, operation)["responses"]["200"]["content"].values()
    validate = validator(document, content["schema"]).validate
    for parameters in parameters_to_try(operation, revision):
        for response in responses(operation, revision, **parameters):
            validate(json.loads(response))


def test_error_documents_are_valid(revision: Revision, document: dict[str, Any]) -> None:
    (content,) = described(document, "get_events")["responses"]["400"]["content"].values()
    validate = validator(document, content["schema"]).validate
    for exc in (InvalidRequest([Fault("a", parameter="filter"), Fault("b", pointer="/data")]), NotFound("c")):
        _, _, body = error_document(exc, "3f82700e-e8a4-4526-8bd5-402cb905f548", revision.media_type)
        validate(json.loads(body))


def fits(rule: Rule) -> bool:
    """Whether the rule's body fits the document of its revision."""
    document = openapi_document(REVISIONS[DATES.index(rule.revision)], "http://127.0.0.1:8000")
    (content,) = described(document, rule.operation)["requestBody"]["content"].values()
    return validator(document, content["schema"]).is_valid(msgspec.json.decode(rule.body))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.pointer is None], ids=lambda rule: rule.name)
def test_accepted_bodies_fit_the_document(rule: Rule) -> None:
    assert fits(rule) is (rule.name not in MORE_THAN_PROMISED)


@pytest.mark.parametrize("rule", [rule for rule in RULES if "not known here" in rule.says], ids=lambda rule: rule.name)
def test_members_that_are_not_known_do_not_fit_the_document(rule: Rule) -> None:
    assert not fits(rule)
