"""Bulk imports of profiles: the profiles after them, and how to read their jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from eventkeep.limits import IMPORT_SLICE_PROFILES
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, fault_of, make_keys

PATH = "/api/profile-bulk-import-jobs/"


@pytest.fixture
def api(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[Api]:
    """A key of an account of the test's own."""
    (key,) = make_keys(server, request.node.name[:90], "full")
    with Api(server.url, key, "2026-07-15") as opened:
        yield opened


def send(api: Api, *attributes: dict[str, Any], lists: tuple[str, ...] = ()) -> httpx.Response:
    profiles = [{"type": "profile", "attributes": each} for each in attributes]
    data: dict[str, Any] = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": profiles}}}
    if lists:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": each} for each in lists]}}
    return api.http.post(PATH, json={"data": data})


def pages(api: Api, path: str) -> list[dict[str, Any]]:
    """The resources of all pages."""
    found: list[dict[str, Any]] = []
    url: str | None = path
    while url:
        document = api.http.get(url).json()
        found += document["data"]
        url = document["links"]["next"]
    return found


def test_an_import_of_several_slices(api: Api) -> None:
    count = IMPORT_SLICE_PROFILES + 7
    people = [{"email": f"{number}@shop.example", "first_name": str(number)} for number in range(count)]
    people[3] = {"email": "no"}
    response = send(api, *people, {"external_id": 7}, lists=("L1",))
    assert response.status_code == 202, response.text
    job = response.json()["data"]
    attributes = job["attributes"]
    assert (attributes["status"], attributes["total_count"]) == ("complete", count + 1)
    assert (attributes["completed_count"], attributes["failed_count"]) == (count, 1)
    assert api.http.get(f"{PATH}{job['id']}/").json()["data"] == job
    profiles = pages(api, f"{PATH}{job['id']}/profiles/?page[size]=100")
    names = [each["attributes"]["first_name"] for each in profiles]
    assert names == [str(number) for number in range(count) if number != 3] + [None]
    ids = pages(api, f"{PATH}{job['id']}/relationships/profiles/?page[size]=100")
    assert ids == [{"type": "profile", "id": each["id"]} for each in profiles]
    (error,) = pages(api, f"{PATH}{job['id']}/import-errors/")
    assert error["attributes"]["source"] == {"pointer": "/data/attributes/profiles/data/3/attributes/email"}
    assert error["attributes"]["original_payload"]["attributes"] == {"email": "no"}
    assert api.http.get(f"{PATH}{job['id']}/lists/").json()["data"] == []
    assert api.http.get(f"{PATH}{job['id']}/relationships/lists/").json()["data"] == [{"type": "list", "id": "L1"}]


def test_an_import_updates_what_is_there(api: Api) -> None:
    api.create("Order", {"email": "ada@shop.example"})
    job = send(api, {"email": "ada@shop.example", "title": "Dr."}, {"email": "ada@shop.example", "image": "i"}).json()
    (profile,) = pages(api, f"{PATH}{job['data']['id']}/profiles/")
    assert (profile["attributes"]["title"], profile["attributes"]["image"]) == ("Dr.", "i")
    assert profile["attributes"]["last_event_date"] is not None


def test_jobs_are_listed(api: Api) -> None:
    ids = [send(api, {"email": f"{number}@shop.example"}).json()["data"]["id"] for number in range(3)]
    assert [each["id"] for each in pages(api, f"{PATH}?page[size]=2")] == ids
    assert [each["id"] for each in pages(api, f"{PATH}?page[size]=1&sort=-created_at")] == ids[::-1]
    assert len(pages(api, f'{PATH}?filter=any(status,["complete","queued"])')) == 3
    assert pages(api, f'{PATH}?filter=equals(status,"queued")') == []
    assert api.http.get(f"{PATH}01GDDKASAP8TKDDA2GRZDSVP4H/").status_code == 404


def test_a_body_of_another_shape_is_refused_whole(api: Api) -> None:
    response = send(api, {"email": "ada@shop.example"}, {"email": 5})
    assert response.status_code == 400
    assert fault_of(response)["source"]["pointer"] == "/data/attributes/profiles/data/1/attributes/email"
    assert api.http.get("/api/profiles/").json()["data"] == []
