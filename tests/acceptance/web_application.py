"""A web application that makes its batch before gunicorn or uWSGI forks the workers; see ``test_sdk_forks``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from eventkeep import Client

client = Client()
batch = client.batch(delay_seconds=0.2).open()
client.track("Started", {"email": "ada@shop.example"}, unique_id="started")


def app(environment: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Track an event for each number in the query."""
    for number in parse_qs(environment["QUERY_STRING"])["number"]:
        batch.track("Tick", {"email": "ada@shop.example"}, unique_id=number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
