"""Outgoing webhooks: bodies, signatures, topics, and tries that end."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec
import pytest

from eventkeep.client.errors import ResponseError
from eventkeep.client.synchronous.client import Client
from eventkeep.limits import WEBHOOKS_MAX
from eventkeep.server.controls.webhooks import WEBHOOK_TRIES_MAX
from eventkeep.standin.webhooks import Webhook, signature, topic_of
from eventkeep.testing import Controls

SECRET: Final = "a-secret-of-the-webhook"
PERSON: Final = {"email": "ada@shop.example"}
SECONDS_MAX: Final = 20.0


class Received(msgspec.Struct):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


class Receiver(ThreadingHTTPServer):
    """Takes deliveries, and responds with ``statuses`` one after the other, then with 202."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[Received] = []
        self.statuses: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"

    def wait_for(self, count: int) -> list[Received]:
        deadline = time.monotonic() + SECONDS_MAX
        while len(self.received) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.received) >= count
        return self.received


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(Received(self.path, dict(self.headers.items()), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 202)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_event_is_delivered_and_signed(receiver: Receiver, controls: Controls, client: Client) -> None:
    id = controls.add_webhook(receiver.url, SECRET)
    client.track("Placed Order", PERSON, value=42.5, unique_id="1")
    (delivery,) = receiver.wait_for(1)
    (item,) = delivery.document["data"]
    (event,) = client.events.iterate()
    attributes = item["payload"]["data"]["attributes"]
    assert (item["topic"], item["external_id"]) == ("event:api.placed_order", event.id)
    assert attributes["event_properties"]["$value"] == 42.5
    assert {each["type"] for each in item["payload"]["included"]} == {"metric", "profile"}
    meta = delivery.document["meta"]
    assert meta["klaviyo_webhook_id"] == delivery.headers["Klaviyo-Webhook-Id"] == id
    computed = hmac.new(SECRET.encode(), delivery.body, hashlib.sha256)
    computed.update(delivery.headers["Klaviyo-Timestamp"].encode())
    assert computed.hexdigest() == delivery.headers["Klaviyo-Signature"]


def test_only_new_events_of_its_topics_are_delivered(receiver: Receiver, controls: Controls, client: Client) -> None:
    controls.add_webhook(receiver.url, SECRET, ["event:api.placed_*"])
    client.track("Viewed Product", PERSON, unique_id="1")
    client.track("Placed Order", PERSON, unique_id="1")
    client.track("Placed Order", PERSON, unique_id="1")
    client.track("Placed Bid", PERSON, unique_id="1")
    topics = [item["topic"] for each in receiver.wait_for(2) for item in each.document["data"]]
    assert topics == ["event:api.placed_order", "event:api.placed_bid"]


def test_a_delivery_is_tried_again_and_not_for_ever(receiver: Receiver, controls: Controls, client: Client) -> None:
    controls.add_webhook(receiver.url, SECRET)
    receiver.statuses = [500, 302]
    client.track("Placed Order", PERSON)
    first, *others = receiver.wait_for(3)
    assert {each.document["data"][0]["external_id"] for each in others} == {first.document["data"][0]["external_id"]}
    receiver.statuses = [500] * WEBHOOK_TRIES_MAX
    client.track("Placed Order", PERSON)
    receiver.wait_for(3 + WEBHOOK_TRIES_MAX)
    deadline = time.monotonic() + SECONDS_MAX
    while not (shown := controls.webhooks()[0])["failed"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (shown["delivered"], shown["failed"], shown["last_status"]) == (1, 1, 500)
    controls.clear_webhooks()
    assert controls.webhooks() == []


def test_wrong_webhooks_are_refused(controls: Controls) -> None:
    for url, secret, said in (("ftp://shop.example", SECRET, "url"), ("http://shop.example", "short", "secret")):
        with pytest.raises(ResponseError, match=said):
            controls.add_webhook(url, secret)
    for _ in range(WEBHOOKS_MAX):
        controls.add_webhook("http://127.0.0.1:1/", SECRET)
    with pytest.raises(ResponseError, match=str(WEBHOOKS_MAX)):
        controls.add_webhook("http://127.0.0.1:1/", SECRET)


@pytest.mark.parametrize(
    ("metric", "service", "topic"),
    [
        ("Placed Order", "api", "event:api.placed_order"),
        ("Subscribed to Email Marketing", "klaviyo", "event:klaviyo.subscribed_to_email_marketing"),
        ("  A -- B ", "My Shop", "event:my_shop.a_b"),
    ],
)
def test_topics(metric: str, service: str, topic: str) -> None:
    assert topic_of(metric, service) == topic
    assert Webhook("http://a", SECRET, ("event:*",)).wants(topic)


def test_a_signature_is_that_of_body_and_timestamp() -> None:
    expected = hmac.new(b"secret", b"body" + b"now", hashlib.sha256).hexdigest()
    assert signature("secret", b"body", "now") == expected
