"""The server that a command speaks to: its options, and the client made of them."""

from __future__ import annotations

import datetime
from typing import Annotated, Final

import typer

from eventkeep.client.settings import REVISION_DEFAULT, URL_DEFAULT
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import ConfigurationError
from eventkeep.limits import CLIENT_RETRIES_MAX
from eventkeep.protocol.revisions import REVISIONS

UrlOption = Annotated[str, typer.Option(help="The server.")]
ApiKeyOption = Annotated[str | None, typer.Option(help="A key of the server.", show_default=False)]
RevisionOption = Annotated[
    str | None, typer.Option(help="The revision of the API to speak.", show_default=REVISION_DEFAULT)
]

_OPTIONS: Final = {"base_url": "--url", "api_key": "--api-key", "revision": "--revision"}
"""What the arguments of a client are called here."""


def connect(
    url: str = URL_DEFAULT,
    api_key: str | None = None,
    revision: str | None = None,
    retries_max: int = CLIENT_RETRIES_MAX,
) -> Client:
    """A client for what the options say, to be used as a context manager.

    A request is tried again ``retries_max`` times: fewer where somebody waits for the answer.
    Raises ConfigurationError that names the option.
    """
    if not api_key:
        raise ConfigurationError(
            "--api-key: expected an API key, got none; give it as --api-key, as EVENTKEEP_API_KEY or as api_key in "
            "eventkeep.toml (eventkeep keys create makes one)"
        )
    try:
        return Client(api_key, url, revision, max_retries=retries_max)
    except ConfigurationError as exc:
        argument, colon, rest = str(exc).partition(":")
        raise ConfigurationError(f"{_OPTIONS.get(argument, argument)}{colon}{rest}") from exc


def newest_revision(today: datetime.date) -> str:
    """The newest revision that a server takes on that day: the one with the largest pages."""
    return max(revision.date for revision in REVISIONS if revision.date <= today.isoformat())
