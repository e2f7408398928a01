"""The server's logs, for people and for machines, and how to find a request in them."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from eventkeep.limits import REFUSALS_LOGGED_PER_SECOND_MAX
from eventkeep.testing import ServerProcess
from tests.contract.api import PATHS, Api, fault_of, make_keys, single_body


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that logs every request as JSON."""
    options = ["--log-level", "debug", "--log-format", "json"]
    with ServerProcess(tmp_path_factory.mktemp("logs") / "data", options=options) as server:
        yield server


@pytest.fixture(scope="module")
def key(talking: ServerProcess) -> str:
    (made,) = make_keys(talking, "default", "full")
    return made


def entries(server: ServerProcess, request_id: str) -> list[dict[str, Any]]:
    """The log's lines about a request."""
    lines = [line for line in server.log_text().splitlines() if line.startswith("{")]
    return [entry for entry in map(json.loads, lines) if entry.get("request_id") == request_id]


@pytest.mark.parametrize("operation", PATHS)
def test_every_response_has_a_request_id_that_is_in_the_log(talking: ServerProcess, key: str, operation: str) -> None:
    with Api(talking.url, key) as api:
        response = api.call(operation)
        request_id = response.headers["X-Request-Id"]
        assert response.headers["X-Request-Id"] != api.call(operation).headers["X-Request-Id"]
    assert str(uuid.UUID(request_id)) == request_id
    (entry,) = entries(talking, request_id)
    assert (entry["event"], entry["level"], entry["operation"]) == ("responded", "debug", operation)
    assert (entry["method"], entry["status"]) == (PATHS[operation][0], response.status_code)
    assert entry["milliseconds"] >= 0
    assert entry["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("path", "status"), [("/api/events/nope/", 400), ("/api/nothing/", 404), ("/nothing", 404), ("/healthz", 405)]
)
def test_error_documents_have_the_request_id(talking: ServerProcess, key: str, path: str, status: int) -> None:
    with Api(talking.url, key) as api:
        response = api.http.get(path) if status != 405 else api.http.delete(path)
    assert response.status_code == status
    identity = fault_of(response)["id"]
    assert identity == response.headers["X-Request-Id"]
    (entry,) = entries(talking, identity)
    assert (entry["path"], entry["status"]) == (path, status)


def test_store_failure_is_logged_with_its_cause_and_hidden_from_the_client(talking: ServerProcess, key: str) -> None:
    with Api(talking.url, key) as api, closing(sqlite3.connect(talking.data / "directory.sqlite3")) as directory:
        api.create(unique_id="before")
        directory.execute("ALTER TABLE metric RENAME TO mislaid")
        directory.commit()
        # A metric that is not in memory yet must be read from the store.
        response = api.call("get_events", query={"filter": 'equals(metric_id,"ZZZZZZ")'})
        directory.execute("ALTER TABLE mislaid RENAME TO metric")
        directory.commit()
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1
        fault = fault_of(response)
        assert "mislaid" not in response.text
        assert "metric" not in fault["detail"]
        failure, responded = entries(talking, fault["id"])
        assert (failure["event"], failure["level"], failure["operation"]) == ("a store failed", "error", "get_events")
        assert "no such table" in failure["exception"]
        assert responded["status"] == 503
        assert api.call("get_events").status_code == 200


def test_create_that_can_not_be_kept_is_logged_with_its_request_id(talking: ServerProcess, key: str) -> None:
    with Api(talking.url, key) as api, closing(sqlite3.connect(talking.data / "directory.sqlite3")) as directory:
        directory.execute("ALTER TABLE metric RENAME TO mislaid")
        directory.commit()
        response = api.call("create_event", body=single_body("Never seen before"))
        directory.execute("ALTER TABLE mislaid RENAME TO metric")
        directory.commit()
        assert response.status_code == 503
        failure, responded = entries(talking, response.headers["X-Request-Id"])
        assert failure["event"] == "a request could not be kept"
        assert "no such table" in failure["cause"]
        assert responded["status"] == 503
        api.create("Never seen before")


def test_refused_requests_and_a_summary_are_logged_by_default(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", options=["--log-format", "json"]) as server:
        (made,) = make_keys(server, "default", "full")
        with Api(server.url, made) as api, Api(server.url, "pk_wrong") as stranger:
            api.create(unique_id="kept")
            malformed = api.call("get_event", "malformed").headers["X-Request-Id"]
            unknown = stranger.call("get_events").headers["X-Request-Id"]
            invalid = single_body(profile={"email": "ada at shop"})
            personal = api.call("create_event", body=invalid).headers["X-Request-Id"]
            assert httpx.get(f"{server.url}/healthz").status_code == 200
            for _ in range(REFUSALS_LOGGED_PER_SECOND_MAX * 3):
                stranger.http.get("/nothing")
        server.stop()
        (entry,) = entries(server, malformed)
        assert (entry["event"], entry["level"], entry["status"]) == ("refused", "info", 400)
        assert (entry["method"], entry["path"]) == ("GET", "/api/events/malformed/")
        assert (entry["code"], entry["place"]) == ("invalid", "/data/id")
        (entry,) = entries(server, unknown)
        assert (entry["status"], entry["detail"]) == (401, "Missing or invalid private key.")
        (entry,) = entries(server, personal)
        assert entry["place"] == "/data/attributes/profile/data/attributes/email"
        assert "ada at shop" not in server.log_text()
        lines = [json.loads(line) for line in server.log_text().splitlines() if line.startswith("{")]
        assert len([line for line in lines if line.get("path") == "/nothing"]) < REFUSALS_LOGGED_PER_SECOND_MAX * 3
        (summary,) = [line for line in lines if line["event"] == "traffic"]
        refused = 3 + REFUSALS_LOGGED_PER_SECOND_MAX * 3
        assert (summary["requests"], summary["refused"], summary["failed"]) == (1 + refused, refused, 0)
        assert (summary["events_stored"], summary["events_repeated"]) == (1, 0)


def test_console_lines_are_plain_text_on_one_line_each(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", options=["--log-level", "debug"]) as server:
        (made,) = make_keys(server, "default", "full")
        with Api(server.url, made) as api:
            forged = api.http.get("/api/events/x%0a2026-01-01%20[error]%20forged%1b[31m/")
            for path in ("%1b]0;title%07", "%1b[2J", "%c2%9b31m", f"x{made}y"):
                api.http.get(f"/api/events/{path}/")
        (line,) = [line for line in server.log_text().splitlines() if forged.headers["X-Request-Id"] in line]
        assert "[debug" in line
        assert "status=400" in line
        assert [each for each in server.log_text() if not each.isprintable() and each != "\n"] == []
        assert made not in server.log_text()
