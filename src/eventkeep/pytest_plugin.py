"""The pytest plugin: a real server for the session, and an account of its own for each test.

::

    def test_order_is_tracked(eventkeep):
        checkout(Client())                    # EVENTKEEP_URL and EVENTKEEP_API_KEY are set
        eventkeep.received("Placed Order", profile="ada@shop.example", value=42.5)
        eventkeep.nothing_else()

    def test_order_survives_a_reset(eventkeep):
        eventkeep.controls.fail("reset_after", times=1)
        checkout(Client())
        eventkeep.received("Placed Order", times=1)

Under pytest-xdist each worker has a server of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    # They are loaded by the first test that uses them, not by every run of pytest.
    from eventkeep.client.results import IncludedEvent
    from eventkeep.client.synchronous.client import Client
    from eventkeep.testing import Controls, ServerProcess

POLL_SECONDS: Final = 0.02
SHOWN_MAX: Final = 20
"""Events that the message of a failed assertion lists."""


class Account:
    """An account of the server that one test uses, with a client and controls for it."""

    def __init__(self, client: Client, controls: Controls) -> None:
        self.client, self.controls = client, controls
        self.url: str = client.settings.base_url
        self.api_key: str = client.settings.api_key
        self._matched: set[str] = set()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that have another program use this account."""
        return {"EVENTKEEP_URL": self.url, "EVENTKEEP_API_KEY": self.api_key}

    def track(self, metric: str, profile: Mapping[str, Any], **event: Any) -> None:
        """Create an event, as ``Client.track`` does; ``nothing_else`` passes over it."""
        before = {event.id for event in self.events()}
        self.client.track(metric, profile, **event)
        self._matched |= {event.id for event in self.events()} - before

    def events(self) -> list[IncludedEvent]:
        """Return all events of the account, the oldest first."""
        return list(self.client.events.iterate(include=["metric", "profile"], sort="datetime"))

    def received(
        self,
        metric: str,
        *,
        profile: str | None = None,
        value: float | None = None,
        properties: Mapping[str, Any] | None = None,
        unique_id: str | None = None,
        times: int | None = None,
        within: float = 0.0,
    ) -> IncludedEvent:
        """Assert that an event was received, and return it (the first one, if there are several).

        ``profile`` is any identifier of the profile, ``properties`` are some of the event's.
        With ``times``, exactly so many events have to match. ``within`` waits so many seconds
        for events that are sent in the background.
        """
        __tracebackhide__ = True
        expected = Expected(metric, profile, value, properties or {}, unique_id)
        deadline = time.monotonic() + within
        while True:
            events = self.events()
            found = [event for event in events if not expected.differences(event)]
            if (found and times in (None, len(found))) or time.monotonic() >= deadline:
                break
            time.sleep(POLL_SECONDS)
        if not found or times not in (None, len(found)):
            count = "no event" if not found else f"{len(found)} events, expected {times}:"
            raise AssertionError(f"{count} {expected}; {listed(events, expected)}")
        self._matched |= {event.id for event in found}
        return found[0]

    def nothing_else(self) -> None:
        """Assert that every event was asserted by ``received``."""
        __tracebackhide__ = True
        others = [event for event in self.events() if event.id not in self._matched]
        if others:
            raise AssertionError(f"expected no other event; {listed(others)}")


class Expected:
    """The values that an event has to have."""

    def __init__(
        self,
        metric: str,
        profile: str | None,
        value: float | None,
        properties: Mapping[str, Any],
        unique_id: str | None,
    ) -> None:
        self.metric, self.profile, self.value = metric, profile, value
        self.properties, self.unique_id = properties, unique_id

    def __str__(self) -> str:
        given = {"profile": self.profile, "value": self.value, "unique_id": self.unique_id, **self.properties}
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
        return f"{self.metric!r}{f' with {shown}' if shown else ''}"

    def differences(self, event: IncludedEvent) -> list[str]:
        """Return in which values an event differs."""
        found: list[str] = []
        if event.metric.name != self.metric:
            found.append(f"metric is {event.metric.name!r}")
        identifiers = [getattr(event.profile, name) for name in ("id", "email", "phone_number", "external_id")]
        identifiers.append(event.profile.anonymous_id)
        if self.profile is not None and self.profile not in identifiers:
            found.append(f"profile is {next(filter(None, [*identifiers[1:], event.profile.id]))!r}")
        if self.value is not None and event.value != self.value:
            found.append(f"value is {event.value!r}")
        if self.unique_id is not None and event.unique_id != self.unique_id:
            found.append(f"unique_id is {event.unique_id!r}")
        for name, value in self.properties.items():
            if name not in event.event_properties:
                found.append(f"{name} is missing")
            elif event.event_properties[name] != value:
                found.append(f"{name} is {event.event_properties[name]!r}")
        return found


def listed(events: list[IncludedEvent], expected: Expected | None = None) -> str:
    """Return the events for a message, the most similar first, each with its differences."""
    if not events:
        return "no event was received"
    if expected is not None:
        events = sorted(events, key=lambda event: len(expected.differences(event)))
    lines = [f"{len(events)} received:" if expected else f"{len(events)} more received:"]
    for event in events[:SHOWN_MAX]:
        profile = event.profile
        who = profile.email or profile.phone_number or profile.external_id or profile.anonymous_id or profile.id
        own = {name: value for name, value in event.event_properties.items() if not name.startswith("$")}
        differences = expected.differences(event) if expected else []
        why = f"  <- {', '.join(differences)}" if differences else ""
        lines.append(f"  {event.metric.name!r} of {who}, value={event.value}, properties={own}{why}")
    if len(events) > SHOWN_MAX:
        lines.append(f"  and {len(events) - SHOWN_MAX} more")
    return "\n".join(lines)


@pytest.fixture(scope="session")
def eventkeep_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server with controls and without rate limits, in a folder that pytest removes."""
    from eventkeep.testing import ServerProcess

    with ServerProcess(tmp_path_factory.mktemp("eventkeep") / "data", controls=True) as server:
        yield server


@pytest.fixture
def eventkeep(
    eventkeep_server: ServerProcess, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Account]:
    """An account that the test has for itself; ``eventkeep.Client()`` uses it by the environment."""
    from eventkeep.client.synchronous.client import Client

    key = eventkeep_server.make_account(request.node.nodeid)
    with Client(key, eventkeep_server.url) as client, eventkeep_server.controls(key) as controls:
        account = Account(client, controls)
        for name, value in account.environment.items():
            monkeypatch.setenv(name, value)
        yield account
