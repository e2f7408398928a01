"""Who may control what: the switch, the key of the controls, scopes."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from eventkeep.client.errors import NotFoundError, PermissionDeniedError
from eventkeep.config import ServeSettings, load_serve_settings
from eventkeep.errors import ConfigurationError
from eventkeep.testing import Controls, ServerProcess
from tests.folder_changes import new_key

SECRET = "a-secret-of-some-length"


def test_an_account_needs_scopes_that_there_are(standin: ServerProcess) -> None:
    with pytest.raises(ConfigurationError, match="got 'events:eat'"):
        standin.make_account("hungry", "events:read,events:eat")


def test_a_server_without_controls_has_none(server: ServerProcess) -> None:
    with server.controls(server.make_account("no controls")) as controls, pytest.raises(NotFoundError):
        controls.clock()


def test_only_a_key_without_limits_controls(standin: ServerProcess) -> None:
    reader = new_key(standin.data, "limited", "events:read")
    with standin.controls(reader) as controls, pytest.raises(PermissionDeniedError, match="full"):
        controls.clock()


def test_a_key_of_the_controls_is_needed_if_there_is_one(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", controls=True, options=["--controls-key", SECRET]) as server:
        key = server.make_account("guarded")
        with Controls(key, server.url) as without, pytest.raises(PermissionDeniedError, match="Eventkeep-Controls-Key"):
            without.freeze()
        with Controls(key, server.url, SECRET) as controls:
            assert not controls.clock()["frozen"]
        assert httpx.options(f"{server.url}/eventkeep/control/clock").headers["Allow"] == "GET, POST, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"host": "0.0.0.0"}, "--controls-key"),
        ({"host": "shop.example"}, "--controls-key"),
        ({"log": "nats://127.0.0.1/x"}, "--log"),
        ({"controls_key": "short"}, "16 characters"),
    ],
)
def test_settings_that_let_strangers_in_are_refused(flags: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load({"controls": True, **flags}, tmp_path)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_loopback_address_needs_no_key(host: str, tmp_path: Path) -> None:
    assert load({"controls": True, "host": host}, tmp_path).controls


def load(flags: dict[str, object], folder: Path) -> ServeSettings:
    return load_serve_settings(flags, {}, (), folder)
