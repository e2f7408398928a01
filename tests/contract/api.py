"""The API as one key sees it, over plain HTTP; and keys made beside a running server."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import httpx

from eventkeep.testing import ServerProcess
from tests.folder_changes import new_key

REVISION: Final = "2024-06-15"
PAGED_REVISION: Final = "2026-07-15"
"""A revision with ``page[size]``."""
UNKNOWN_EVENT: Final = "0" * 17

PATHS: Final = {
    "create_event": ("POST", "/api/events/"),
    "bulk_create_events": ("POST", "/api/event-bulk-create-jobs/"),
    "get_events": ("GET", "/api/events/"),
    "get_event": ("GET", "/api/events/{id}/"),
    "get_event_metric": ("GET", "/api/events/{id}/metric/"),
    "get_event_profile": ("GET", "/api/events/{id}/profile/"),
    "get_event_relationships_metric": ("GET", "/api/events/{id}/relationships/metric/"),
    "get_event_relationships_profile": ("GET", "/api/events/{id}/relationships/profile/"),
}
OF_ONE_EVENT: Final = tuple(name for name, (_, path) in PATHS.items() if "{id}" in path)


def iso(seconds: int) -> str:
    """Unix seconds as ISO 8601."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat()


def single_body(metric: str = "Order", profile: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    """The body of create_event."""
    return {
        "data": {
            "type": "event",
            "attributes": {
                "properties": {},
                **attributes,
                "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
                "profile": {"data": {"type": "profile", "attributes": profile or {"email": "ada@shop.example"}}},
            },
        }
    }


def bulk_body(events: Sequence[tuple[str, dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """The body of bulk_create_events: a metric's name, a profile and further attributes for each event."""
    return {
        "data": {
            "type": "event-bulk-create-job",
            "attributes": {
                "events-bulk-create": {
                    "data": [
                        {
                            "type": "event-bulk-create",
                            "attributes": {
                                "profile": {"data": {"type": "profile", "attributes": profile}},
                                "events": {
                                    "data": [
                                        {
                                            "type": "event",
                                            "attributes": {
                                                "properties": {},
                                                **attributes,
                                                "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
                                            },
                                        }
                                    ]
                                },
                            },
                        }
                        for metric, profile, attributes in events
                    ]
                }
            },
        }
    }


def body_for(operation: str) -> dict[str, Any] | None:
    """A good body for a create operation, None for a read."""
    if operation == "create_event":
        return single_body()
    if operation == "bulk_create_events":
        return bulk_body([("Order", {"email": "ada@shop.example"}, {})])
    return None


class Api:
    """A connection that speaks with one key, or with none."""

    def __init__(self, url: str, key: str | None, revision: str = REVISION) -> None:
        headers = {"revision": revision}
        if key is not None:
            headers["Authorization"] = f"Klaviyo-API-Key {key}"
        # No certificates: nothing is encrypted here, and loading them takes longer than most tests.
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60, verify=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def call(
        self,
        operation: str,
        event: str = UNKNOWN_EVENT,
        *,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One call; a create without a body sends a good one."""
        method, path = PATHS[operation]
        return self.http.request(
            method, path.format(id=event), json=body or body_for(operation), params=query, headers=headers
        )

    def create(self, metric: str = "Order", profile: dict[str, Any] | None = None, **attributes: Any) -> None:
        """Creates one event, which must be accepted."""
        response = self.call("create_event", body=single_body(metric, profile, **attributes))
        assert response.status_code == 202, response.text

    def create_many(self, events: Sequence[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
        """Creates events in one bulk request, which must be accepted."""
        response = self.call("bulk_create_events", body=bulk_body(events))
        assert response.status_code == 202, response.text

    def events(self, **query: str) -> list[dict[str, Any]]:
        """The events of one page."""
        found: list[dict[str, Any]] = self.page(**query)["data"]
        return found

    def page(self, **query: str) -> dict[str, Any]:
        """One page of get_events, which must succeed."""
        response = self.call("get_events", query=query)
        assert response.status_code == 200, response.text
        document: dict[str, Any] = response.json()
        return document


def make_keys(server: ServerProcess, account: str, *scopes: str) -> list[str]:
    """A key of the account for each of ``scopes``; the account is made if there is none."""
    return [new_key(server.data, account, each) for each in scopes]


def fault_of(response: httpx.Response) -> dict[str, Any]:
    """The only error of an error document."""
    (fault,) = response.json()["errors"]
    assert isinstance(fault, dict)
    return fault
