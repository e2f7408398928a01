"""The routes for browsers and apps: they write by a public id, and read nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eventkeep.directory.reader import DirectoryReader
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, fault_of, make_keys, single_body

REVISION = "2026-07-15"
PATHS = ("events", "event-bulk-create", "profiles", "subscriptions")


@pytest.fixture
def api(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[Api]:
    """A key of an account of the test's own."""
    (key,) = make_keys(server, request.node.name[:90], "full")
    with Api(server.url, key, REVISION) as opened:
        yield opened


@pytest.fixture
def browser(server: ServerProcess) -> Iterator[httpx.Client]:
    """Without a key."""
    headers = {"revision": REVISION, "Origin": "https://shop.example"}
    with httpx.Client(base_url=server.url, headers=headers, verify=False) as client:
        yield client


@pytest.fixture
def company(server: ServerProcess, api: Api, request: pytest.FixtureRequest) -> str:
    """The public id of the account that ``api`` has made."""
    with DirectoryReader(server.data) as directory:
        account = directory.accounts.find(request.node.name[:90])
        assert account is not None
        return directory.accounts.public_id(account.number)


def bulk(profile: dict[str, Any], *unique_ids: str) -> dict[str, Any]:
    metric = {"data": {"type": "metric", "attributes": {"name": "Viewed"}}}
    events = [
        {"type": "event", "attributes": {"properties": {}, "unique_id": each, "metric": metric}} for each in unique_ids
    ]
    attributes = {"profile": {"data": {"type": "profile", "attributes": profile}}, "events": {"data": events}}
    return {"data": {"type": "event-bulk-create", "attributes": attributes}}


def profile(**attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": attributes}}


def subscription(**attributes: Any) -> dict[str, Any]:
    person = {"data": {"type": "profile", "attributes": attributes}}
    relationships = {"list": {"data": {"type": "list", "id": "L"}}}
    return {"data": {"type": "subscription", "attributes": {"profile": person}, "relationships": relationships}}


BODIES: dict[str, dict[str, Any]] = {
    "events": single_body("Viewed", {"email": "ada@shop.example"}, unique_id="1"),
    "event-bulk-create": bulk({"email": "ada@shop.example"}, "1", "2"),
    "profiles": profile(email="ada@shop.example", title="Dr."),
    "subscriptions": subscription(email="ada@shop.example"),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_client_writes_and_gets_nothing_back(
    api: Api, browser: httpx.Client, company: str, path: str, slash: str
) -> None:
    response = browser.post(f"/client/{path}{slash}", params={"company_id": company}, json=BODIES[path])
    assert (response.status_code, response.content) == (202, b""), response.text
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    (kept,) = api.http.get("/api/profiles/").json()["data"]
    assert kept["attributes"]["email"] == "ada@shop.example"
    assert len(api.events()) == {"events": 1, "event-bulk-create": 2, "profiles": 0, "subscriptions": 1}[path]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", [{}, {"company_id": ""}, {"company_id": "AAAAAA"}, {"company_id": "default"}])
def test_a_wrong_account_is_400(browser: httpx.Client, path: str, query: dict[str, str]) -> None:
    response = browser.post(f"/client/{path}", params=query, json=BODIES[path])
    assert (response.status_code, fault_of(response)["source"]) == (400, {"parameter": "company_id"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_may_ask_first(browser: httpx.Client, path: str) -> None:
    headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,revision"}
    response = browser.options(f"/client/{path}", params={"company_id": "AAAAAA"}, headers=headers)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "*"


@pytest.mark.parametrize("path", PATHS)
def test_a_client_reads_nothing(browser: httpx.Client, company: str, path: str) -> None:
    assert browser.get(f"/client/{path}", params={"company_id": company}).status_code == 405
    assert browser.get("/api/profiles/", params={"company_id": company}).status_code == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("events", single_body("Viewed", {"email": "ada@shop.example", "external_id": "x", "title": "Dr."})),
        ("event-bulk-create", bulk({"email": "ada@shop.example", "external_id": "x", "title": "Dr."}, "1")),
        ("profiles", profile(email="ada@shop.example", external_id="x", title="Dr.")),
        ("subscriptions", subscription(email="ada@shop.example", external_id="x", title="Dr.")),
    ],
)
def test_identifiers_of_a_known_profile_stay(
    api: Api, browser: httpx.Client, company: str, path: str, body: dict[str, Any]
) -> None:
    api.create("Order", {"email": "ada@shop.example"})
    assert browser.post(f"/client/{path}", params={"company_id": company}, json=body).status_code == 202
    (kept,) = api.http.get("/api/profiles/").json()["data"]
    assert (kept["attributes"]["external_id"], kept["attributes"]["title"]) == (None, "Dr.")
    assert api.http.get("/api/profiles/", params={"filter": 'equals(external_id,"x")'}).json()["data"] == []


def test_faults_point_into_the_body(browser: httpx.Client, company: str) -> None:
    body = bulk({"email": "no"}, "1")
    response = browser.post("/client/event-bulk-create", params={"company_id": company}, json=body)
    assert response.status_code == 400
    assert fault_of(response)["source"]["pointer"] == "/data/attributes/profile/data/attributes/email"


def test_a_client_of_one_account_writes_nothing_to_another(
    server: ServerProcess, api: Api, browser: httpx.Client, company: str
) -> None:
    (other,) = make_keys(server, "another account of the client routes", "full")
    browser.post("/client/profiles", params={"company_id": company}, json=BODIES["profiles"])
    with Api(server.url, other, REVISION) as stranger:
        assert stranger.http.get("/api/profiles/").json()["data"] == []
