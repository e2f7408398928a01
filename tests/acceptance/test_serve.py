from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.program import run


def test_ready_line_is_the_only_thing_on_standard_output(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "eventkeep", "serve", "--data", "data", "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert f"http://127.0.0.1:{port}" in line
            assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        finally:
            process.terminate()
        rest, errors = process.communicate()
    assert (process.returncode, rest) == (0, "")
    assert "eventkeep keys create" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_stops_cleanly_on_a_signal_and_keeps_its_events(tmp_path: Path, number: signal.Signals) -> None:
    server = ServerProcess(tmp_path / "data")
    with server:
        key = server.make_key()
        headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-06-15"}
        attributes = {
            "properties": {},
            "metric": {"data": {"type": "metric", "attributes": {"name": "Order"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": "ada@shop.example"}}},
        }
        body = {"data": {"type": "event", "attributes": attributes}}
        assert httpx.post(f"{server.url}/api/events/", headers=headers, json=body).status_code == 202
        assert server.stop(number) == 0
        server.start()
        assert len(httpx.get(f"{server.url}/api/events/", headers=headers).json()["data"]) == 1


def test_settings_come_from_flags_before_environment_before_file(tmp_path: Path) -> None:
    ports = [free_port() for _ in range(3)]
    (tmp_path / "eventkeep.toml").write_text(f'port = {ports[0]}\ndata = "data"\nlog_level = "loud"\n')
    done = run("serve", folder=tmp_path)
    assert done.code == 2
    assert "eventkeep.toml: log_level: expected one of" in done.errors
    done = run("serve", folder=tmp_path, EVENTKEEP_LOG_LEVEL="info", EVENTKEEP_PORT="many")
    assert done.code == 2
    assert "EVENTKEEP_PORT: expected a whole number" in done.errors
    done = run("serve", "--port", "-1", folder=tmp_path, EVENTKEEP_LOG_LEVEL="info", EVENTKEEP_PORT="many")
    assert done.code == 2
    assert "--port: expected a whole number" in done.errors


def test_second_server_on_the_same_folder_refuses_to_start(server: ServerProcess) -> None:
    done = run("serve", "--data", server.data, "--port", str(free_port()))
    assert done.code == 1
    assert str(server.data) in done.errors
    assert "Traceback" not in done.errors


def test_port_in_use_is_reported(server: ServerProcess, tmp_path: Path) -> None:
    done = run("serve", "--data", tmp_path / "data", "--port", str(server.port))
    assert done.code == 2
    assert "can't be listened on" in done.errors


@pytest.mark.parametrize("command", [[], ["serve"], ["keys"], ["keys", "create"], ["import"]])
def test_help_has_an_example_or_names_the_commands(command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.code == 0
    assert "Example" in done.output or "Commands" in done.output


def test_version_is_printed() -> None:
    assert run("--version").output == "eventkeep 0.1.0\n"
