"""Responses about profiles, jobs and consent, held against the upstream documents of all revisions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eventkeep.protocol.revisions import REVISIONS, Revision
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, make_keys
from tests.contract.upstream import load_neighbours, response_validator

IMPORTS = "/api/profile-bulk-import-jobs/"
ADDITIONAL = "additional-fields[profile]"


class Checked:
    """One account in one revision, whose responses are validated."""

    def __init__(self, api: Api, revision: Revision) -> None:
        self.api, self.revision = api, revision
        self.document = load_neighbours(revision.date)

    def call(
        self,
        method: str,
        path: str,
        id: str = "",
        *,
        body: Any = None,
        query: dict[str, str] | None = None,
        status: int,
    ) -> dict[str, Any] | None:
        """The document of a response; None if the revision lacks the operation."""
        upstream = self.document["paths"].get(path) or self.document["paths"].get(path.replace("{id}", "{job_id}"))
        key = path if path in self.document["paths"] else path.replace("{id}", "{job_id}")
        if upstream is None or method not in upstream:
            response = self.api.http.request(method, path.replace("{id}", id or "x"), json=body)
            assert response.status_code == 404, (self.revision.date, path, response.text)
            return None
        response = self.api.http.request(method, path.replace("{id}", id), json=body, params=query)
        assert response.status_code == status, response.text
        if not response.content:
            assert "content" not in upstream[method]["responses"][str(status)]
            return None
        document: dict[str, Any] = response.json()
        found = list(response_validator(self.document, key, method, str(status)).iter_errors(document))
        assert not found, [(each.message, list(each.instance_path)) for each in found[:5]]
        return document


@pytest.fixture(params=REVISIONS, ids=lambda revision: revision.date)
def checked(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[Checked]:
    revision: Revision = request.param
    (key,) = make_keys(server, f"upstream {request.node.originalname} {revision.date}"[:90], "full")
    with Api(server.url, key, revision.date) as api:
        yield Checked(api, revision)


def profile(id: str | None = None, **attributes: Any) -> dict[str, Any]:
    data = {"type": "profile", "attributes": attributes}
    return {"data": data if id is None else {**data, "id": id}}


def additional(revision: Revision) -> dict[str, str]:
    return {ADDITIONAL: ",".join(revision.additional_fields)}


def test_profiles(checked: Checked) -> None:
    call, more = checked.call, additional(checked.revision)
    made = call("post", "/api/profiles/", body=profile(email="ada@shop.example", location={"latitude": 1}), status=201)
    assert made is not None
    ada = made["data"]["id"]
    checked.api.create("Order", {"email": "ada@shop.example"})
    call("patch", "/api/profiles/{id}/", ada, body=profile(ada, first_name="Ada", properties={"a": None}), status=200)
    call("get", "/api/profiles/{id}/", ada, query=more, status=200)
    call("get", "/api/profiles/{id}/", ada, query={"include": "lists,segments"}, status=200)
    for expected in (201, 200):
        call("post", "/api/profile-import/", body=profile(external_id="bob"), status=expected)
    bob = checked.api.http.post("/api/profiles/", json=profile(email="bob@shop.example")).json()["data"]["id"]
    call("get", "/api/profiles/", query={**more, "page[size]": "1", "sort": "-updated"}, status=200)
    relationships = {"profiles": {"data": [{"type": "profile", "id": bob}]}}
    merge = {"data": {"type": "profile-merge", "id": ada, "relationships": relationships}}
    call("post", "/api/profile-merge/", body=merge, status=201)


def test_imports(checked: Checked) -> None:
    call = checked.call
    profiles = [profile(email="ada@shop.example")["data"], profile(email="no")["data"]]
    data = {
        "type": "profile-bulk-import-job",
        "attributes": {"profiles": {"data": profiles}},
        "relationships": {"lists": {"data": [{"type": "list", "id": "L"}]}},
    }
    made = call("post", IMPORTS, body={"data": data}, status=202)
    job = "x" if made is None else made["data"]["id"]
    call("get", IMPORTS, status=200)
    call("get", f"{IMPORTS}{{id}}/", job, query={"include": "lists"}, status=200)
    for part in ("lists", "profiles", "import-errors", "relationships/lists", "relationships/profiles"):
        call("get", f"{IMPORTS}{{id}}/{part}/", job, status=200)


def test_consent(checked: Checked) -> None:
    call, date = checked.call, checked.revision.date
    person: dict[str, Any] = {"email": "ada@shop.example", "phone_number": "+15005550006"}
    if date >= "2025-01-15":
        person["subscriptions"] = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    relationships = {"list": {"data": {"type": "list", "id": "L"}}}
    attributes = {"profiles": {"data": [{"type": "profile", "attributes": person}]}}
    body = {
        "data": {
            "type": "profile-subscription-bulk-create-job",
            "attributes": attributes,
            "relationships": relationships,
        }
    }
    call("post", "/api/profile-subscription-bulk-create-jobs/", body=body, status=202)
    for kind in ("create", "delete"):
        path = f"/api/profile-suppression-bulk-{kind}-jobs/"
        emails = {"profiles": {"data": [{"type": "profile", "attributes": {"email": "ada@shop.example"}}]}}
        suppression = {"data": {"type": f"profile-suppression-bulk-{kind}-job", "attributes": emails}}
        made = call("post", path, body=suppression, status=202)
        if date >= "2024-10-15":
            assert made is not None
            call("get", path, status=200)
            call("get", f"{path}{{id}}/", made["data"]["id"], status=200)
        call("get", "/api/profiles/", query=additional(checked.revision), status=200)


@pytest.mark.parametrize("date", ["2024-07-15", "2024-10-15"])
def test_the_media_type_is_the_revisions(server: ServerProcess, date: str) -> None:
    (key,) = make_keys(server, "media types of profiles", "full")
    with Api(server.url, key, date) as api:
        response: httpx.Response = api.http.get("/api/profiles/")
    expected = "application/json" if date < "2024-10-15" else "application/vnd.api+json"
    assert response.headers["content-type"] == expected
