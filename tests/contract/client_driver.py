"""Runs inside an official client's own environment: reads calls and writes responses as lines of JSON.

A call is ``{"api", "operation", "positional", "options", "key", "url", "max_retries"}``, of which ``api`` is the name
of a class such as ``Events``; a response is ``{"status", "headers", "data"}``. Without an operation, the data are the
names of all operations of the class. If the client raises for an HTTP status, the response has that status, and the
error document as its data. If it raises before it sends anything, the response is ``{"raised": …}``.

This file is run by the client's interpreter, so it imports nothing of the project.
"""

from __future__ import annotations

import datetime
import functools
import json
import sys
from typing import Any

import openapi_client
import urllib3
from klaviyo_api import KlaviyoAPI


@functools.cache
def connect(url: str, key: str, max_retries: int) -> Any:
    """The client, pointed at the server under test."""
    return KlaviyoAPI(key, max_delay=2, max_retries=max_retries, test_host=url)


def plain(data: Any) -> Any:
    """The client's return value as JSON: a model of the client becomes the JSON that it was made from."""
    return data.to_dict() if hasattr(data, "to_dict") else data


def json_or_text(body: Any) -> Any:
    """The body of an error: a document of the API, or what something in between sent."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body


def text(value: Any) -> str:
    """An object of a newer client in its JSON form."""
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def respond(call: dict[str, Any]) -> dict[str, Any]:
    """Makes one call."""
    api = getattr(connect(call["url"], call["key"], call["max_retries"]), call["api"])
    if not call["operation"]:
        forms = ("_with_http_info", "_without_preload_content")
        known = {name: value for name, value in vars(type(api)).items() if not name.startswith("_")}
        # Some operations have further names, which the newer clients keep for older programs.
        own = [name for name, value in known.items() if getattr(value, "__name__", "") == name]
        names = [name for name in own if not name.endswith(forms)]
        return {"status": None, "headers": {}, "data": names}
    operation = getattr(api, call["operation"])
    try:
        returned = operation(*call["positional"], **call["options"])
    except openapi_client.ApiException as exc:
        return {"status": exc.status, "headers": dict(exc.headers or {}), "data": json_or_text(exc.body)}
    except urllib3.exceptions.HTTPError as exc:
        return {"raised": f"{type(exc).__name__}: {exc}"}
    except (TypeError, ValueError) as exc:
        return {"raised": f"{type(exc).__name__}: {exc}"}
    if call["operation"].endswith("_with_http_info"):
        return {
            "status": returned.status_code,
            "headers": dict(returned.headers or {}),
            "data": plain(returned.data),
        }
    return {"status": None, "headers": {}, "data": plain(returned)}


def main() -> None:
    """Responds to calls until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(respond(json.loads(line)), default=text), flush=True)


if __name__ == "__main__":
    main()
