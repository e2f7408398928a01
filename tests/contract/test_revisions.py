"""Revisions over HTTP: which one is used, and that every one responds in its own shape."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from eventkeep.protocol.revisions import REVISIONS
from eventkeep.testing import ServerProcess
from tests.contract.api import OF_ONE_EVENT, PATHS, Api, body_for, fault_of, make_keys
from tests.contract.upstream import load_document, response_validator

DATES: Final = [revision.date for revision in REVISIONS]
TODAY: Final = datetime.datetime.now(datetime.UTC).date()
NEXT_WEEK: Final = TODAY + datetime.timedelta(days=7)


@pytest.fixture(scope="module")
def key(server: ServerProcess) -> str:
    (made,) = make_keys(server, "revisions", "full")
    with Api(server.url, made) as api:
        api.create(
            "Order",
            {"email": "ada@shop.example", "location": {"city": "Porto"}},
            unique_id="1",
            value=1.5,
            time="2024-06-15",
        )
    return made


@pytest.fixture
def client(server: ServerProcess, key: str) -> Iterator[httpx.Client]:
    """A client that sends no revision."""
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"Klaviyo-API-Key {key}"}, verify=False, timeout=60
    ) as made:
        yield made


# Selection of the revision


@pytest.mark.parametrize(
    ("header", "responds"),
    [
        (None, "2023-07-15"),
        ("2023-07-15", "2023-07-15"),
        ("2023-08-14", "2023-07-15"),
        ("2024-02-15", "2024-02-15"),
        ("2024-05-14", "2024-02-15"),
        ("2024-05-15", "2024-05-15"),
        ("2024-06-16", "2024-06-15"),
        ("2024-07-14", "2024-06-15"),
        ("2024-10-15", "2024-10-15"),
        ("2026-01-14", "2025-10-15"),
        ("2026-01-15", "2026-01-15"),
        ("2026-07-15.pre", "2026-07-15"),
        ("2023-07-14", "2023-07-15"),
        ("0001-01-01", "2023-07-15"),
        (TODAY.isoformat(), max(date for date in DATES if date <= TODAY.isoformat())),
    ],
)
def test_newest_revision_that_is_not_after_the_date_is_used(
    client: httpx.Client, header: str | None, responds: str
) -> None:
    headers = {} if header is None else {"revision": header}
    revision = next(each for each in REVISIONS if each.date == responds)
    page = client.get("/api/events/", headers=headers, params={"include": "metric"})
    assert page.status_code == 200
    assert page.headers["Content-Type"] == revision.media_type
    assert page.headers["X-Klaviyo-Api-Revision"] == responds
    sized = client.get("/api/events/", headers=headers, params={"page[size]": "1"})
    # Released clients send it in every revision.
    assert sized.status_code == 200
    assert sized.headers["Content-Type"] == revision.media_type
    bulk = client.post("/api/event-bulk-create-jobs/", headers=headers, json=body_for("bulk_create_events"))
    assert bulk.status_code == (202 if responds >= "2024-05-15" else 404)


@pytest.mark.parametrize(
    ("header", "status", "detail"),
    [
        ("", 400, "Invalid revision provided"),
        ("newest", 400, "Invalid revision provided"),
        ("2024-6-15", 400, "Invalid revision provided"),
        ("2024-13-15", 400, "Invalid revision provided"),
        ("2023-02-29", 400, "Invalid revision provided"),
        ("20240615", 400, "Invalid revision provided"),
        ("2024-06-15.", 400, "Invalid revision provided"),
        ("2024-06-15, 2024-07-15", 400, "Invalid revision provided"),
        ("2024-06-15T00:00:00Z", 400, "Invalid revision provided"),
        ("é".encode(), 400, "Invalid revision provided"),
        (b"\xff\xfe", 400, "Invalid revision provided"),
        ("x" * 4_000, 400, "Invalid revision provided"),
        (NEXT_WEEK.isoformat(), 404, "Unable to specify a future revision date"),
        ("9999-12-31", 404, "Unable to specify a future revision date"),
    ],
)
@pytest.mark.parametrize("operation", ["create_event", "get_events", "get_event"])
def test_date_that_is_no_revision_is_refused(
    client: httpx.Client, operation: str, header: str | bytes, status: int, detail: str
) -> None:
    method, path = PATHS[operation]
    response = client.request(
        method,
        path.format(id="0" * 17),
        headers=[(b"revision", header if isinstance(header, bytes) else header.encode())],
        json=body_for(operation),
    )
    assert response.status_code == status
    fault = fault_of(response)
    assert fault["code"] == {400: "invalid", 404: "not_found"}[status]
    assert fault["detail"].startswith(detail)
    assert len(fault["detail"]) < 300
    assert fault["source"] == {"parameter": "revision"}


@pytest.mark.parametrize("operation", ["create_event", "get_events", "get_event"])
def test_retired_revision_is_gone_for_those_who_opt_out(client: httpx.Client, operation: str) -> None:
    method, path = PATHS[operation]
    headers = {"revision": "2023-07-14", "X-Klaviyo-Revision-Fall-Forward-Opt-Out": "1"}
    response = client.request(method, path.format(id="0" * 17), headers=headers, json=body_for(operation))
    assert response.status_code == 410
    fault = fault_of(response)
    assert (fault["code"], fault["source"]) == ("gone", {"parameter": "revision"})
    assert fault["detail"] == "The revision 2023-07-14 is retired; the oldest one here is 2023-07-15."


@pytest.mark.parametrize("date", ["2023-07-15", "2026-07-15"])
def test_every_response_names_the_revision_that_was_used(client: httpx.Client, date: str) -> None:
    headers = {"revision": date}
    responses = [
        client.post("/api/events/", headers=headers, json=body_for("create_event")),
        client.post("/api/events/", headers=headers, json={}),
        client.get("/api/events/x/", headers=headers),
        client.get("/eventkeep/stats", headers=headers),
    ]
    assert [response.status_code for response in responses] == [202, 400, 400, 200]
    assert {response.headers["X-Klaviyo-Api-Revision"] for response in responses} == {date}


@pytest.mark.parametrize("date", [date for date in DATES if date < "2024-05-15"])
def test_operation_that_a_revision_lacks_is_not_found(client: httpx.Client, date: str) -> None:
    response = client.post(
        "/api/event-bulk-create-jobs/", headers={"revision": date}, json=body_for("bulk_create_events")
    )
    assert response.status_code == 404
    assert fault_of(response)["detail"] == (
        f"The operation bulk_create_events does not exist in revision {date}; it does from 2024-05-15 on."
    )


# Responses


@pytest.mark.parametrize("date", DATES)
def test_every_operation_of_every_revision_responds_as_its_document_says(
    server: ServerProcess, key: str, date: str
) -> None:
    revision = next(each for each in REVISIONS if each.date == date)
    document = load_document(date)
    with Api(server.url, key, date) as api:
        for operation in revision.operations & {"create_event", "bulk_create_events"}:
            created = api.call(operation)
            assert (created.status_code, created.content) == (202, b"")
        event = api.events(sort="datetime")[0]["id"]
        for operation in ("get_events", *OF_ONE_EVENT):
            validator = response_validator(document, PATHS[operation][1])
            queries: list[dict[str, str]] = [{}]
            if operation in ("get_events", "get_event"):
                queries += [{"include": ",".join(revision.includes)}]
            if operation == "get_event_profile":
                queries += [{"additional-fields[profile]": ",".join(revision.additional_fields)}]
            for query in queries:
                response = api.call(operation, event, query=query)
                assert response.status_code == 200
                assert response.headers["Content-Type"] == revision.media_type
                validator.validate(response.json())
        refused = api.call("get_event", "malformed")
        assert (refused.status_code, refused.headers["Content-Type"]) == (400, revision.media_type)
