"""The server that a command speaks to: its options, and the client made of them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Annotated

import typer

from eventkeep.client.asynchronous.client import AsyncClient
from eventkeep.client.settings import REVISION_DEFAULT, URL_DEFAULT
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import ConfigurationError
from eventkeep.limits import CLIENT_RETRIES_MAX, READING_RETRIES_MAX
from eventkeep.protocol.revisions import REVISIONS

UrlOption = Annotated[str, typer.Option(help="The server.")]
ApiKeyOption = Annotated[str | None, typer.Option(help="A key of the server.", show_default=False)]
RevisionOption = Annotated[
    str | None, typer.Option(help="The revision of the API to speak.", show_default=REVISION_DEFAULT)
]


def connect(
    url: str = URL_DEFAULT,
    api_key: str | None = None,
    revision: str | None = None,
    retries_max: int = CLIENT_RETRIES_MAX,
    *,
    prefix: str = "",
) -> Client:
    """Return a client with the given options, to be used as a context manager.

    A request is tried again ``retries_max`` times: fewer if a person waits for the response.
    ``prefix`` is the beginning of the options' names, if they are not those of the
    command's own server. Raises ConfigurationError that names the option.
    """
    key = checked_key(api_key, f"--{prefix}api-key")
    try:
        return Client(key, url, revision, max_retries=retries_max)
    except ConfigurationError as exc:
        argument, colon, rest = str(exc).partition(":")
        option = {"base_url": "api" if prefix else "url", "api_key": "api-key", "revision": "revision"}.get(argument)
        raise ConfigurationError(f"--{prefix}{option}{colon}{rest}" if option else str(exc)) from exc


def async_client(url: str, api_key: str | None, revision: str) -> Callable[[], AsyncClient]:
    """Check the options and return a function that makes a client for asyncio. Raises ConfigurationError."""
    with connect(url, api_key, revision) as checked:
        key = checked.settings.api_key
    return lambda: AsyncClient(key, url, revision)


def connect_to_read(url: str, api_key: str | None, now: datetime.datetime | None = None) -> Client:
    """A client for a person who waits for the response: it gives up soon, and has the largest pages.

    Raises ConfigurationError that names the option.
    """
    today = (now or datetime.datetime.now(datetime.UTC)).date()
    return connect(url, api_key, newest_revision(today), READING_RETRIES_MAX)


def checked_key(api_key: str | None, option: str = "--api-key") -> str:
    """Return the key that was given. Raises ConfigurationError without one."""
    if api_key:
        return api_key
    name = option.removeprefix("--").replace("-", "_")
    raise ConfigurationError(
        f"{option}: expected an API key, got none; give it so, as EVENTKEEP_{name.upper()}, or as {name} in "
        "eventkeep.toml (eventkeep keys create makes one)"
    )


def newest_revision(today: datetime.date) -> str:
    """The newest revision that a server takes on that day: the one with the largest pages."""
    return max(revision.date for revision in REVISIONS if revision.date <= today.isoformat())
