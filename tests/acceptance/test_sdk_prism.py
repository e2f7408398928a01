"""Every request that the SDK makes is valid to a second implementation: Prism with the upstream OpenAPI document."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

import eventkeep
from eventkeep import Client, Filter
from tests.acceptance.prism import JudgedTransport, Prism
from tests.contract.upstream import load_document

REVISIONS: Final = ("2023-10-15", "2024-06-15", "2026-07-15")
"""An old one, the client's own, and the newest that it knows. Older documents do not say that
``include`` is one text with commas.
"""
WITH_BULK: Final = "2024-05-15"
WITH_PAGE_SIZE: Final = "2026-01-15"
NOON: Final = datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)
ADA: Final = {
    "email": "ada@shop.example",
    "phone_number": "+15005550006",
    "external_id": "c1",
    "anonymous_id": "a1",
    "first_name": "Ada",
    "location": {"city": "London", "latitude": 51.5, "longitude": "-0.1"},
    "properties": {"pets": ["cat"]},
    "patch_properties": {"append": {"tags": "vip"}, "unappend": {"tags": "new"}, "unset": "score"},
}
ATTRIBUTES: Final = {
    "metric": {"data": {"type": "metric", "attributes": {"name": "Single"}}},
    "profile": {"data": {"type": "profile", "attributes": {"email": "ada@shop.example"}}},
    "properties": {"items": ["Teapot"]},
}


@pytest.fixture(scope="module", params=REVISIONS)
def prism(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prism, str]]:
    """Prism with the document of a revision, and the revision."""
    with Prism(load_document(request.param), tmp_path_factory.mktemp("prism")) as process:
        yield process, request.param


@pytest.fixture
def transport() -> JudgedTransport:
    return JudgedTransport()


@pytest.fixture
def client(prism: tuple[Prism, str], transport: JudgedTransport) -> Iterator[Client]:
    process, revision = prism
    with Client("pk_any", process.url, revision, max_retries=0, transport=transport) as found:
        yield found


def make(call: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Makes a call and ignores its result: Prism judges the request, and makes up a response that may be unreadable."""
    with contextlib.suppress(eventkeep.ResponseError):
        call(*arguments, **options)


def test_every_request_is_valid(client: Client, transport: JudgedTransport) -> None:
    events, date = client.events, client.settings.revision_date
    more: dict[str, Any] = {"value": 9.5, "time": NOON, "properties": {"items": ["Teapot"]}, "unique_id": "u"}
    client.track("Placed Order", ADA)
    client.track("Placed Order", ADA, **more)
    client.track("Opened", {"id": "01GDDKASAP8TKDDA2GRZDSVP4H"}, value=1, value_currency="EUR", service="api")
    events.create_event({"data": {"type": "event", "attributes": ATTRIBUTES}})
    creates = 4
    if date >= WITH_BULK:
        with client.batch() as batch:
            for number in range(5):
                batch.track("Tick", ADA if number % 2 else {"external_id": "c2"}, value=number)
        creates += 1
    since = Filter.greater_than("datetime", NOON) & Filter.equals("metric_id", "WQwfFp")
    fields = {"fields_event": ["datetime", "uuid"], "fields_metric": "name", "fields_profile": ["email", "properties"]}
    selection: dict[str, Any] = {"filter": since, "sort": "-datetime", "page_cursor": "abc", **fields}
    if date >= WITH_PAGE_SIZE:
        selection["page_size"] = 50
    reads: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (events.get_events, {}),
        (events.get_events, {"include": ["metric", "profile"], **selection}),
        (events.get_event, {"id": "4vRpBT", "include": "metric,profile", **fields}),
        (events.get_event_metric, {"id": "4vRpBT", "fields_metric": ["name", "integration"]}),
        (events.get_event_profile, {"id": "4vRpBT", "additional_fields_profile": ["subscriptions"]}),
        (events.get_event_relationships_metric, {"id": "4vRpBT"}),
        (events.get_event_relationships_profile, {"id": "4vRpBT"}),
    ]
    for call, options in reads:
        make(call, **options)
    assert [judged for judged in transport.judged if judged.violations or judged.status not in (200, 202)] == []
    assert len(transport.judged) == creates + len(reads)


def test_requests_that_break_a_rule_are_noticed(client: Client, transport: JudgedTransport) -> None:
    make(client.events.create_event, {"data": {"type": "event", "attributes": {**ATTRIBUTES, "properties": []}}})
    make(client.events.get_events, sort="nonsense")
    assert [judged.violations[0].location[:2] for judged in transport.judged] == [
        ["request", "body"],
        ["request", "query"],
    ]
