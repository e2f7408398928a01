"""Faults on the wire: seen by a raw socket, by our SDK, and by the official client."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx
import msgspec
import pytest

from eventkeep.client import retries
from eventkeep.client.errors import ClientError, ConnectionFailedError, ResponseError
from eventkeep.client.synchronous.client import Client
from eventkeep.testing import Controls, ServerProcess
from tests.contract.api import single_body
from tests.contract.official_client import OfficialClient
from tests.source_tree import PROJECT

HOST: Final = "127.0.0.1"
NODE_CLIENT: Final = PROJECT / ".cache" / "node-client" / "node_modules" / "klaviyo-api"
NODE_DRIVER: Final = PROJECT / "tests" / "contract" / "node_driver.cjs"
STORES: Final = {"slow_body", "cut_body", "reset_after", "partial_failure", "latency"}
"""The faults of requests that are executed."""


class Seen(msgspec.Struct):
    """What a raw socket saw of a response: its bytes, how the connection ended, and how long it took."""

    content: bytes
    was_reset: bool
    seconds: float

    @property
    def status(self) -> int:
        return int(self.content.split()[1])

    @property
    def head(self) -> str:
        return self.content.partition(b"\r\n\r\n")[0].decode().lower()

    @property
    def body(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[2]


def see(standin: ServerProcess, key: str, method: str = "POST", path: str = "/api/events/", **attributes: Any) -> Seen:
    """Send one request by hand and read until the connection ends."""
    body = json.dumps(single_body(**attributes)).encode() if method == "POST" else b""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Klaviyo-API-Key {key}\r\nrevision: 2024-06-15\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    started = time.monotonic()
    with socket.create_connection((HOST, standin.port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        content = b""
        try:
            while piece := connection.recv(65_536):
                content += piece
        except ConnectionResetError:
            return Seen(content, True, time.monotonic() - started)
    return Seen(content, False, time.monotonic() - started)


def stored(client: Client) -> list[str | None]:
    return [event.unique_id for event in client.events.iterate()]


@pytest.mark.parametrize(
    ("fault", "status", "headers", "code"),
    [
        ({"kind": "status", "status": 503}, 503, "retry-after: 1", "unavailable"),
        ({"kind": "status", "status": 500}, 500, "", "error"),
        ({"kind": "status", "status": 418}, 418, "", "i'm_a_teapot"),
        ({"kind": "throttled"}, 429, "retry-after: 1", "throttled"),
        ({"kind": "throttled", "window": "steady"}, 429, "retry-after: 60", "throttled"),
        ({"kind": "expired_key"}, 401, "", "not_authenticated"),
        ({"kind": "retired_revision"}, 410, "", "gone"),
    ],
    ids=lambda value: "" if not isinstance(value, dict) else "-".join(map(str, value.values())),
)
def test_statuses_come_with_the_error_document_of_the_service(
    standin: ServerProcess,
    key: str,
    controls: Controls,
    client: Client,
    fault: dict[str, Any],
    status: int,
    headers: str,
    code: str,
) -> None:
    controls.fail(**fault, times=1)
    seen = see(standin, key, unique_id="1")
    assert (seen.status, json.loads(seen.body)["errors"][0]["code"]) == (status, code)
    assert headers in seen.head and "x-request-id" in seen.head
    assert stored(client) == []
    assert see(standin, key, unique_id="1").status == 202


def test_a_proxy_forbids_with_a_page(standin: ServerProcess, key: str, controls: Controls) -> None:
    controls.fail("html_forbidden", times=1)
    seen = see(standin, key)
    assert seen.status == 403 and "content-type: text/html" in seen.head and b"<html>" in seen.body


@pytest.mark.parametrize(("kind", "is_stored"), [("reset_before", False), ("reset_after", True)])
def test_a_reset_comes_before_or_after_the_event_is_stored(
    standin: ServerProcess, key: str, controls: Controls, client: Client, kind: str, is_stored: bool
) -> None:
    controls.fail(kind, times=1)
    seen = see(standin, key, unique_id="1")
    assert (seen.content, seen.was_reset) == (b"", True)
    assert stored(client) == (["1"] if is_stored else [])
    assert see(standin, key, unique_id="1").status == 202
    assert stored(client) == ["1"]


def test_a_connection_ends_without_a_response(standin: ServerProcess, key: str, controls: Controls) -> None:
    controls.fail("empty", times=1)
    seen = see(standin, key)
    assert (seen.content, seen.was_reset) == (b"", False)


def test_garbage_is_no_http(standin: ServerProcess, key: str, controls: Controls) -> None:
    controls.fail("garbage", times=1)
    seen = see(standin, key)
    assert len(seen.content) > 100 and not seen.content.startswith(b"HTTP/")


def test_a_body_is_cut(standin: ServerProcess, key: str, controls: Controls, client: Client) -> None:
    client.track("Order", {"email": "ada@shop.example"})
    controls.fail("cut_body", times=1, method="GET")
    seen = see(standin, key, "GET")
    (declared,) = [line for line in seen.head.split("\r\n") if line.startswith("content-length")]
    assert seen.status == 200 and 0 < len(seen.body) < int(declared.split()[1])


def test_a_body_is_slow(standin: ServerProcess, key: str, controls: Controls, client: Client) -> None:
    client.track("Order", {"email": "ada@shop.example"})
    controls.fail("slow_body", seconds=0.3, times=1, method="GET")
    slow, quick = see(standin, key, "GET"), see(standin, key, "GET")
    assert slow.seconds > 0.25 and json.loads(slow.body) == json.loads(quick.body)


def test_latency_and_partial_failures_leave_the_response_right(
    standin: ServerProcess, key: str, controls: Controls, client: Client
) -> None:
    controls.fail("latency", latency=0.2, times=1)
    late = see(standin, key, unique_id="1")
    assert late.seconds >= 0.2 and late.status == 202
    controls.fail("partial_failure", times=1)
    partial = see(standin, key, unique_id="2")
    assert partial.status == 202 and "x-klaviyo-partial-failure: phone_number" in partial.head
    assert sorted(map(str, stored(client))) == ["1", "2"]


def test_rules_choose_their_requests(standin: ServerProcess, key: str, controls: Controls) -> None:
    controls.fail("status", status=500, metric="Placed Order", operation="create_event", calls=[2])
    controls.fail("status", status=502, identifier="grace@shop.example")
    controls.fail("status", status=504, headers={"Revision": "2024"}, method="GET", path="^/api/metrics")
    statuses = [
        see(standin, key, metric="Viewed").status,
        *(see(standin, key, metric="Placed Order").status for _ in range(3)),
        see(standin, key, profile={"email": "grace@shop.example"}).status,
        see(standin, key, "GET", "/api/metrics/").status,
        see(standin, key, "GET", "/api/events/").status,
    ]
    assert statuses == [202, 202, 500, 202, 502, 504, 200]
    assert [(each["matched"], each["used"]) for each in controls.faults()] == [(3, 1), (1, 1), (1, 1)]
    controls.clear_faults()
    assert (controls.faults(), see(standin, key, "GET", "/api/metrics/").status) == ([], 200)


def test_faults_stay_in_their_account(standin: ServerProcess, key: str, controls: Controls) -> None:
    controls.fail("status", status=503)
    other = standin.make_account("undisturbed")
    assert (see(standin, key).status, see(standin, other).status) == (503, 202)


def test_client_routes_have_the_faults_of_their_account(
    standin: ServerProcess, client: Client, controls: Controls
) -> None:
    headers = {"Authorization": f"Klaviyo-API-Key {client.settings.api_key}", "revision": "2024-06-15"}
    account = httpx.get(f"{standin.url}/api/accounts/", headers=headers).json()["data"][0]["id"]
    controls.fail("status", status=503, operation="create_client_event")
    url = f"{standin.url}/client/events/?company_id={account}"
    assert httpx.post(url, json=single_body(), headers={"revision": "2024-06-15"}).status_code == 503


def test_wrong_rules_are_refused_with_their_place(controls: Controls) -> None:
    for act, said in (
        (lambda: controls.fail("unknown"), "effect.kind"),
        (lambda: controls.fail("status", status=599), "no HTTP status 599"),
        (lambda: controls.fail("status", path="("), "regular expression"),
        (lambda: controls.fail("status", colour="red"), "colour"),
        (lambda: controls.fail("rest_after"), "'rest_after'.*The kinds of faults are status, throttled, .*reset_after"),
        (lambda: controls.fail_as("quiet day"), "bad day"),
    ):
        with pytest.raises(ResponseError, match=said):
            act()
    assert controls.faults() == []


KINDS: Final = {
    "status": 500,
    "throttled": 429,
    "html_forbidden": 403,
    "expired_key": 401,
    "retired_revision": 410,
    "reset_before": None,
    "reset_after": None,
    "empty": None,
    "garbage": None,
    "partial_failure": 202,
    "latency": 202,
    "slow_body": 202,
    "cut_body": None,
}
"""Every kind of fault, with the status that a client sees, None for a connection that fails."""


@pytest.mark.parametrize("kind", KINDS)
def test_the_sdk_sees_each_fault(controls: Controls, client: Client, kind: str) -> None:
    controls.fail(kind, seconds=0.05, latency=0.01, times=1, operation="create_event")
    status: int | None = 202
    try:
        client.track("Order", {"email": "ada@shop.example"}, unique_id="1")
    except ConnectionFailedError:
        status = None
    except ClientError as exc:
        status = exc.status
    assert status == KINDS[kind]
    assert stored(client) == (["1"] if kind in STORES else [])


@pytest.fixture(scope="module")
def official(standin: ServerProcess) -> Iterator[OfficialClient]:
    with OfficialClient("9.0.0", standin.url, "") as made:
        yield made


def test_the_official_client_sees_each_fault(
    official: OfficialClient, key: str, controls: Controls, client: Client
) -> None:
    seen = {}
    for kind in KINDS:
        controls.fail(kind, seconds=0.05, latency=0.01, times=1, operation="create_event")
        body = single_body(unique_id=kind)
        seen[kind] = official("create_event_with_http_info", body, key=key, max_retries=1).status
        controls.clear_faults()
    # Python's own HTTP takes a head that is cut for a whole one.
    assert seen == KINDS | {"cut_body": 202}
    assert set(stored(client)) == STORES


def test_the_official_client_for_node_sees_each_fault(
    standin: ServerProcess, key: str, controls: Controls, client: Client
) -> None:
    node = shutil.which("node")
    if node is None or not NODE_CLIENT.exists():
        pytest.skip("the client for Node.js is not installed; 'make node-client' installs it")
    command = [node, str(NODE_DRIVER), str(NODE_CLIENT), standin.url]
    seen = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        for kind in KINDS:
            controls.fail(kind, seconds=0.05, latency=0.01, times=1, operation="create_event")
            process.stdin.write(json.dumps({"key": key, "unique_id": kind}) + "\n")
            process.stdin.flush()
            seen[kind] = json.loads(process.stdout.readline())
            controls.clear_faults()
        process.stdin.close()
    assert seen == KINDS
    assert set(stored(client)) == STORES


@pytest.mark.parametrize("profile", ["bad day", "throttled", "flaky network", "incident"])
def test_a_batch_survives_each_named_profile(
    controls: Controls, client: Client, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_seconds = retries._wait_seconds
    # The waits that the server asks for, 50 times as fast.
    monkeypatch.setattr(retries, "_wait_seconds", lambda *arguments: wait_seconds(*arguments) / 50)
    controls.run_clock(rate=100)
    numbers = controls.fail_as(profile)
    with client.batch(delay_seconds=0.01, requests_at_once=4) as batch:
        for place in range(60):
            batch.track("Order", {"external_id": str(place % 7)}, unique_id=str(place))
            if place % 6 == 5 and profile != "incident":
                batch.flush()
    controls.clear_faults()
    assert numbers
    assert sorted(map(int, map(str, stored(client)))) == list(range(60))
