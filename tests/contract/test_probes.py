"""Health: a server that lives, one that accepts requests, and one that stops."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from eventkeep.testing import ServerProcess
from tests.contract.api import Api, fault_of, make_keys, single_body


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz/", "/readyz/"])
def test_probes_need_no_key(server: ServerProcess, path: str) -> None:
    response = httpx.get(server.url + path)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response.headers["Content-Type"] == "application/json"
    assert httpx.head(server.url + path).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_read_only(server: ServerProcess, path: str) -> None:
    response = httpx.post(server.url + path)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET")
    assert fault_of(response)["code"] == "method_not_allowed"


def test_address_of_the_server_says_what_it_is(server: ServerProcess) -> None:
    response = httpx.get(server.url)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "event store that speaks the Klaviyo Events API" in response.text
    links = re.findall(r'href="([^"]+)"', response.text)
    assert links
    assert [httpx.get(server.url + link).status_code for link in links] == [200] * len(links)
    assert httpx.post(server.url).status_code == 405


def test_stopping_server_finishes_open_requests_and_accepts_no_new_ones(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        (key,) = make_keys(server, "default", "full")
        body = json.dumps(single_body(unique_id="under way")).encode()
        head = (
            f"POST /api/events/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Klaviyo-API-Key {key}\r\n"
            f"revision: 2024-06-15\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        codes: list[int] = []
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(head.encode() + body[:10])
            # The server has these bytes once it has responded to a request that came later.
            httpx.get(f"{server.url}/healthz")
            stopping = threading.Thread(target=lambda: codes.append(server.stop()))
            stopping.start()
            ready = wait_until_not_ready(server)
            assert (ready.status_code, ready.json()) == (503, {"status": "not ready"})
            assert int(ready.headers["Retry-After"]) >= 1
            assert httpx.get(f"{server.url}/healthz").status_code == 200
            with Api(server.url, key) as api:
                refused = api.call("get_events")
            assert (refused.status_code, fault_of(refused)["code"]) == (503, "unavailable")
            assert int(refused.headers["Retry-After"]) >= 1
            connection.sendall(body[10:])
            assert connection.recv(65_536).startswith(b"HTTP/1.1 202 ")
        stopping.join()
        assert codes == [0]
        server.start()
        with Api(server.url, key) as api:
            (event,) = api.events()
    assert event["attributes"]["event_properties"]["$event_id"] == "under way"


def wait_until_not_ready(server: ServerProcess) -> httpx.Response:
    deadline = time.monotonic() + 10
    while (response := httpx.get(f"{server.url}/readyz")).is_success and time.monotonic() < deadline:
        time.sleep(0.01)
    return response
