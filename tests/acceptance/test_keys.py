from __future__ import annotations

import datetime
import json
import time
from pathlib import Path

import httpx
import pytest

from eventkeep.limits import KEY_CACHE_SECONDS_MAX
from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.program import Finished, run
from tests.acceptance.terminal import Terminal


def status_with(server: ServerProcess, key: str) -> int:
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-06-15"}
    return httpx.get(f"{server.url}/api/events/", headers=headers).status_code


def test_key_that_is_made_while_a_server_runs_works_at_once(server: ServerProcess) -> None:
    done = run("keys", "create", "--data", server.data, "--quiet")
    assert (done.code, done.errors) == (0, "")
    assert done.output.startswith("pk_")
    assert done.output.count("\n") == 1
    assert status_with(server, done.output.strip()) == 200


def test_revoked_key_is_refused_within_a_second(server: ServerProcess) -> None:
    figures = run("keys", "create", "--data", server.data, "--account", "revoking").figures()
    assert status_with(server, figures["key"]) == 200
    assert run("keys", "revoke", figures["id"], "--data", server.data).code == 0
    time.sleep(KEY_CACHE_SECONDS_MAX)
    assert status_with(server, figures["key"]) == 401


def test_list_shows_keys_without_showing_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    key = run("keys", "create", "--data", data, "--account", "Shop", "--label", "till 4", "--quiet").output.strip()
    run("keys", "create", "--data", data, "--scopes", "events:write,events:read", "--quiet")
    listed = run("keys", "list", "--data", data, "--account", "Shop", "--json")
    (record,) = [json.loads(line) for line in listed.output.splitlines()]
    assert record["id"] in key
    assert (record["account"], record["scopes"], record["label"]) == ("Shop", ["full"], "till 4")
    assert (record["last_used"], record["revoked"]) == (None, None)
    table = run("keys", "list", "--data", data).output
    assert "events:read, events:write" in table
    assert key not in table + listed.output


def test_data_folder_comes_from_the_environment_or_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "eventkeep.toml").write_text('data = "from-file"\n')
    assert run("keys", "create", "--quiet", folder=tmp_path).code == 0
    assert run("keys", "create", "--quiet", folder=tmp_path, EVENTKEEP_DATA="from-environment").code == 0
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"from-file", "from-environment"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "--scopes", "events:delete"], "events:delete"),
        (["create", "--account", " "], "account"),
        (["revoke", "abcdefgh"], "no key with the id 'abcdefgh'"),
        (["list", "--account", "nobody"], "no account 'nobody'; there is 'default'"),
    ],
)
def test_impossible_commands_are_refused_on_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    assert run("keys", "create", "--data", tmp_path / "data", "--quiet").code == 0
    done = run("keys", *arguments, "--data", tmp_path / "data")
    assert (done.code, done.output) == (2, "")
    assert message in done.errors
    assert "Traceback" not in done.errors


def test_list_and_revoke_do_not_make_a_folder(tmp_path: Path) -> None:
    for arguments in (["list"], ["revoke", "abcdefgh"]):
        done = run("keys", *arguments, "--data", tmp_path / "data")
        assert done.code == 2
        assert "there is no folder" in done.errors
    assert list(tmp_path.iterdir()) == []


def test_key_is_not_made_in_a_new_folder_beside_a_server(server: ServerProcess, tmp_path: Path) -> None:
    def create(*arguments: str, port: int) -> Finished:
        return run("keys", "create", "--quiet", *arguments, folder=tmp_path, EVENTKEEP_PORT=str(port))

    done = create(port=server.port)
    assert (done.code, done.output) == (2, "")
    wanted = (
        f"there is no store in {tmp_path / 'eventkeep-data'}, and the server at {server.url} runs with another folder"
    )
    assert wanted in done.errors
    assert list(tmp_path.iterdir()) == []
    # No server is there, or the folder is wanted, or it is there by now.
    first = create("--data", "first", port=free_port())
    assert (first.code, first.errors) == (0, f"eventkeep: made a new data folder, {tmp_path / 'first'}\n")
    again = run("keys", "create", "--data", "first", folder=tmp_path)
    assert again.errors == f"eventkeep: the key is in the data folder {tmp_path / 'first'}\n"
    assert create("--new", port=server.port).code == 0
    assert create(port=server.port).code == 0


def test_list_fits_80_columns_and_cuts_no_date(tmp_path: Path) -> None:
    data = tmp_path / "data"
    run(
        "keys",
        "create",
        "--data",
        data,
        "--account",
        "A shop with a long name",
        "--label",
        "till 4 on the left",
        "--quiet",
    )
    id = run("keys", "create", "--data", data, "--scopes", "events:write,events:read,metrics:read").figures()["id"]
    run("keys", "revoke", id, "--data", data)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    with Terminal("keys", "list", "--data", str(data), environment={}) as terminal:
        assert terminal.end() == 0
    head, *rows = terminal.lines
    assert head.split("  ")[0] == "id"
    assert max(map(len, terminal.lines)) <= 80
    assert [row.count(today) for row in rows] == [1, 2]
