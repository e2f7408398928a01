"""The rights of keys: every operation without a good key, and with every key that lacks a scope."""

from __future__ import annotations

import datetime
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import pytest

from eventkeep.directory import SCOPES
from eventkeep.limits import KEY_CACHE_SECONDS_MAX
from eventkeep.testing import ServerProcess
from tests.acceptance.program import run
from tests.contract.api import PATHS, Api, fault_of, make_keys
from tests.folder_changes import revoke_key

NEEDED: Final = {
    "create_event": {"events:write"},
    "bulk_create_events": {"events:write"},
    "get_events": {"events:read"},
    "get_event": {"events:read"},
    "get_event_metric": {"events:read", "metrics:read"},
    "get_event_profile": {"events:read", "profiles:read"},
    "get_event_relationships_metric": {"events:read", "metrics:read"},
    "get_event_relationships_profile": {"events:read", "profiles:read"},
}
"""The scopes that the service's documents give each operation."""

GOOD: Final = {operation: 202 if method == "POST" else 200 for operation, (method, _) in PATHS.items()}

INCLUDING: Final = {
    "metric": {"metrics:read"},
    "profile": {"profiles:read"},
    "metric,profile": {"metrics:read", "profiles:read"},
    "attributions": set[str](),
}
"""The scopes that each ``include`` needs beside the operation's own scopes."""


class Shop:
    """An account with one event, and keys for every set of scopes that is asked for."""

    def __init__(self, server: ServerProcess, account: str) -> None:
        self.server, self.account = server, account
        self._keys: dict[str, str] = {}
        with self.api("full") as full:
            full.create(unique_id="only")
            (event,) = full.events()
            self.event: str = event["id"]

    def key(self, *scopes: str) -> str:
        text = ",".join(sorted(scopes))
        if text not in self._keys:
            (self._keys[text],) = make_keys(self.server, self.account, text)
        return self._keys[text]

    def api(self, *scopes: str) -> Api:
        return Api(self.server.url, self.key(*scopes))


@pytest.fixture(scope="module")
def shop(server: ServerProcess) -> Shop:
    return Shop(server, "authorization")


@pytest.fixture
def stored(shop: Shop) -> Iterator[None]:
    """Holds that the test stores nothing."""
    with shop.api("full") as full:
        before = full.events()
        yield
        assert full.events() == before


def denial_of(response: httpx.Response) -> set[str]:
    """The scopes that a 403 names."""
    fault = fault_of(response)
    assert response.status_code == 403
    assert (fault["status"], fault["code"]) == (403, "permission_denied")
    assert fault["title"] == "You do not have permission to perform this action."
    assert fault["source"] == {"pointer": "/data/"}
    return {scope for scope in SCOPES if scope in fault["detail"]}


# Who asks


def spoiled(key: str) -> dict[str, str]:
    """Headers without a good key, by their fault."""
    other = "b" if key[-1] == "a" else "a"
    return {
        "empty": "",
        "the key without its scheme": key,
        "the scheme without a key": "Klaviyo-API-Key",
        "another scheme": f"Token {key}",
        "an unknown token": f"Bearer pk_{'x' * 40}",
        "basic authentication": f"Basic {key}",
        "unknown": f"Klaviyo-API-Key pk_{'x' * 40}",
        "one character changed": f"Klaviyo-API-Key {key[:-1]}{other}",
        "cut": f"Klaviyo-API-Key {key[:-1]}",
        "twice": f"Klaviyo-API-Key {key}, Klaviyo-API-Key {key}",
        "its public part": f"Klaviyo-API-Key {key[:11]}",
        "very long": f"Klaviyo-API-Key {key}{'x' * 8_000}",
    }


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("operation", PATHS)
@pytest.mark.parametrize("wrong", ["absent", "revoked", *spoiled("pk_0")])
def test_no_operation_succeeds_without_a_good_key(shop: Shop, operation: str, wrong: str) -> None:
    key = shop.key("full")
    if wrong == "revoked":
        (key,) = make_keys(shop.server, shop.account, "full")
        revoke_key(shop.server.data, key[3:11])
    header = f"Klaviyo-API-Key {key}" if wrong == "revoked" else spoiled(key).get(wrong)
    with Api(shop.server.url, None) as api:
        response = api.call(operation, shop.event, headers={} if header is None else {"Authorization": header})
    assert response.status_code == 401
    fault = fault_of(response)
    identity = fault.pop("id")
    assert str(uuid.UUID(identity)) == identity == response.headers["X-Request-Id"]
    assert fault == {
        "status": 401,
        "code": "not_authenticated",
        "title": "Authentication credentials were not provided.",
        "detail": "Missing or invalid private key.",
        "source": {"pointer": "/data/"},
        "links": {},
        "meta": {},
    }


def test_scheme_is_read_in_any_case(shop: Shop) -> None:
    with Api(shop.server.url, None) as api:
        header = {"Authorization": f"klaviyo-api-key {shop.key('full')}"}
        assert api.call("get_events", headers=header).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_key_may_come_as_a_token_of_an_oauth_app(shop: Shop, scheme: str) -> None:
    with Api(shop.server.url, None) as api:
        header = {"Authorization": f"{scheme} {shop.key('full')}"}
        assert api.call("get_events", headers=header).status_code == 200
        assert api.call("create_event", headers=header).status_code == 202


def test_key_is_asked_for_before_anything_else_is_said(shop: Shop) -> None:
    with Api(shop.server.url, "pk_wrong", revision="nonsense") as api:
        assert api.call("get_events", query={"filter": "nonsense"}).status_code == 401
        assert api.http.post("/api/events/", content=b"nonsense").status_code == 401


# The rights of a key


@pytest.mark.parametrize("operation", PATHS)
def test_exactly_the_needed_scopes_are_enough(shop: Shop, operation: str) -> None:
    with shop.api(*NEEDED[operation]) as api:
        assert api.call(operation, shop.event).status_code == GOOD[operation]
    with shop.api("full") as api:
        assert api.call(operation, shop.event).status_code == GOOD[operation]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("operation", "missing"), [(operation, scope) for operation in PATHS for scope in sorted(NEEDED[operation])]
)
def test_each_missing_scope_is_named(shop: Shop, operation: str, missing: str) -> None:
    with shop.api(*(set(SCOPES) - {missing})) as api:
        assert denial_of(api.call(operation, shop.event)) == {missing}


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("operation", PATHS)
def test_all_missing_scopes_are_named_together(shop: Shop, operation: str) -> None:
    with shop.api(*(set(SCOPES) - NEEDED[operation])) as api:
        assert denial_of(api.call(operation, shop.event)) == NEEDED[operation]


@pytest.mark.parametrize("operation", ["get_events", "get_event"])
@pytest.mark.parametrize("include", INCLUDING)
def test_include_needs_the_scope_of_its_type(shop: Shop, operation: str, include: str) -> None:
    query = {"include": include}
    with shop.api("events:read", *INCLUDING[include]) as api:
        assert api.call(operation, shop.event, query=query).status_code == 200
    if INCLUDING[include]:
        with shop.api("events:read") as api:
            assert denial_of(api.call(operation, shop.event, query=query)) == INCLUDING[include]
    with shop.api("events:write") as api:
        denied = denial_of(api.call(operation, shop.event, query=query))
    assert denied == {"events:read", *INCLUDING[include]}


@pytest.mark.parametrize("operation", ["get_events", "get_event"])
def test_missing_scope_is_told_before_a_bad_query(shop: Shop, operation: str) -> None:
    with shop.api("events:write") as api:
        assert denial_of(api.call(operation, shop.event, query={"include": "nonsense"})) == {"events:read"}


# Keys while a server runs


def test_revoked_key_stops_within_a_second_though_it_is_used_all_the_time(shop: Shop) -> None:
    (key,) = make_keys(shop.server, shop.account, "full")
    with Api(shop.server.url, key) as api:
        assert api.call("get_events").status_code == 200
        revoke_key(shop.server.data, key[3:11])
        noticed = time.monotonic() + KEY_CACHE_SECONDS_MAX
        while time.monotonic() < noticed:
            api.call("get_event", shop.event)
        assert KEY_CACHE_SECONDS_MAX < 1
        assert {api.call(operation, shop.event).status_code for operation in PATHS} == {401}


def test_keys_are_nowhere_in_the_folder_or_the_log(shop: Shop) -> None:
    (key,) = make_keys(shop.server, shop.account, "full")
    with Api(shop.server.url, key) as api:
        api.create(unique_id="only")
        assert api.call("get_events", query={"filter": key}).status_code == 400
    held = list(contents(shop.server.data))
    assert any(key[3:11].encode() in content for content in held)
    assert not any(key[11:].encode() in content for content in held)
    assert key not in shop.server.log_text()


def contents(folder: Path) -> Iterator[bytes]:
    """The contents of the files of a folder that is in use: some may go meanwhile."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file():
                yield path.read_bytes()


def test_last_use_and_revocation_are_listed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        used, unused, revoked = make_keys(server, "Shop", "full", "events:read", "events:write")
        before = int(time.time())
        with Api(server.url, used) as api:
            assert api.call("get_events").status_code == 200
        assert run("keys", "revoke", revoked[3:11], "--data", server.data).code == 0
        server.stop()
        lines = run("keys", "list", "--data", server.data, "--json").output.splitlines()
    records = {record["id"]: record for record in map(json.loads, lines)}
    assert records.keys() == {used[3:11], unused[3:11], revoked[3:11]}
    assert seconds_of(records[used[3:11]]["last_used"]) >= before
    assert records[unused[3:11]]["last_used"] is None
    assert seconds_of(records[revoked[3:11]]["revoked"]) >= before
    assert records[used[3:11]]["revoked"] is None


def seconds_of(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()
