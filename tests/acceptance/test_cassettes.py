"""Recording a server, replaying the cassette, and verifying a second server against it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from eventkeep.testing import ServerProcess

EMAIL = "ada.lovelace@shop.example"
BODY = {
    "data": {
        "type": "event",
        "attributes": {
            "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": EMAIL}}},
            "time": "2024-06-15T12:00:00Z",
            "unique_id": "order-1",
            "properties": {"note": f"sent to {EMAIL}"},
        },
    }
}


@contextmanager
def command(*arguments: str) -> Iterator[str]:
    """A command that serves; gives its URL and ends it with SIGINT."""
    process = subprocess.Popen(
        [sys.executable, "-m", "eventkeep", *arguments, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        match = re.search(r"http://\S+$", process.stdout.readline().strip())
        assert match is not None
        yield match[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def use(url: str, key: str) -> list[tuple[int, object]]:
    """The requests of a program: a create, a page, and a mistake."""
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-10-15"}
    with httpx.Client(base_url=url, headers=headers) as client:
        created = client.post("/api/events/", json=BODY)
        page = client.get("/api/events/", params={"sort": "datetime"})
        wrong = client.get("/api/events/NOPE01/")
    return [
        (response.status_code, response.json() if response.content else None) for response in (created, page, wrong)
    ]


def test_a_recording_replays_and_verifies_and_holds_no_secret(tmp_path: Path) -> None:
    cassette = tmp_path / "shop.jsonl"
    with ServerProcess(tmp_path / "first") as first, ServerProcess(tmp_path / "second") as second:
        key = first.make_key()
        with command("record", str(cassette), "--upstream", first.url) as url:
            recorded = use(url, key)
        assert [status for status, _ in recorded] == [202, 200, 400]
        content = cassette.read_bytes()
        assert key.encode() not in content and EMAIL.encode() not in content
        assert len(content.splitlines()) == 4
        with command("replay", str(cassette)) as url:
            replayed = use(url, "pk_whatever0000000000")
            missed = httpx.get(f"{url}/api/metrics/")
        assert [status for status, _ in replayed] == [202, 200, 400]
        assert missed.status_code == 404 and "nearest" in missed.json()["errors"][0]["detail"]
        verify = [sys.executable, "-m", "eventkeep", "verify", str(cassette), "--against", second.url]
        done = subprocess.run([*verify, "--api-key", second.make_key()], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "3 requests, 0 with differences\n"), done.stderr


def test_a_cassette_is_never_overwritten_and_faults_are_named(tmp_path: Path) -> None:
    cassette = tmp_path / "a.jsonl"
    cassette.write_text(json.dumps({"format": 1, "upstream": "x"}) + "\n{}\n")
    for arguments, named in (
        (["record", str(cassette), "--upstream", "http://127.0.0.1:1"], "exists"),
        (["replay", str(cassette)], "line 2"),
        (["replay", str(tmp_path / "b.jsonl")], "can't be read"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "eventkeep", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0 and named in done.stderr
