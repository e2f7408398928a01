"""The errors of send, export and import for wrong usage; none of these reaches a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventkeep.testing import free_port
from tests.unit.cli.in_process import ended

KEY = ("--api-key", "pk_any")

WRONG = [
    (["export", "all.xml", *KEY], "the name 'all.xml' does not tell the format"),
    (["export", "-", *KEY], "standard output does not tell the format"),
    (["export", "all.csv", "--format", "xml", *KEY], "--format: expected one of csv, jsonl, parquet, got 'xml'"),
    (["export", "all.csv", "--sort", "timestamp", *KEY], "--sort: expected one of datetime, -datetime"),
    (["export", "all.csv", "--since", "soon", *KEY], "--since: expected a time"),
    (["export", "all.csv", "--url", "nowhere", *KEY], "--url: expected a URL"),
    (["export", "all.csv", "--revision", "soon", *KEY], "--revision: Invalid revision provided: expected a revision"),
    (["export", "all.csv"], "--api-key: expected an API key, got none"),
    (["import", *KEY], "expected either a file or --from-api URL"),
    (["import", "a.csv", "--from-api", "http://127.0.0.1", *KEY], "expected either a file or --from-api URL"),
    (["import", "--from-api", "http://127.0.0.1", *KEY], "--from-api-key: expected an API key, got none"),
    (
        ["import", "--from-api", "nowhere", "--from-api-key", "pk_other", *KEY],
        "--from-api: expected a URL such as",
    ),
    (
        ["import", "--from-api", "http://127.0.0.1", "--map", "metric=A", *KEY],
        "--map is for files, not for --from-api",
    ),
    (["import", "a.csv", "--overlap", "5", *KEY], "--overlap is for --from-api, not for files"),
    (["import", "a.csv"], "--api-key: expected an API key, got none"),
    (["import", "absent.csv", *KEY], "absent.csv can't be read"),
    (["import", "a.parquet", "--delimiter", ";", *KEY], "--delimiter: Parquet has none"),
    (["send", "--value", "3", *KEY], "--metric: expected the name of a metric"),
    (["send", "--metric", "A", *KEY], "say whose event it is, with one of --profile-id, --external-id"),
    (["send", "--metric", "A", "--email", "a@b.example", "-p", "x", *KEY], "--property: expected NAME=TEXT or NAME:="),
    (["send", "--metric", "A", "--email", "a@b.example", "--time", "now", *KEY], "--time: expected a time"),
    (["send", "--metric", "A" * 128, "--email", "a@b.example", *KEY], "metric: expected text of 1 to 127 characters"),
    (["send", "--metric", "A", "--email", "a@b.example", "--profile", "colour=red", *KEY], "unknown field `colour`"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_usage_is_named(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = ended(capsys, *arguments)
    assert (code, message in said, list(tmp_path.iterdir())) == (2, True, []), said


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "all.csv", *KEY],
        ["import", "--from-api", "http://127.0.0.1:{port}", "--from-api-key", "pk_other", *KEY],
        ["send", "--metric", "A", "--email", "a@b.example", *KEY],
    ],
)
def test_absent_server_has_an_exit_code_of_its_own(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    port = free_port()
    monkeypatch.setenv("EVENTKEEP_URL", f"http://127.0.0.1:{port}")
    code, said = ended(capsys, *(argument.format(port=port) for argument in arguments))
    assert (code, list(tmp_path.iterdir())) == (5, [])
    assert "Connection refused" in said
