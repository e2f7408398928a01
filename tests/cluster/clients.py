"""Clients that write to a profile of their own, each event until it is acknowledged, and read what they have written.

A client checks the history of one profile: it writes one event after the other; so every read has to show all events
that were acknowledged to it, whichever node it asks (it carries its position), and all that an earlier read has
shown; none twice, and none that it did not send.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from typing import Any, Final

import httpx

REVISION: Final = "2026-01-15"
TIMEOUT_SECONDS: Final = 15.0
PAUSE_SECONDS: Final = 0.1
LEADERLESS_SECONDS_MAX: Final = 60.0
READ_CHANCE: Final = 0.1
LATELY: Final = 500
"""Newest events of the profile that a read looks at: more than a client sends in some seconds."""
CHECKED: Final = 25
"""Events sent last that a read has to show."""


def post(url: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
    """The response to a request, which is repeated for as long as no node leads.

    On a busy machine another node may begin to lead at any time, also in the middle of a test about something else.
    """
    deadline = time.monotonic() + LEADERLESS_SECONDS_MAX
    while True:
        response = httpx.post(url, content=content, headers=headers, timeout=2 * TIMEOUT_SECONDS)
        if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
            return response
        time.sleep(PAUSE_SECONDS)


class Client:
    """One client in a thread of its own."""

    def __init__(self, name: str, key: str, urls: list[str], seed: int) -> None:
        self.name, self._urls, self._chance = name, urls, random.Random(seed)
        self._headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": REVISION}
        self.email = f"{name}@example.com"
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self.acknowledged_at: list[float] = []
        self.seen: set[str] = set()
        self.position = 0
        self.reads = 0
        self.failure: Exception | None = None
        self._profile = ""
        self._running = threading.Event()
        self._running.set()
        self._rest = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._running.set()
        self._thread.join()

    def pause(self) -> None:
        """Return when the client has no request under way, and sends none before ``resume``."""
        self._running.clear()
        with self._rest:
            pass

    def resume(self) -> None:
        self._running.set()

    def _run(self) -> None:
        try:
            with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as http:
                while not self._stopping.is_set():
                    self._running.wait()
                    with self._rest:
                        self._write(http, f"{self.name}-{len(self.sent)}")
                        if self._chance.random() < READ_CHANCE:
                            self._read(http)
        except Exception as exc:
            self.failure = exc

    def _write(self, http: httpx.Client, unique_id: str) -> None:
        """Send an event until it is acknowledged, to one node after the other."""
        self.sent.append(unique_id)
        place = self._chance.randrange(len(self._urls))
        body = create_body(self.email, unique_id)
        while not self._stopping.is_set():
            with contextlib.suppress(httpx.TransportError):
                response = http.post(f"{self._urls[place]}/api/events/", content=body, headers=self._headers)
                if response.status_code == httpx.codes.ACCEPTED:
                    self.acknowledged.append(unique_id)
                    self.acknowledged_at.append(time.monotonic())
                    self.position = max(self.position, int(response.headers["eventkeep-position"]))
                    return
                assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, response.text
            place = (place + 1) % len(self._urls)
            self._stopping.wait(PAUSE_SECONDS)

    def _read(self, http: httpx.Client) -> None:
        """Read the newest events of the profile from any node that responds, and check them against the history."""
        headers = {**self._headers, "eventkeep-position": str(self.position)}
        url = f"{self._chance.choice(self._urls)}/api/events/"
        if not self._profile and not self._find_profile(http, url, headers):
            return
        query = {"page[size]": str(LATELY), "sort": "-datetime", "filter": f'equals(profile_id,"{self._profile}")'}
        document = self._get(http, url, query, headers)
        if document is None:
            return
        read = [event["attributes"]["event_properties"]["$event_id"] for event in document["data"]]
        self.reads += 1
        assert len(set(read)) == len(read), f"{self.name} has read an event twice"
        assert set(read) <= set(self.sent), f"{self.name} has read events that it did not send"
        # The sort is by time, and the newest events may have one time: the last ones sent may be anywhere in it.
        expected = self.sent[-CHECKED:]
        missing = [id for id in expected if (id in self.seen or id in self.acknowledged[-LATELY:]) and id not in read]
        assert not missing, f"{self.name} does not see any more: {missing}"
        self.seen.update(read)

    def _find_profile(self, http: httpx.Client, url: str, headers: dict[str, str]) -> bool:
        """Look for an event of this client, to learn the id of its profile; returns whether one was found."""
        document = self._get(http, url, {"page[size]": "200", "sort": "-datetime"}, headers)
        for event in [] if document is None else document["data"]:
            if event["attributes"]["event_properties"]["of"] in self.sent:
                self._profile = event["relationships"]["profile"]["data"]["id"]
        return bool(self._profile)

    def _get(
        self, http: httpx.Client, url: str, query: dict[str, str], headers: dict[str, str]
    ) -> dict[str, Any] | None:
        """A document, None if the node does not respond or is not there yet."""
        with contextlib.suppress(httpx.TransportError):
            response = http.get(url, params=query, headers=headers)
            if response.status_code == httpx.codes.OK:
                self.position = max(self.position, int(response.headers["eventkeep-position"]))
                document: dict[str, Any] = response.json()
                return document
            assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE, response.text
        return None


def create_body(email: str, unique_id: str) -> bytes:
    """The body of a create that also changes its profile."""
    profile = {"email": email, "properties": {"last": unique_id}}
    attributes = {
        "properties": {"of": unique_id},
        "unique_id": unique_id,
        "metric": {"data": {"type": "metric", "attributes": {"name": "Wrote"}}},
        "profile": {"data": {"type": "profile", "attributes": profile}},
    }
    return json.dumps({"data": {"type": "event", "attributes": attributes}}).encode()
