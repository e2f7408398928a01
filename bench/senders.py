"""Single creates by the HTTP clients of Python: ``python -m bench.senders --against PYTHON``.

Each client sends one create after the other over one connection, with its own way of splitting a request into packets.
The servers of both installations (or of this one alone) run at the same time and get SENT_A_TURN creates in turns, so
that a change of the machine's speed meets both. Printed are the median times of a create, and the ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import urllib3

from bench.bodies import MARKER
from bench.loads import SINGLE_PATH, Server
from bench.process import machine
from bench.shop_bodies import single_body
from eventkeep import Client

SENT_A_TURN: Final = 40
PROFILES: Final = 200

Send = Callable[[str], None]
"""Sends one create body; returns when it was accepted."""


def headers(key: str) -> dict[str, str]:
    return {
        "Authorization": f"Klaviyo-API-Key {key}",
        "revision": "2024-06-15",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


def check(status: int) -> None:
    assert status == 202, status


@contextlib.contextmanager
def by_http_client(url: str, key: str) -> Iterator[Send]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def send(body: str) -> None:
        connection.request("POST", SINGLE_PATH, body.encode(), headers(key))
        response = connection.getresponse()
        response.read()
        check(response.status)

    yield send
    connection.close()


@contextlib.contextmanager
def by_urllib3(url: str, key: str) -> Iterator[Send]:
    with urllib3.PoolManager(retries=False) as pool:
        yield lambda body: check(pool.request("POST", url + SINGLE_PATH, body=body, headers=headers(key)).status)


@contextlib.contextmanager
def by_httpx(url: str, key: str) -> Iterator[Send]:
    with httpx.Client(base_url=url, headers=headers(key)) as client:
        yield lambda body: check(client.post(SINGLE_PATH, content=body).status_code)


@contextlib.contextmanager
def by_sdk(url: str, key: str) -> Iterator[Send]:
    with Client(key, base_url=url, revision="2024-06-15") as client:

        def send(body: str) -> None:
            client.events.create_event(json.loads(body))

        yield send


SENDERS: Final = {"http.client": by_http_client, "urllib3": by_urllib3, "httpx": by_httpx, "SDK": by_sdk}


def turn(send: Send, name: str) -> float:
    """The median time of a create in milliseconds; ``name`` makes the unique ids."""
    seconds: list[float] = []
    for number in range(SENT_A_TURN):
        body = single_body(number, PROFILES, with_name=True).replace(MARKER, f"{name}-{number}")
        started = time.perf_counter()
        send(body)
        seconds.append(time.perf_counter() - started)
    return median(seconds) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.senders", description=__doc__)
    parser.add_argument("--against", type=Path, help="the Python of another installation, measured in turns")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path, default=Path("bench-senders.json"))
    options = parser.parse_args()
    sides = {"this": Path(sys.executable)} | ({"other": options.against} if options.against else {})
    figures: dict[str, Any] = {"machine": machine(), "milliseconds": {}}
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as folder, contextlib.ExitStack() as stack:
        servers = {side: stack.enter_context(Server(python, Path(folder) / side)) for side, python in sides.items()}
        for sender, opened in SENDERS.items():
            with contextlib.ExitStack() as connections:
                sends = {
                    side: connections.enter_context(opened(server.url, server.key)) for side, server in servers.items()
                }
                rounds: dict[str, list[float]] = {side: [] for side in sides}
                # The first round of each is not counted.
                for number in range(options.rounds + 1):
                    for side, send in sends.items():
                        took = turn(send, f"{sender}-{number}")
                        if number:
                            rounds[side].append(took)
            figures["milliseconds"][sender] = rounds
            text = "  ".join(f"{side} {median(some):.2f} ms" for side, some in rounds.items())
            if "other" in rounds:
                pairs = zip(rounds["this"], rounds["other"], strict=True)
                text += f"  this/other {median(this / other for this, other in pairs):.2f}"
            print(f"{sender:12} {text}", flush=True)
    options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
