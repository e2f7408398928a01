"""Programs of others that read and write events, run as their users run them: only the address is another."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from eventkeep import Client
from eventkeep.testing import ServerProcess
from tests.folder_changes import new_key
from tests.source_tree import PROJECT

ENVIRONMENTS: Final = PROJECT / ".cache" / "programs"
HOSTS: Final = Path(__file__).with_name("programs")
NOON: Final = datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)
EVENTS: Final = 230
"""More than a page of events of one metric."""
METRICS: Final = {
    "Received Email": "receive",
    "Clicked Email": "click",
    "Opened Email": "open",
    "Bounced Email": "bounce",
    "Unsubscribed from Email Marketing": "unsubscribe",
    "Marked Email as Spam": "mark_as_spam",
    "Unsubscribed from List": "unsub_list",
    "Subscribed to Email Marketing": "subscribed_to_email",
    "Subscribed to List": "subscribe_list",
    "Updated Email Preferences": "update_email_preferences",
    "Dropped Email": "dropped_email",
    "Clicked SMS": "clicked_sms",
    "Subscribed to SMS Marketing": "subscribed_to_sms",
    "Failed to Deliver SMS": "failed_to_deliver",
    "Failed to deliver Automated Response SMS": "failed_to_deliver_automated_response",
    "Received Automated Response SMS": "received_automated_response",
    "Received SMS": "received_sms",
    "Sent SMS": "sent_sms",
    "Unsubscribed from SMS Marketing": "unsubscribed_from_sms",
}
"""The metrics that the connector looks for, each with the name of its stream."""


class Shop(msgspec.Struct):
    """An account with events, at a server that takes itself for the hosted service."""

    server: ServerProcess
    key: str

    def client(self) -> Client:
        return Client(self.key, self.server.url, "2026-07-15")

    def run(self, program: str, command: str, *arguments: str | Path) -> str:
        """The output of a program."""
        executable = ENVIRONMENTS / program / "bin" / command
        if not executable.exists():
            pytest.skip(f"{program} is not installed; 'make test' installs it")
        environment = {
            "PATH": os.environ["PATH"],
            "TZ": "UTC",
            "PYTHONPATH": str(HOSTS),
            "EVENTKEEP_URL": self.server.url,
            "KLAVIYO_API_KEY": self.key,
        }
        done = subprocess.run(
            [executable, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data = tmp_path_factory.mktemp("programs") / "data"
    options = ["--public-url", "https://a.klaviyo.com", "--rate-limits", "off"]
    with ServerProcess(data, options=options) as server:
        found = Shop(server, new_key(data, "programs"))
        with found.client() as client, client.batch() as batch:
            for number, metric in enumerate(METRICS):
                batch.track(metric, {"email": f"{number}@shop.example"}, time=NOON, unique_id="first")
            for number in range(EVENTS - 1):
                moment = NOON + datetime.timedelta(minutes=number + 1)
                batch.track("Opened Email", {"email": "ada@shop.example"}, time=moment, unique_id=str(number), value=2)
        yield found


def test_connector_reads_all_streams_of_events_and_goes_on_from_its_state(shop: Shop, tmp_path: Path) -> None:
    def tap(*arguments: str | Path) -> str:
        return shop.run("tap-klaviyo", "tap-klaviyo", "--config", config, *arguments)

    def records(output: str) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for line in map(json.loads, output.splitlines()):
            if line["type"] == "RECORD":
                found.setdefault(line["stream"], []).append(line["record"])
            elif line["type"] == "STATE":
                state.write_text(json.dumps(line["value"]))
        return found

    config, catalog, state = (tmp_path / f"{name}.json" for name in ("config", "catalog", "state"))
    config.write_text(json.dumps({"api_key": shop.key, "start_date": "2024-01-01T00:00:00Z"}))
    discovered = json.loads(tap("--discover"))
    assert {each["stream"] for each in discovered["streams"]} == {
        *METRICS.values(),
        *("campaigns", "global_exclusions", "lists"),
    }
    # There are no lists and no campaigns here.
    discovered["streams"] = [each for each in discovered["streams"] if each["stream"] not in ("campaigns", "lists")]
    for stream in discovered["streams"]:
        stream["metadata"] = [
            *(each for each in stream["metadata"] if each["breadcrumb"]),
            {"breadcrumb": [], "metadata": {"selected": True}},
        ]
    catalog.write_text(json.dumps(discovered))
    with shop.client() as client:
        profiles = {"data": [{"type": "profile", "attributes": {"email": "3@shop.example"}}]}
        kind = "profile-suppression-bulk-create-job"
        client.profiles.bulk_suppress_profiles({"data": {"type": kind, "attributes": {"profiles": profiles}}})
        found = records(tap("--catalog", catalog))
        # By the job, by an unsubscription and by a dropped email; the connector doesn't ask for complaints.
        assert {row["email"] for row in found["global_exclusions"]} == {f"{n}@shop.example" for n in (3, 4, 10)}
        assert {stream: len(rows) for stream, rows in found.items()} == {
            **dict.fromkeys(METRICS.values(), 1),
            "open": EVENTS,
            "global_exclusions": 3,
        }
        assert len({each["id"] for each in found["open"]}) == EVENTS
        client.track("Opened Email", {"email": "bob@shop.example"}, time=NOON + datetime.timedelta(days=1))
    following = records(tap("--catalog", catalog, "--state", state))
    # The connector begins one second before the last event that it read.
    assert len(following["open"]) == 2
    assert following["open"][-1]["profile"][0]["email"] == "bob@shop.example"


def test_command_line_for_the_api_writes_and_reads(shop: Shop) -> None:
    def klaviyo(*arguments: str) -> str:
        return shop.run("klaviyo-cli", "klaviyo", *arguments)

    def document(*arguments: str) -> Any:
        return json.loads(klaviyo("--json", *arguments))

    email = "cleo@shop.example"
    properties = json.dumps({"size": "L"})
    for day in ("15", "16"):
        event = ("--email", email, "--metric", "Placed Order", "--time", f"2024-06-{day}T12:00:00Z")
        klaviyo("push-event", *event, "--value", "9.5", "--properties", properties)
    (metric,) = document("list-metrics", "--search", "placed")["metrics"]
    assert (metric["name"], metric["integration"]) == ("Placed Order", "API")
    listed = document("events", "--metric", metric["id"], "--since", "2024-06-16")
    assert [each["attributes"]["event_properties"]["$value"] for each in listed["data"]] == [9.5]
    assert listed["included"][0]["email"] == email
    (opened,) = document("list-metrics", "--search", "opened email")["metrics"]
    exported = klaviyo("export-events", "--metric", opened["id"], "--until", "2024-06-16").splitlines()
    assert len({json.loads(line)["id"] for line in exported}) == EVENTS
    period = ("--since", "2024-06-14", "--until", "2024-06-17", "--interval", "day")
    counted = document("metric-aggregate", metric["id"], *period)["data"]["attributes"]["data"][0]
    assert counted["measurements"] == {"count": [0, 1, 1, 0], "unique": [0, 1, 1, 0]}
    assert "Suppression job submitted for 1 email(s)." in klaviyo("suppress", "--emails", email, "--yes")
    told = klaviyo("get-profile", email, "--subscriptions")
    assert "Can receive: False" in told
    assert "USER_SUPPRESSED" in told
    assert "Unsuppression job submitted" in klaviyo("unsuppress", "--emails", email)
    assert "Can receive: True" in klaviyo("get-profile", email, "--subscriptions")
    assert document("api", "GET", "/api/accounts/")["data"][0]["type"] == "account"
