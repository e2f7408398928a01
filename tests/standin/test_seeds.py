"""Seeds: loaded at the start and later, reset, dumped, and the same each time."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from eventkeep.client.errors import ResponseError
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import ConfigurationError
from eventkeep.server.controls.installation import read_seed
from eventkeep.testing import Controls, ServerProcess
from tests.contract.api import single_body

FIXED: Final = "pk_seed1234abcdefghijklmnop"
SEED: Final = """
[[accounts]]
name = "shop"
keys = [{ key = "pk_seed1234abcdefghijklmnop" }, { key = "pk_reader12abcdefghijklmno", scopes = "events:read" }]
metrics = ["Placed Order", "Refunded Order"]
profiles = [{ email = "ada@shop.example", first_name = "Ada", properties = { plan = "gold" } }]

[[accounts.events]]
metric = "Placed Order"
profile = { email = "ada@shop.example" }
time = "-3d"
value = 42.5
properties = { items = ["cup"] }

[accounts.generate]
customers = 20
days = 30
funnel = [{ metric = "Viewed Product", per_customer = 3 }, { metric = "Placed Order", share = 0.5, value = [5, 50] }]
"""
SMALL: Final[dict[str, Any]] = {
    "events": [{"metric": "Placed Order", "profile": {"email": f"{name}@shop.example"}} for name in ("ada", "grace")]
}


def shown(client: Client) -> list[tuple[str, str | None, float | None]]:
    """The events, in an order that does not depend on ids."""
    events = client.events.iterate(include="metric")
    return sorted(((event.metric.name, event.unique_id, event.value) for event in events), key=str)


def test_a_server_begins_with_a_seed_and_returns_to_it(tmp_path: Path) -> None:
    (tmp_path / "seed.toml").write_text(SEED)
    with ServerProcess(tmp_path / "data", controls=True, options=["--seed", str(tmp_path / "seed.toml")]) as server:
        with Client(FIXED, server.url) as client, server.controls(FIXED) as controls:
            first = shown(client)
            assert len(first) > 40 and ("Placed Order", "seed-shop-0", 42.5) in first
            client.track("Placed Order", {"email": "new@shop.example"})
            controls.fail("status", status=503, operation="get_metrics")
            began = time.monotonic()
            reset = controls.reset()
            print(f"reset in {(time.monotonic() - began) * 1000:.1f} ms")
            assert (reset["account"], reset["events"], shown(client)) == ("shop", len(first), first)
            assert controls.faults() == []
            headers = {"Authorization": f"Klaviyo-API-Key {FIXED}", "revision": "2024-10-15"}
            names = {each["attributes"]["name"] for each in get(server, "/api/metrics/", headers)}
            assert {"Placed Order", "Refunded Order", "Viewed Product"} <= names
            (ada,) = get(server, "/api/profiles/?filter=equals(email,'ada@shop.example')", headers)
            assert (ada["attributes"]["first_name"], ada["attributes"]["properties"]) == ("Ada", {"plan": "gold"})
            client.track("Kept", {"email": "ada@shop.example"})
        reader = {"Authorization": "Klaviyo-API-Key pk_reader12abcdefghijklmno", "revision": "2024-10-15"}
        assert httpx.post(f"{server.url}/api/events/", headers=reader, json=single_body()).status_code == 403
        server.stop()
        server.start()
        with Client(FIXED, server.url) as client:
            assert len(shown(client)) == len(first) + 1


def get(server: ServerProcess, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = httpx.get(server.url + path, headers=headers).json()["data"]
    return data


def test_a_reset_empties_an_account_and_no_other(standin: ServerProcess, controls: Controls, client: Client) -> None:
    other_key = standin.make_account("kept")
    with Client(other_key, standin.url) as other:
        other.track("Order", {"email": "ada@shop.example"})
        controls.load_seed(SMALL)
        client.track("Order", {"email": "ada@shop.example"})
        controls.freeze(1_700_000_000.0)
        for _ in range(3):
            assert controls.reset()["events"] == 2
            assert [name for name, _, _ in shown(client)] == ["Placed Order"] * 2
            assert not controls.clock()["controlled"]
        assert len(shown(other)) == 1


def test_a_reset_takes_the_old_company_id_away(
    standin: ServerProcess, key: str, controls: Controls, client: Client
) -> None:
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-06-15"}
    before = get(standin, "/api/accounts/", headers)[0]["id"]
    after = controls.reset()["public_id"]
    assert get(standin, "/api/accounts/", headers)[0]["id"] == after != before
    urls = [f"{standin.url}/client/events/?company_id={id}" for id in (before, after)]
    revision = {"revision": "2024-06-15"}
    assert [httpx.post(url, json=single_body(), headers=revision).status_code for url in urls] == [400, 202]
    assert len(shown(client)) == 1


def test_a_dump_makes_the_account_again(standin: ServerProcess, controls: Controls, client: Client) -> None:
    client.track(
        "Order", {"email": "ada@shop.example", "first_name": "Ada"}, value=3, properties={"a": [1]}, unique_id="1"
    )
    client.track("Viewed", {"external_id": "7"}, time="2025-06-01T12:00:00Z", unique_id="2")
    dumped = controls.dump()
    other_key = standin.make_account("made again")
    with standin.controls(other_key) as others, Client(other_key, standin.url) as other:
        assert others.load_seed(dumped) == 2
        assert shown(other) == shown(client)
        again = others.dump()
    assert {**again, "name": ""} == {**dumped, "name": ""}


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        ({"events": [{"metric": "A", "profile": {"email": "a@shop.example"}, "time": "soon"}]}, "events.0.time"),
        ({"events": [{"metric": "", "profile": {"email": "a@shop.example"}}]}, "metric"),
        ({"profiles": [{"email": "not an address"}]}, "email"),
        ({"keys": [{"key": "pk_00000000000000000000", "scopes": "all"}]}, "scope"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_seed_names_the_place(controls: Controls, seed: dict[str, Any], said: str) -> None:
    with pytest.raises(ResponseError, match=said):
        controls.load_seed(seed)


def test_a_key_of_another_account_is_refused(standin: ServerProcess, key: str, controls: Controls) -> None:
    other = standin.make_account("owner")
    with pytest.raises(ResponseError, match="another key"):
        controls.load_seed({"keys": [{"key": other}]})
    assert controls.load_seed({"keys": [{"key": key}]}) == 0


def test_a_seed_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--seed: .*seed\.json"):
        read_seed(tmp_path / "seed.json")


def test_a_seed_is_valid_json_too(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text(json.dumps({"accounts": [SMALL]}))
    assert len(read_seed(tmp_path / "seed.json").accounts[0].events) == 2


def test_ids_repeat_on_request(tmp_path: Path) -> None:
    account = {
        "name": "shop",
        "clock": "2026-06-01T12:00:00Z",
        "keys": [{"key": FIXED}],
        "events": [{"metric": "Order", "profile": {"email": "ada@shop.example"}, "time": "-1h"}],
        "generate": {"customers": 3, "funnel": [{"metric": "Viewed"}]},
    }
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"accounts": [account]}))
    first, second = (ids_of_a_run(tmp_path / name, path) for name in ("first", "second"))
    assert first == second


def ids_of_a_run(data: Path, seed: Path) -> list[Any]:
    """All ids that a new server hands out: for its seed, for what it gets, and for the seed after a reset."""
    bob = {"type": "profile", "attributes": {"email": "bob@shop.example"}}
    job = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": [bob]}}}}
    options = ["--seed", str(seed), "--repeatable-ids", "7"]
    with (
        ServerProcess(data, controls=True, options=options) as server,
        Client(FIXED, server.url) as client,
        server.controls(FIXED) as controls,
    ):
        client.track("Order", {"email": "eve@shop.example"}, unique_id="1", time="2026-06-01T11:30:00Z")
        imported = client.profiles.bulk_import_profiles(job).id
        before = ids_of(client)
        assert len(before) >= 5
        assert controls.now().isoformat() == "2026-06-01T12:00:00+00:00"
        controls.advance(60)
        company = controls.reset()["public_id"]
        # What the account held before is still in the stores, so that nothing has the same id again.
        after = ids_of(client)
        assert controls.now().isoformat() == "2026-06-01T12:00:00+00:00"
        assert not {each[0] for each in before} & {each[0] for each in after}
    return [before, imported, company, after]


def ids_of(client: Client) -> list[tuple[str, str, str, str]]:
    events = client.events.iterate(include=["metric", "profile"])
    return [(event.id, event.uuid, event.metric.id, event.profile.id) for event in events]
