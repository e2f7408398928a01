"""Requests made from an OpenAPI document."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from typing import Any, Final

import httpx
import msgspec
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from schemathesis import BaseSchema, Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from eventkeep.protocol.operations import OPERATIONS
from eventkeep.testing import ServerProcess
from tests.contract.upstream import load_document

AnyCase = Case[Any]
REVISION: Final = "2024-06-15"
EXAMPLES: Final = int(os.environ.get("EVENTKEEP_TEST_EXAMPLES", "12"))
"""Requests for each operation, document and mode: EVENTKEEP_TEST_EXAMPLES in the environment; 2,000 take minutes."""
IS_LONG: Final = "EVENTKEEP_TEST_EXAMPLES" in os.environ

CHECKS: Final = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

PURCHASE: Final = {
    "properties": {"sku": "D4"},
    "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
    "profile": {"data": {"type": "profile", "attributes": {"email": "sarah@shop.example"}}},
}
GOOD_VALUES: Final[dict[str, Any]] = {
    "email": "sarah@shop.example",
    "phone_number": "+15005550006",
    "time": "2024-06-15T12:00:00+00:00",
    "value_currency": "EUR",
    "id": None,
}
"""Parts of a schema that say too little to hit a valid value at random."""


class Subject(msgspec.Struct):
    """A server, a key for it, an event in it, and the document that requests are made from."""

    server: ServerProcess
    session: requests.Session
    key: str
    event_id: str
    schemas: tuple[BaseSchema, ...]
    is_own: bool

    def cases(self, name: str, mode: GenerationMode) -> st.SearchStrategy[AnyCase]:
        """Requests of an operation; half of those that name an event name an existing one."""
        described = OPERATIONS[name]
        # Upstream accepts any text as a revision; ours must be the revision of the document.
        headers = None if self.is_own else {"revision": REVISION}
        places = [None, {"id": self.event_id}] if "{id}" in described.path else [None]
        return st.one_of(
            [
                schema[described.path][described.method].as_strategy(
                    generation_mode=mode, headers=headers, path_parameters=place
                )
                for schema in self.schemas
                for place in places
            ]
        )

    def call(self, case: AnyCase) -> Response:
        headers = {"Authorization": f"Klaviyo-API-Key {self.key}"}
        if not self.is_own:
            headers["revision"] = REVISION
        response: Response = case.call(base_url=self.server.url, headers=headers, session=self.session)
        return response

    def count_events(self) -> int:
        """The number of events of the account, counted page by page."""
        headers = {"Authorization": f"Klaviyo-API-Key {self.key}", "revision": "2026-07-15"}
        url: str | None = f"{self.server.url}/api/events/?fields[event]=timestamp&page[size]=1000"
        count = 0
        while url is not None:
            page = self.session.get(url, headers=headers, timeout=30).json()
            count += len(page["data"])
            url = page["links"]["next"]
        return count

    def modes(self, name: str) -> list[GenerationMode]:
        """Requests that fit the document, and invalid ones if the operation can be given an invalid request."""
        described = OPERATIONS[name]
        has_input = described.method == "POST" or described.parameters
        return list(GenerationMode) if has_input else [GenerationMode.POSITIVE]


def check_response(case: AnyCase, response: Response) -> None:
    """Raises an error that describes the fault of a response."""
    case.validate_response(response, checks=list(CHECKS))
    if response.status_code == 400:
        for error in response.json()["errors"]:
            assert len(error["source"].keys() & {"pointer", "parameter"}) == 1, error


def bounded(examples: int) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """The settings of hypothesis: the same requests in every run, other requests in each long run."""
    wrap: Callable[[Callable[[], None]], Callable[[], None]] = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=not IS_LONG,
        # A failing request says enough as it is; shrinking it takes thousands of further requests.
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    return wrap


def admin_schemas(server: ServerProcess) -> tuple[BaseSchema, ...]:
    """From the document that the server itself has."""
    document = httpx.get(f"{server.url}/openapi/{REVISION}.json").raise_for_status().json()
    return (schemathesis.openapi.from_dict(document),)


def upstream_schemas() -> tuple[BaseSchema, ...]:
    """From the hosted service's document: as it is, and with stricter bodies.

    The original allows further members beside the named ones, and empty lists, so that nearly no body
    is valid. It is corrected if the live service responds in another way.
    """
    document = load_document(REVISION)
    schemas = document["components"]["schemas"]
    for link in ("next", "prev"):
        schemas["CollectionLinks"]["properties"][link]["nullable"] = True
    # A sparse fieldset may ask for a part of an object that the document requires whole.
    for name in ("EmailMarketing", "SMSMarketing"):
        del schemas[name]["required"]
    strict = copy.deepcopy(document)
    for methods in strict["paths"].values():
        for operation in methods.values():
            make_strict(operation.get("requestBody"), strict["components"]["schemas"])
    return schemathesis.openapi.from_dict(document), schemathesis.openapi.from_dict(strict)


def make_strict(node: Any, schemas: dict[str, Any]) -> None:
    """Forbid unnamed members and empty lists in all schemas that the schema of a body leads to."""
    if isinstance(node, list):
        for item in node:
            make_strict(item, schemas)
    elif isinstance(node, dict):
        if "properties" in node:
            node |= {"type": "object", "additionalProperties": False}
            for member in node["properties"].values():
                make_strict(member, schemas)
        if node.get("type") == "array":
            node["minItems"] = 1
        if "$ref" in node:
            make_strict(schemas[node["$ref"].rpartition("/")[2]], schemas)
        for name, value in node.items():
            if name != "properties":
                make_strict(value, schemas)


def first_event(server: ServerProcess, key: str) -> str:
    """Create an event and return its id."""
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": REVISION}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        client.post("/api/events/", json={"data": {"type": "event", "attributes": PURCHASE}}).raise_for_status()
        found: str = client.get("/api/events/").raise_for_status().json()["data"][0]["id"]
    return found


def mended(node: Any) -> Any:
    """A create body that is valid by rules which no schema states."""
    if isinstance(node, str):
        return node.replace("\0", "") or "x"
    if isinstance(node, list):
        return [mended(item) for item in node]
    if not isinstance(node, dict):
        return node
    members = {mended(name): GOOD_VALUES.get(name, mended(value)) for name, value in node.items()}
    if members.get("type") == "profile" and isinstance(members.get("attributes"), dict):
        members["attributes"].setdefault("email", GOOD_VALUES["email"])
    return members
