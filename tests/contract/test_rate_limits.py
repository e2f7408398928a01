"""Rate limits over HTTP: the hosted figures, a table in the settings, and how clients handle a 429."""

from __future__ import annotations

import itertools
import re
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from eventkeep import Client
from eventkeep.testing import ServerProcess, free_port
from tests.contract.api import PAGED_REVISION, PATHS, Api, fault_of, make_keys
from tests.contract.official_client import ENVIRONMENTS

HOSTED: Final = {
    "create_event": "350, 350;w=1, 3500;w=60",
    "bulk_create_events": "10, 10;w=1, 150;w=60",
    "get_events": "350, 350;w=1, 3500;w=60",
    "get_event": "10, 10;w=1, 150;w=60",
    "get_event_metric": "350, 350;w=1, 3500;w=60",
    "get_event_profile": "350, 350;w=1, 3500;w=60",
    "get_event_relationships_metric": "350, 350;w=1, 3500;w=60",
    "get_event_relationships_profile": "350, 350;w=1, 3500;w=60",
}
BURST_SCRIPT: Final = Path(__file__).with_name("client_burst.py")
BURST_EVENTS: Final = 60
BURST_THREADS: Final = 20
CALLS_MAX: Final = 2 * 150 + 1
"""Calls of get_event after which the second of two minutes is over its limit."""

numbers: Final = itertools.count()


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory, metrics_port: int) -> Iterator[ServerProcess]:
    """A server with the hosted service's limits."""
    data = tmp_path_factory.mktemp("hosted") / "data"
    with ServerProcess(data, rate_limits="hosted", options=["--metrics-port", str(metrics_port)]) as process:
        yield process


def new_account(server: ServerProcess, *scopes: str) -> list[str]:
    """Keys of an account that has not called yet."""
    return make_keys(server, f"limited {next(numbers)}", *(scopes or ("full",)))


def throttled(api: Api) -> httpx.Response:
    """The first refusal of get_event. Malformed ids count too, and cost the server least."""
    for _ in range(CALLS_MAX):
        response = api.call("get_event", "malformed")
        if response.status_code != 400:
            return response
    raise AssertionError(f"none of {CALLS_MAX} calls was refused")


def throttled_calls(port: int) -> dict[str, float]:
    """The number of calls of each operation that a limit refused, from the metrics."""
    families = text_string_to_metric_families(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
    return {
        sample.labels["operation"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "eventkeep_requests_rate_limited_total"
    }


@pytest.mark.parametrize("operation", PATHS)
def test_success_tells_the_limits_in_the_captured_form(hosted: ServerProcess, operation: str) -> None:
    (key,) = new_account(hosted)
    with Api(hosted.url, key, PAGED_REVISION) as api:
        api.create()
        (event,) = api.events()
        # An operation that was called already has one call less left, if it is still the same second.
        response = api.call(operation, event["id"])
    sent = dict(response.headers.raw)
    assert response.is_success
    assert sent[b"ratelimit-limit"].decode() == HOSTED[operation]
    burst = int(HOSTED[operation].partition(",")[0])
    assert int(sent[b"ratelimit-remaining"]) in (burst - 1, burst - 2)
    assert sent[b"ratelimit-reset"] in (b"0", b"1")
    assert "Retry-After" not in response.headers


def test_call_over_the_limit_is_refused_as_captured(hosted: ServerProcess, metrics_port: int) -> None:
    (key,) = new_account(hosted)
    before = throttled_calls(metrics_port).get("get_event", 0)
    with Api(hosted.url, key, PAGED_REVISION) as api:
        response = throttled(api)
    assert response.status_code == 429
    seconds = int(response.headers["Retry-After"])
    assert re.fullmatch(r"\d+", response.headers["Retry-After"])
    assert 1 <= seconds <= 60
    assert [name for name in response.headers if name.lower().startswith("ratelimit")] == []
    assert response.headers["Content-Type"] == "application/vnd.api+json"
    fault = fault_of(response)
    assert str(uuid.UUID(fault.pop("id"))) == response.headers["X-Request-Id"]
    unit = "second" if seconds == 1 else "seconds"
    assert fault == {
        "status": 429,
        "code": "throttled",
        "title": "Request was throttled.",
        "detail": f"Request was throttled. Expected available in {seconds} {unit}.",
        "source": {"pointer": "/data"},
        "links": {},
        "meta": {},
    }
    assert throttled_calls(metrics_port)["get_event"] == before + 1


def test_waiting_as_long_as_retry_after_is_enough(hosted: ServerProcess) -> None:
    (key,) = new_account(hosted)
    with Api(hosted.url, key) as api:
        time.sleep(int(throttled(api).headers["Retry-After"]))
        assert api.call("get_event", "malformed").status_code == 400


def test_limits_count_for_all_keys_of_an_account_and_for_one_operation(hosted: ServerProcess) -> None:
    first, second = new_account(hosted, "full", "events:read")
    (stranger,) = new_account(hosted)
    with Api(hosted.url, first) as api, Api(hosted.url, second) as other, Api(hosted.url, stranger) as strange:
        # A second may end between the two calls; the other key's own calls are never enough for a refusal.
        statuses: list[int] = []
        while 429 not in statuses and len(statuses) < 9:
            throttled(api)
            statuses.append(other.call("get_event", "malformed").status_code)
        assert statuses[-1] == 429
        assert strange.call("get_event", "malformed").status_code == 400
        assert api.call("get_events").status_code == 200


def test_calls_without_a_key_or_a_scope_are_not_counted(hosted: ServerProcess) -> None:
    full, writer = new_account(hosted, "full", "events:write")
    with Api(hosted.url, writer) as denied, Api(hosted.url, "pk_wrong") as unknown, Api(hosted.url, full) as api:
        for _ in range(12):
            assert denied.call("get_event").status_code == 403
            assert unknown.call("get_event").status_code == 401
        assert api.call("get_event", "malformed").status_code == 400


def test_table_in_the_settings_file_is_kept_to(tmp_path: Path) -> None:
    settings = tmp_path / "eventkeep.toml"
    settings.write_text('[rate_limits]\nget_event = "90/s 3/m"\ncreate_event = "off"\n')
    with ServerProcess(tmp_path / "data", rate_limits=None, options=["--config", str(settings)]) as server:
        (key,) = make_keys(server, "default", "full")
        with Api(server.url, key) as api:
            created = api.call("create_event")
            assert created.status_code == 202
            assert [name for name in created.headers if name.startswith("ratelimit")] == []
            page = api.call("get_events")
            assert page.headers["RateLimit-Limit"] == HOSTED["get_events"]
            event = page.json()["data"][0]["id"]
            responses = [api.call("get_event", event) for _ in range(8)]
    # A new minute may have begun among them, but not twice.
    good = [response for response in responses if response.is_success]
    assert 3 <= len(good) <= 6
    assert {response.status_code for response in responses} == {200, 429}
    assert {response.headers["RateLimit-Limit"] for response in good} == {"90, 90;w=1, 3;w=60"}


@pytest.mark.parametrize(
    ("path", "query", "revision", "limit"),
    [
        ("", "", "2024-02-15", "75, 75;w=1, 700;w=60"),
        ("", "", "2026-07-15", "75, 75;w=1, 750;w=60"),
        ("", "additional-fields[profile]=subscriptions", "2026-07-15", "75, 75;w=1, 750;w=60"),
        ("", "additional-fields[profile]=subscriptions,predictive_analytics", "2024-02-15", "10, 10;w=1, 150;w=60"),
        ("", "additional-fields[profile]=predictive_analytics", "2026-07-15", "10, 10;w=1, 150;w=60"),
        ("{id}/", "additional-fields[profile]=predictive_analytics", "2026-07-15", "75, 75;w=1, 750;w=60"),
        ("{id}/", "include=lists", "2024-07-15", "75, 75;w=1, 700;w=60"),
        ("{id}/", "include=lists", "2024-10-15", "1, 1;w=1, 15;w=60"),
        ("{id}/", "include=segments", "2026-07-15", "1, 1;w=1, 15;w=60"),
        ("{id}/", "include=push-tokens", "2026-07-15", "75, 75;w=1, 750;w=60"),
    ],
)
def test_some_parameters_lower_the_limit(
    hosted: ServerProcess, path: str, query: str, revision: str, limit: str
) -> None:
    (key,) = new_account(hosted)
    with Client(key, hosted.url) as client:
        profile = client.identify({"email": "ada@shop.example"})
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": revision}
    response = httpx.get(f"{hosted.url}/api/profiles/{path.format(id=profile.id)}?{query}", headers=headers)
    assert (response.status_code, response.headers["RateLimit-Limit"]) == (200, limit)


def test_disabled_limits_send_no_headers(server: ServerProcess) -> None:
    (key,) = make_keys(server, "unlimited", "full")
    with Api(server.url, key) as api:
        responses = [api.call("get_event", "malformed") for _ in range(40)]
    assert {response.status_code for response in responses} == {400}
    assert not [name for response in responses for name in response.headers if name.startswith("ratelimit")]


# Official clients


@pytest.mark.parametrize("version", ["9.0.0", "25.0.0"])
def test_clients_own_retries_carry_a_burst_through_without_a_loss(tmp_path: Path, version: str) -> None:
    metrics_port = free_port()
    settings = tmp_path / "eventkeep.toml"
    # So few a second that a client on the slowest machine is over the limit.
    settings.write_text('[rate_limits]\ncreate_event = "8/s 6000/m"\n')
    options = ["--config", str(settings), "--metrics-port", str(metrics_port)]
    with ServerProcess(tmp_path / "data", rate_limits=None, options=options) as server:
        (key,) = make_keys(server, "default", "full")
        interpreter = ENVIRONMENTS / version / "bin" / "python"
        arguments = (server.url, key, str(BURST_EVENTS), str(BURST_THREADS), "20")
        command = [str(interpreter), str(BURST_SCRIPT), *arguments]
        client = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert (client.returncode, client.stdout) == (0, ""), client.stderr
        assert throttled_calls(metrics_port)["create_event"] > 0
        with Api(server.url, key, PAGED_REVISION) as api:
            found = api.events(**{"page[size]": "1000"})
    assert sorted(int(event["attributes"]["event_properties"]["$event_id"]) for event in found) == list(
        range(BURST_EVENTS)
    )
