"""The proxy that the environment names for a server, by the rules that curl and Python share."""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Mapping

import httpx
import msgspec


class Proxy(msgspec.Struct, frozen=True):
    """A proxy's URL and the variable that named it."""

    url: str
    variable: str


def proxy_for(url: httpx.URL, proxies: Mapping[str, str] | None = None) -> Proxy | None:
    """Return the proxy for a URL; None if it is reached directly.

    ``proxies`` are by scheme, as ``urllib.request.getproxies`` returns them: ``all`` is
    for any scheme, and ``no`` lists the hosts that are reached directly.
    """
    found = urllib.request.getproxies() if proxies is None else proxies
    scheme = url.scheme if found.get(url.scheme) else "all"
    address = found.get(scheme)
    if not address or _is_bypassed(url, found):
        return None
    variable = f"{scheme.upper()}_PROXY"
    return Proxy(address, variable if variable in os.environ else variable.lower())


def _is_bypassed(url: httpx.URL, proxies: Mapping[str, str]) -> bool:
    """Return whether NO_PROXY lists the host, or a domain that it is part of."""
    host = url.host.lower()
    for entry in proxies.get("no", "").lower().split(","):
        # An IPv6 address stands in brackets in a URL, and in NO_PROXY with or without them.
        name, _, port = (
            entry.strip().rpartition(":") if re.search(r"[^:]:\d+$|\]:\d+$", entry) else (entry.strip(), "", "")
        )
        name = name.strip("[]").lstrip(".")
        if port and port != str(url.port or {"http": 80, "https": 443}[url.scheme]):
            continue
        if name == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
    return False
