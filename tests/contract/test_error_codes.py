"""Every status and code of the table of problems, caused from outside; a refused request stores nothing.

There is no 406: a response has the media type of its revision, with any ``Accept``.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest

from eventkeep.errors import DuplicateProfile, InvalidRequest, PayloadTooLarge, Unavailable, UnsupportedMediaType
from eventkeep.ingest.stores import Stores
from eventkeep.limits import BODIES_BYTES_MAX, BODY_BYTES_MAX, HEADERS_MAX, QUEUE_BYTES_MAX
from eventkeep.log.transport import Outcome
from eventkeep.model.event import public_id
from eventkeep.protocol.error_documents import FAILURE, PROBLEMS, Problem
from eventkeep.testing import ServerProcess
from tests.contract.api import PAGED_REVISION, Api, fault_of, make_keys, single_body
from tests.contract.scrapes import Scraped
from tests.contract.shop import Fate, Shop, fate_of
from tests.create_rules import bulk, event, item
from tests.made_events import event_columns

CREATES: Final = ("create_event", "bulk_create_events")
PATHS: Final = {"create_event": "/api/events/", "bulk_create_events": "/api/event-bulk-create-jobs/"}
JSON: Final = {"Content-Type": "application/json"}


class Bounded(msgspec.Struct):
    """A server whose create_event is limited to one call a minute, and whose directory has lost a profile."""

    server: ServerProcess
    shop: Shop
    orphan: str
    """The id of an event whose profile is lost."""


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bounded]:
    folder = tmp_path_factory.mktemp("bounded")
    settings = folder / "eventkeep.toml"
    settings.write_text('[rate_limits]\ncreate_event = "1/s 1/m"\nbulk_create_events = "off"\nget_events = "off"\n')
    with ServerProcess(folder / "data", rate_limits=None, options=["--config", str(settings)]) as server:
        with Shop(server, "damaged") as shop:
            shop.keep(bulk(item(event())))
            server.stop()
            orphan = keep_orphan(server.data, shop.account)
            server.start()
        with Api(server.url, shop.key, PAGED_REVISION) as api:
            shop.http = api.http
            yield Bounded(server, shop, orphan)


def keep_orphan(data: Path, account: str) -> str:
    """Store an event of a profile that does not exist, which no request can do; returns its id."""
    stores = Stores.open(data)
    try:
        owner = stores.directory.accounts.find(account)
        assert owner is not None
        events = event_columns(1, account=owner.number, profile=999_999)
        made = stores.encoded([], events)
        assert stores.log.append(made.record).outcome is Outcome.KEPT
        stores.directory.apply([], made.progress)
        stores.events.append(made.record.position, events)
        return public_id(int(events.numbers["time"][0]), int(events.numbers["id"][0]))
    finally:
        stores.close()


@pytest.fixture(scope="module")
def shop(counted: Scraped) -> Iterator[Shop]:
    """A shop with an event."""
    with Shop(counted.server, "refused") as made:
        made.keep(single_body())
        yield made


def good_body(operation: str) -> bytes:
    return msgspec.json.encode(single_body() if operation == "create_event" else bulk(item(event())))


def check(response: httpx.Response, problem: Problem) -> dict[str, Any]:
    """The only error of the response. It must have the problem's status, code and title, in the documented shape."""
    fault = fault_of(response)
    assert response.status_code == fault["status"] == problem.status
    assert (fault["code"], fault["title"]) == (problem.code, problem.title)
    assert fault.keys() == {"id", "status", "code", "title", "detail", "source", "links", "meta"}
    assert str(uuid.UUID(fault["id"])) == fault["id"] == response.headers["X-Request-Id"]
    assert fault["detail"]
    (value,) = fault["source"].values()
    assert isinstance(value, str)
    assert response.headers["Content-Type"] in ("application/json", "application/vnd.api+json")
    return fault


# One cause for each code, by the type of the create

Trigger = Callable[[Shop, Bounded, str], httpx.Response]


def in_a_retired_revision(shop: Shop, _: Bounded, operation: str) -> httpx.Response:
    headers = {"revision": "2022-10-17", "X-Klaviyo-Revision-Fall-Forward-Opt-Out": "1"}
    return shop.send(good_body(operation), operation, **headers)


def malformed(shop: Shop, _: Bounded, operation: str) -> httpx.Response:
    return shop.send(b"{}", operation)


def without_key(shop: Shop, _: Bounded, operation: str) -> httpx.Response:
    return shop.send(good_body(operation), operation, Authorization="Klaviyo-API-Key pk_unknown")


def without_scope(shop: Shop, _: Bounded, operation: str) -> httpx.Response:
    (key,) = make_keys(shop.server, shop.account, "events:read,profiles:write,metrics:write")
    return shop.send(good_body(operation), operation, Authorization=f"Klaviyo-API-Key {key}")


def not_there(shop: Shop, _: Bounded, operation: str) -> httpx.Response:
    if operation == "bulk_create_events":
        return shop.send(good_body(operation), operation, revision="2024-02-15")
    return shop.http.post("/api/event/", content=good_body(operation), headers=JSON)


def by_another_method(shop: Shop, _: Bounded, operation: str) -> httpx.Response:
    return shop.http.put(PATHS[operation], content=good_body(operation), headers=JSON)


def too_large(shop: Shop, _: Bounded, operation: str) -> httpx.Response:
    return shop.send(good_body(operation) + b" " * BODY_BYTES_MAX, operation)


def of_another_type(shop: Shop, _: Bounded, operation: str) -> httpx.Response:
    return shop.send(good_body(operation), operation, **{"Content-Type": "application/x-www-form-urlencoded"})


def with_a_header_too_many(shop: Shop, _: Bounded, operation: str) -> httpx.Response:
    return shop.send(good_body(operation), operation, **{f"X-{number}": "x" for number in range(HEADERS_MAX)})


def too_often(_: Shop, bounded: Bounded, operation: str) -> httpx.Response:
    """Limits apply to one operation; this server limits create_event only."""
    with Shop(bounded.server, "often") as shop:
        # A new minute may begin between two calls, but not between both pairs.
        responses = [shop.send(good_body("create_event")) for _ in range(3)]
    assert responses[0].status_code == 202
    return next(response for response in responses if response.status_code != 202)


def while_bodies_are_in_flight(_: Shop, bounded: Bounded, operation: str) -> httpx.Response:
    for attempt in range(5):
        # On a slow machine the first of the bodies may already be given up when the last has been announced.
        with Shop(bounded.server, f"crowded {operation} {attempt}") as shop, bodies_in_flight(bounded):
            refused = shop.send(good_body(operation), operation)
            if refused.status_code == 202:
                continue
            assert shop.events() == []
            break
    # Once they have gone away, the same request is accepted.
    assert eventually(lambda: bounded.shop.send(good_body("bulk_create_events"))).status_code == 202
    return refused


def from_a_damaged_directory(_: Shop, bounded: Bounded, operation: str) -> httpx.Response:
    """No create or read can fail like this; the cause is somebody who deletes rows outside the program."""
    return bounded.shop.call("get_event_profile", bounded.orphan)


TRIGGERS: Final[dict[str, Trigger]] = {
    "invalid": malformed,
    "not_authenticated": without_key,
    "permission_denied": without_scope,
    "not_found": not_there,
    "method_not_allowed": by_another_method,
    "payload_too_large": too_large,
    "unsupported_media_type": of_another_type,
    "headers_too_large": with_a_header_too_many,
    "throttled": too_often,
    "unavailable": while_bodies_are_in_flight,
    "error": from_a_damaged_directory,
    "gone": in_a_retired_revision,
}
PROBLEMS_OF_CREATES: Final = [
    *(problem for kind, problem in PROBLEMS.items() if kind is not DuplicateProfile),
    FAILURE,
]
"""Every problem but that of the routes of profiles."""


@contextmanager
def bodies_in_flight(bounded: Bounded) -> Iterator[None]:
    """Requests that have announced as many bytes as the server holds at once, and never send them."""
    head = (
        f"POST {PATHS['bulk_create_events']} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Klaviyo-API-Key {bounded.shop.key}\r\n"
        f"revision: {PAGED_REVISION}\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\n{{"
    )
    connections: list[socket.socket] = []
    with ExitStack() as opened:
        for _ in range(BODIES_BYTES_MAX // BODY_BYTES_MAX):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", bounded.server.port), timeout=30))
            connections.append(connection)
            connection.sendall(head.encode())
        deadline = time.monotonic() + 20
        while bounded.shop.send(b"{}", "bulk_create_events").status_code != 503 and time.monotonic() < deadline:
            time.sleep(0.01)
        yield
        # Wait until the server has closed them all, so that the next test finds none of these bodies counted.
        for connection in connections:
            connection.shutdown(socket.SHUT_WR)
        for connection in connections:
            while connection.recv(65_536):
                pass


def eventually(send: Callable[[], httpx.Response]) -> httpx.Response:
    """The first response other than 503 within 20 seconds, as a client with retries would get it."""
    deadline = time.monotonic() + 20
    while (response := send()).status_code == 503 and time.monotonic() < deadline:
        assert response.headers["Retry-After"].isdigit()
        time.sleep(0.05)
    return response


@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize("problem", PROBLEMS_OF_CREATES, ids=lambda problem: f"{problem.status}")
def test_every_code_can_be_triggered_and_stores_nothing(
    shop: Shop, bounded: Bounded, problem: Problem, operation: str
) -> None:
    before = shop.stored()
    response = TRIGGERS[problem.code](shop, bounded, operation)
    check(response, problem)
    assert ("Retry-After" in response.headers) == (problem.status in (429, 503))
    assert ("Allow" in response.headers) == (problem.status == 405)
    assert shop.stored() == before


def test_refusals_of_a_method_name_those_that_are_allowed(shop: Shop) -> None:
    for path, allowed in (
        ("/api/events/", "GET, POST, HEAD, OPTIONS"),
        ("/api/event-bulk-create-jobs", "POST, OPTIONS"),
    ):
        for method in ("PUT", "PATCH", "DELETE"):
            response = shop.http.request(method, path)
            assert (response.status_code, response.headers["Allow"]) == (405, allowed)
    assert shop.http.get("/api/event-bulk-create-jobs/").status_code == 405
    assert shop.http.head("/api/event-bulk-create-jobs/").status_code == 405


# Bodies that are refused


def chunks(size: int) -> Iterator[bytes]:
    """A body of unknown length: blanks."""
    for _ in range(size // 100_000):
        yield b" " * 100_000


@pytest.mark.parametrize("operation", CREATES)
def test_body_is_too_large_however_it_comes(shop: Shop, operation: str) -> None:
    before = shop.stored()
    good = good_body(operation)
    bomb = gzip.compress(good + b" " * 100_000_000, compresslevel=1)
    ways: dict[str, tuple[Any, dict[str, str]]] = {
        "declared": (good + b" " * (BODY_BYTES_MAX - len(good) + 1), {}),
        "in chunks": (chunks(BODY_BYTES_MAX + 200_000), {}),
        "compressed": (gzip.compress(good + b" " * BODY_BYTES_MAX), {"Content-Encoding": "gzip"}),
        "a bomb": (bomb, {"Content-Encoding": "gzip"}),
        "a bomb of many parts": (gzip.compress(b" " * 1_000_000) * 20, {"Content-Encoding": "gzip"}),
    }
    for way, (content, headers) in ways.items():
        with httpx.Client(base_url=shop.server.url, headers=shop.http.headers, verify=False) as client:
            response = client.post(PATHS[operation], content=content, headers={**JSON, **headers})
        assert response.status_code == 413, way
        assert check(response, PROBLEMS[PayloadTooLarge])["source"] == {"pointer": "/"}
    assert shop.stored() == before


@pytest.mark.parametrize("operation", CREATES)
def test_body_of_the_largest_size_is_taken(counted: Scraped, operation: str) -> None:
    full = good_body(operation).ljust(BODY_BYTES_MAX)
    with Shop(counted.server, "large") as large:
        assert fate_of(large.send(full, operation)) == Fate(1, 0)
        again = large.http.post(
            PATHS[operation], content=gzip.compress(full), headers={**JSON, "Content-Encoding": "gzip"}
        )
        assert fate_of(again) in (Fate(1, 0), Fate(0, 1))


@pytest.mark.parametrize("operation", CREATES)
def test_types_and_encodings_that_are_not_spoken_are_refused(shop: Shop, operation: str) -> None:
    before = shop.stored()
    for type in (
        "text/plain",
        "application/x-json",
        "multipart/form-data; boundary=x",
        "application/json5",
        "json",
        "",
    ):
        response = shop.send(good_body(operation), operation, **{"Content-Type": type})
        assert check(response, PROBLEMS[UnsupportedMediaType])["source"] == {"parameter": "Content-Type"}, type
    for encoding in ("br", "deflate", "zstd", "gzip, gzip", "x"):
        response = shop.send(good_body(operation), operation, **{"Content-Encoding": encoding})
        assert check(response, PROBLEMS[UnsupportedMediaType])["source"] == {"parameter": "Content-Encoding"}, encoding
    for content in (b"no gzip", gzip.compress(good_body(operation))[:-20], gzip.compress(b"{}") + b"and more"):
        response = shop.send(content, operation, **{"Content-Encoding": "gzip"})
        assert check(response, PROBLEMS[InvalidRequest])["source"] == {"pointer": "/"}
    assert shop.stored() == before


@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/html"},
        {"Accept": "application/vnd.api+json; q=0.1"},
        {"Content-Type": "Application/JSON; charset=utf-8"},
        {"Content-Type": "application/vnd.api+json; ext=x"},
        {"Content-Encoding": "identity"},
    ],
    ids=lambda headers: str(*headers.items()),
)
def test_headers_that_are_no_reason_to_refuse(counted: Scraped, operation: str, headers: dict[str, str]) -> None:
    with Shop(counted.server, "headers") as made:
        assert fate_of(made.send(good_body(operation), operation, **headers)) == Fate(1, 0)


# Order of the checks


def test_faults_are_reported_in_the_order_in_which_they_can_be_corrected(shop: Shop) -> None:
    reader, writer = make_keys(shop.server, shop.account, "events:read", "events:write")
    mistakes: list[tuple[str, Any, Any, int]] = [
        ("path", "/api/event-bulk-create-job/", "/api/event-bulk-create-jobs/", 404),
        ("method", "PUT", "POST", 405),
        ("Authorization", "Klaviyo-API-Key pk_unknown", f"Klaviyo-API-Key {reader}", 401),
        ("revision", "tomorrow", "2024-02-15", 400),
        ("revision", "2024-02-15", "2024-05-15", 404),
        ("Authorization", f"Klaviyo-API-Key {reader}", f"Klaviyo-API-Key {writer}", 403),
        ("Content-Type", "text/plain", "application/json", 415),
        ("body", b"{}".ljust(BODY_BYTES_MAX + 1), b"{}", 413),
        ("body", b"{}", good_body("bulk_create_events"), 400),
    ]
    request = {place: wrong for place, wrong, _, _ in reversed(mistakes)}
    statuses = []
    for place, _, right, _ in mistakes:
        statuses.append(send(shop.server.url, dict(request)).status_code)
        request[place] = right
    assert statuses == [status for _, _, _, status in mistakes]
    assert send(shop.server.url, dict(request)).status_code == 202


def send(url: str, request: dict[str, Any]) -> httpx.Response:
    method, path, body = (request.pop(name) for name in ("method", "path", "body"))
    return httpx.request(method, url + path, content=body, headers=request, verify=False)


# A full queue


@contextmanager
def held_directory(server: ServerProcess) -> Iterator[None]:
    """While another process writes to the directory, the server's commits wait for it."""
    with closing(sqlite3.connect(server.data / "directory.sqlite3", isolation_level=None)) as directory:
        directory.execute("BEGIN IMMEDIATE")
        yield


async def send_until_refused(shop: Shop, body: bytes, requests: int) -> list[httpx.Response]:
    """So many requests at once, while nothing can be committed until the first one has its response."""
    headers = {**shop.http.headers, **JSON, "Content-Encoding": "gzip"}
    async with httpx.AsyncClient(base_url=shop.server.url, headers=headers, timeout=60, verify=False) as client:
        with held_directory(shop.server):
            sending = [
                asyncio.create_task(client.post(PATHS["bulk_create_events"], content=body)) for _ in range(requests)
            ]
            done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            assert {task.result().status_code for task in done} == {503}
        return await asyncio.gather(*sending)


def test_full_queue_refuses_with_503_and_stores_accepted_requests(bounded: Bounded) -> None:
    """The queue is full of bytes, of which blanks are the cheapest."""
    body = gzip.compress(good_body("bulk_create_events").ljust(BODY_BYTES_MAX))
    room = QUEUE_BYTES_MAX // BODY_BYTES_MAX
    with Shop(bounded.server, "crowd") as shop:
        # The committer has one more already, and some must find no room.
        responses = asyncio.run(send_until_refused(shop, body, room + 10))
        refused = [response for response in responses if response.status_code != 202]
        fates = [fate_of(response) for response in responses if response.status_code == 202]
        assert 1 <= len(refused) < 10
        for response in refused:
            assert check(response, PROBLEMS[Unavailable])["detail"].startswith("Too many events wait to be stored")
            assert response.headers["Retry-After"] == "1"
        assert len(fates) > room
        assert sorted(fates, key=lambda fate: fate.repeated) == [Fate(1, 0), *[Fate(0, 1)] * (len(fates) - 1)]
        assert len(shop.events()) == 1
        assert fate_of(shop.send(body, "bulk_create_events", **{"Content-Encoding": "gzip"})) == Fate(0, 1)
