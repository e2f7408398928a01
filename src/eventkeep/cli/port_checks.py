"""The program that has the address on which a server would listen."""

from __future__ import annotations

import email.utils
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from eventkeep.cli.findings import Finding, fault, ok, warning
from eventkeep.config import server_url
from eventkeep.errors import ConfigurationError

RESPONSE_SECONDS_MAX: Final = 5.0
LOOK_SECONDS_MAX: Final = 1.0


REACHABLE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The address at which this machine reaches a server that listens on all addresses."""


class PortState(msgspec.Struct, frozen=True):
    """``server_date`` is the time of the eventkeep server that responds, in Unix seconds."""

    finding: Finding
    server_date: float | None = None


def check_port(host: str, port: int, holder: str | None) -> PortState:
    """Whether the address is free, or who has it. ``holder`` is the process that has the data folder, if one has."""
    from eventkeep.http.listener import bind

    url = server_url(REACHABLE.get(host, host), port)
    try:
        health = httpx.get(f"{url}/healthz", timeout=RESPONSE_SECONDS_MAX, trust_env=False)
        readiness = httpx.get(f"{url}/readyz", timeout=RESPONSE_SECONDS_MAX, trust_env=False)
    except httpx.ConnectError:
        if holder is not None:
            advice = "name its address with --host and --port, or look into its log"
            return PortState(warning("port", f"the server of this folder does not respond at {url}", advice))
        try:
            bind(host, port).close()
        except ConfigurationError as exc:
            return PortState(fault("port", str(exc).partition(":")[0], "choose another with --host and --port"))
        return PortState(ok("port", f"{host}:{port} is free"))
    except httpx.HTTPError as exc:
        advice = "look into its log, or choose another port with --port"
        return PortState(fault("port", f"{url} is taken, and gives no response: {type(exc).__name__}", advice))
    if not is_eventkeep(health):
        taken = f"{url} is taken by another program"
        return PortState(fault("port", taken, "choose another port with --port"))
    date = email.utils.parsedate_to_datetime(health.headers["Date"]).timestamp() if "Date" in health.headers else None
    if readiness.status_code != HTTPStatus.OK:
        advice = "look into its log; it is stopping, or more comes in than it can write"
        return PortState(warning("port", f"eventkeep responds at {url} and takes no events now", advice), date)
    if holder is None:
        advice = "choose another port with --port, or its folder with --data"
        return PortState(warning("port", f"eventkeep responds at {url}, with another folder", advice), date)
    return PortState(ok("port", f"eventkeep responds at {url} and is ready"), date)


def running_server(host: str, port: int) -> str | None:
    """Return the URL of the eventkeep that responds at the address, or None if none does."""
    url = server_url(REACHABLE.get(host, host), port)
    try:
        health = httpx.get(f"{url}/healthz", timeout=LOOK_SECONDS_MAX, trust_env=False)
    except httpx.HTTPError:
        return None
    return url if is_eventkeep(health) else None


def is_eventkeep(health: httpx.Response) -> bool:
    """Whether a response of /healthz comes from eventkeep."""
    try:
        return bool(health.json() == {"status": "ok"}) and "X-Request-Id" in health.headers
    except ValueError:
        return False
