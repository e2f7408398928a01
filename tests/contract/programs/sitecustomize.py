"""Leads the requests of a program for the hosted service to the server of EVENTKEEP_URL.

Python imports this module at the start of a program whose PYTHONPATH names its folder. For a program that has
the address of the hosted service built in, it does what an entry in the hosts file and a proxy for TLS would do.
"""

from __future__ import annotations

import os
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter

_send = HTTPAdapter.send


def send(self: HTTPAdapter, request: PreparedRequest, *arguments: Any, **options: Any) -> Any:
    """Send a request to the other address."""
    request.url = str(request.url).replace("https://a.klaviyo.com", os.environ["EVENTKEEP_URL"], 1)
    return _send(self, request, *arguments, **options)


HTTPAdapter.send = send  # type: ignore[method-assign,unused-ignore]
