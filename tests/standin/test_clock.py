"""Clocks of accounts: limits, times, ids, jobs and revisions follow them, and two accounts have two."""

from __future__ import annotations

import datetime
import json
from typing import Final

import httpx
import pytest

from eventkeep.client.call import Call
from eventkeep.client.calls import create_call
from eventkeep.client.errors import ResponseError, ThrottledError
from eventkeep.client.synchronous.client import Client
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.server.control import FIT_PREDICTIONS, ControlRequest, FitOptions
from eventkeep.server.folder_changes import change_folder
from eventkeep.testing import Controls, ServerProcess
from tests.contract.api import single_body

NOON: Final = datetime.datetime(2025, 3, 1, 12, tzinfo=datetime.UTC)
FIVE_DAYS: Final = 5 * 86_400
"""The window of a clicked email, in seconds."""
PERSON: Final = {"email": "ada@shop.example"}


def create(client: Client) -> None:
    """Create an event without a time; the SDK would send its own."""
    client.perform(create_call("create_event", json.dumps(single_body()).encode()))


def events_of(client: Client) -> list[datetime.datetime]:
    return [event.datetime for event in client.events.iterate(sort="datetime")]


def test_default_times_and_ids_follow_the_clock(controls: Controls, client: Client) -> None:
    controls.freeze(NOON)
    create(client)
    controls.advance(90)
    create(client)
    assert (events_of(client), controls.now()) == (
        [NOON, NOON + datetime.timedelta(seconds=90)],
        NOON + datetime.timedelta(seconds=90),
    )
    (first, _) = client.events.iterate(sort="datetime", include=["profile", "metric"])
    # A time-based UUID has the time of the event in it.
    assert first.uuid.startswith("%08x" % (uuid_ticks(NOON) & 0xFFFF_FFFF))
    assert (first.profile.created, first.metric.created) == (NOON, NOON)


list_metrics: Final[Call[bytes]] = Call(method="GET", target="/api/metrics/", read=lambda response: response.content)


def uuid_ticks(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * 10_000_000 + 0x01B21DD213814000


def test_rate_windows_follow_the_clock(controls: Controls, client: Client) -> None:
    controls.freeze(NOON)

    def calls_until_refused() -> int:
        for count in range(1_000):
            try:
                client.perform(list_metrics)
            except ThrottledError as refusal:
                assert refusal.retry_after_seconds == 1
                return count
        raise AssertionError("never refused")

    limit = calls_until_refused()
    assert limit == OPERATIONS["get_metrics"].limit.at(client.settings.revision.date).burst
    assert calls_until_refused() == 0
    controls.advance(0.9)
    assert calls_until_refused() == 0
    controls.advance(0.1)
    assert calls_until_refused() == limit


def test_two_accounts_have_two_clocks(standin: ServerProcess, controls: Controls, client: Client) -> None:
    other_key = standin.make_account("other clock")
    with standin.controls(other_key) as others, Client(other_key, standin.url) as other:
        controls.freeze(NOON)
        others.freeze(NOON + datetime.timedelta(days=400))
        create(client)
        create(other)
        assert (events_of(client), events_of(other)) == ([NOON], [NOON + datetime.timedelta(days=400)])
        others.reset_clock()
        assert (controls.clock()["frozen"], others.clock()["controlled"]) == (True, False)


def test_a_clock_runs_at_a_rate(controls: Controls) -> None:
    controls.set_clock(NOON)
    controls.run_clock(rate=10_000)
    first = controls.now()
    assert controls.now() - first > datetime.timedelta(seconds=1)


def test_jobs_and_profiles_follow_the_clock(standin: ServerProcess, key: str, controls: Controls) -> None:
    controls.freeze(NOON)
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-10-15"}
    profile = {"data": {"type": "profile", "attributes": PERSON}}
    with httpx.Client(base_url=standin.url, headers=headers) as http:
        made = http.post("/api/profiles/", json=profile).json()["data"]["attributes"]
        attributes = {"profiles": {"data": [profile["data"]]}}
        body = {"data": {"type": "profile-bulk-import-job", "attributes": attributes}}
        job = http.post("/api/profile-bulk-import-jobs/", json=body).json()["data"]["attributes"]
    assert {made["created"], job["created_at"], job["completed_at"]} == {NOON.isoformat()}


def test_attribution_windows_follow_the_clock_to_the_second(controls: Controls, client: Client) -> None:
    def happens(metric: str, **properties: str) -> None:
        attributes = {
            "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
            "profile": {"data": {"type": "profile", "attributes": PERSON}},
            "properties": properties,
        }
        body = {"data": {"type": "event", "attributes": attributes}}
        client.perform(create_call("create_event", json.dumps(body).encode()))

    controls.freeze(NOON)
    happens("Clicked Email", **{"$message": "M"})
    controls.advance(FIVE_DAYS)
    happens("Placed Order")
    controls.advance(1)
    happens("Placed Order")
    orders = [
        event
        for event in client.events.iterate(sort="datetime", include=["metric", "attributions"])
        if event.metric.name == "Placed Order"
    ]
    assert [[each.campaign_message_id for each in event.attributions] for event in orders] == [["M"], []]


def test_a_fit_is_made_at_the_time_of_the_clock(standin: ServerProcess, controls: Controls, client: Client) -> None:
    pytest.importorskip("scipy")
    client.track("Placed Order", PERSON, time=NOON, value=5)
    controls.freeze(NOON + datetime.timedelta(days=200))
    account = controls.dump()["name"]
    made = change_folder(standin.data, ControlRequest(FIT_PREDICTIONS, account, fit=FitOptions())).fit
    assert made is not None and made.made == int(controls.now().timestamp())
    assert not any("180" in str(lack) for lack in made.lacks)
    controls.set_clock(NOON + datetime.timedelta(days=100))
    made = change_folder(standin.data, ControlRequest(FIT_PREDICTIONS, account, fit=FitOptions())).fit
    assert made is not None and any("100 of at least 180" in str(lack) for lack in made.lacks)


def test_revisions_come_with_the_clock(standin: ServerProcess, key: str, controls: Controls) -> None:
    headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2025-07-15"}

    def status() -> int:
        # The head is the same each time, so that the server remembers its admission.
        return httpx.post(f"{standin.url}/api/events/", headers=headers, json=single_body()).status_code

    assert status() == 202
    controls.freeze(NOON)
    assert status() == 404
    controls.set_clock(datetime.datetime(2025, 7, 15, tzinfo=datetime.UTC))
    assert status() == 202


def test_a_moved_clock_does_not_lock_its_controls(controls: Controls) -> None:
    controls.freeze(datetime.datetime(1980, 1, 1, tzinfo=datetime.UTC))
    controls.reset_clock()
    assert not controls.clock()["controlled"]


def test_contradictions_are_refused(controls: Controls) -> None:
    with pytest.raises(ResponseError, match="out of range"):
        controls.set_clock(1e13)
    with pytest.raises(ResponseError, match="frozen clock has no rate"):
        controls._ask("change_clock", {"freeze": True, "rate": 2})
