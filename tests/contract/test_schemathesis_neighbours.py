"""Requests to the routes around events, made from our own document: every response is a documented one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import BaseSchema, GenerationMode, Response

from eventkeep.protocol.operation import Operation
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.testing import ServerProcess
from tests.contract.schema_driven import EXAMPLES, AnyCase, bounded, check_response, mended
from tests.contract.shop import Shop

NEWEST: Final = REVISIONS[-1]
NEIGHBOURS: Final = [
    name for name, operation in OPERATIONS.items() if operation.tag != "Events" and name in NEWEST.operations
]
EXAMPLES_OF_ONE: Final = max(3, EXAMPLES // 3)
"""Requests for each operation and mode."""

pytestmark = pytest.mark.timeout(300 + EXAMPLES * 3)


class Neighbours(msgspec.Struct):
    """A server, the headers and things of an account in it, and the document that requests are made from.

    ``ids`` has a thing that exists for the begin of each path that names one.
    """

    server: ServerProcess
    session: requests.Session
    headers: dict[str, str]
    company: str
    ids: dict[str, str]
    schema: BaseSchema

    def cases(self, operation: Operation, mode: GenerationMode) -> st.SearchStrategy[AnyCase]:
        """Requests of an operation. Those that fit the document name an account and a thing that exist."""
        is_good = mode is GenerationMode.POSITIVE
        strategy: st.SearchStrategy[AnyCase] = self.schema[operation.path][operation.method].as_strategy(
            generation_mode=mode,
            headers=self.headers,
            path_parameters={"id": self.id_of(operation)} if is_good and "{id}" in operation.path else None,
            query={"company_id": self.company} if is_good and operation.is_public else None,
        )
        return strategy

    def id_of(self, operation: Operation) -> str:
        return self.ids[operation.path.partition("{id}")[0]]

    def call(self, case: AnyCase) -> Response:
        response: Response = case.call(base_url=self.server.url, session=self.session)
        return response


def made_in(shop: Shop) -> dict[str, str]:
    """A thing of every kind that a path can name, by the begin of the path."""
    shop.create("Placed Order", {"email": "ada@shop.example"}, properties={"size": 3})
    person = {"type": "profile", "attributes": {"email": "bob@shop.example"}}
    jobs = ("profile-bulk-import-jobs", "profile-suppression-bulk-create-jobs", "profile-suppression-bulk-delete-jobs")
    for path in jobs:
        body = {"data": {"type": path.removesuffix("s"), "attributes": {"profiles": {"data": [person]}}}}
        assert shop.http.post(f"/api/{path}/", json=body).status_code == 202
    paths = ("accounts", "metrics", "profiles", *jobs)
    ids = {f"/api/{path}/": shop.http.get(f"/api/{path}/").json()["data"][0]["id"] for path in paths}
    properties = shop.http.get(f"/api/metrics/{ids['/api/metrics/']}/metric-properties/").json()
    return ids | {"/api/metric-properties/": properties["data"][0]["id"]}


@pytest.fixture(scope="module")
def neighbours(server: ServerProcess) -> Iterator[Neighbours]:
    with Shop(server, "neighbours", NEWEST.date) as shop, requests.Session() as session:
        document = shop.http.get(f"/openapi/{NEWEST.date}.json").raise_for_status().json()
        ids = made_in(shop)
        yield Neighbours(
            server=server,
            session=session,
            headers={"Authorization": f"Klaviyo-API-Key {shop.key}", "revision": NEWEST.date},
            company=ids["/api/accounts/"],
            ids=ids,
            schema=schemathesis.openapi.from_dict(document),
        )


def completed(body: Any, id: str | None) -> Any:
    """A body that is valid by rules which no schema states; ``id`` is the one in the path."""
    body = mended(body)
    if id is not None and isinstance(body, dict) and isinstance(body.get("data"), dict):
        body["data"]["id"] = id
    return body


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_every_response_of_a_neighbour_is_documented(neighbours: Neighbours, name: str) -> None:
    operation = OPERATIONS[name]
    has_body = operation.method != "GET"
    id = neighbours.id_of(operation) if "{id}" in operation.path else None
    statuses: Counter[int] = Counter()

    def try_all(mode: GenerationMode) -> None:
        @bounded(EXAMPLES_OF_ONE)
        @given(case=neighbours.cases(operation, mode), is_mended=st.booleans())
        def every_response_is_documented(case: AnyCase, is_mended: bool) -> None:
            if has_body and is_mended and mode is GenerationMode.POSITIVE:
                case.body = completed(case.body, id)
            response = neighbours.call(case)
            statuses[response.status_code] += 1
            check_response(case, response)

        every_response_is_documented()

    try_all(GenerationMode.POSITIVE)
    if has_body or operation.parameters:
        try_all(GenerationMode.NEGATIVE)
        assert statuses[400] > 0
    assert has_body or statuses[200] > 0
