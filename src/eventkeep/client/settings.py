"""The settings of a client: from arguments, or else from the environment, or else the defaults."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Final

import httpx
import msgspec

from eventkeep.errors import ConfigurationError, RequestRefused
from eventkeep.limits import (
    CLIENT_RETRIES_MAX,
    CLIENT_RETRY_SECONDS_MAX,
    CLIENT_TIMEOUT_SECONDS,
    ECHO_CHARACTERS_MAX,
    KEY_CHARACTERS_MAX,
)
from eventkeep.protocol.revisions import Revision, resolve_revision

URL_DEFAULT: Final = "http://127.0.0.1:8340"
REVISION_DEFAULT: Final = "2024-06-15"
_KEY: Final = re.compile(r"[!-~]+")


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a client.

    ``revision_date`` is the one that is sent, ``revision`` the newest known one that is not
    after it. ``timeout`` is in seconds and holds for the connection and for each piece
    of a response; ``retry_seconds_max`` for all tries of a request with their waits.
    """

    api_key: str
    base_url: str
    revision_date: str
    revision: Revision
    timeout: float
    max_retries: int
    retry_seconds_max: float

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        return {
            "Authorization": f"Klaviyo-API-Key {self.api_key}",
            "Accept": self.revision.media_type,
            # Within one machine, compressing takes longer than sending.
            "Accept-Encoding": "identity" if is_loopback(self.base_url) else "gzip, deflate",
            "User-Agent": user_agent(),
            "revision": self.revision_date,
        }


@cache
def user_agent() -> str:
    """The name and the version of this client: to look the version up takes longer than to make a client."""
    return f"eventkeep-python/{version('eventkeep')}"


def client_settings(
    api_key: str | None = None,
    base_url: str | None = None,
    revision: str | None = None,
    timeout: float = CLIENT_TIMEOUT_SECONDS,
    max_retries: int = CLIENT_RETRIES_MAX,
    retry_seconds_max: float = CLIENT_RETRY_SECONDS_MAX,
    environment: Mapping[str, str] = os.environ,
) -> ClientSettings:
    """Combine arguments and environment into settings.

    An argument that is None is taken from EVENTKEEP_API_KEY, EVENTKEEP_URL and EVENTKEEP_REVISION.
    Raises ConfigurationError that names the argument.
    """
    date = revision or environment.get("EVENTKEEP_REVISION") or REVISION_DEFAULT
    _require(_is_above_0(timeout), "timeout", "seconds above 0", timeout)
    _require(_is_count(max_retries), "max_retries", "a number of retries, 0 for none", max_retries)
    _require(_is_above_0(retry_seconds_max), "retry_seconds_max", "seconds above 0", retry_seconds_max)
    return ClientSettings(
        api_key=_api_key(api_key or environment.get("EVENTKEEP_API_KEY")),
        base_url=_base_url(base_url or environment.get("EVENTKEEP_URL") or URL_DEFAULT),
        revision_date=date,
        revision=_revision(date),
        timeout=timeout,
        max_retries=max_retries,
        retry_seconds_max=retry_seconds_max,
    )


def is_loopback(url: str) -> bool:
    """Return whether the host of a URL is this machine."""
    return httpx.URL(url).host in ("127.0.0.1", "::1", "localhost")


def _is_count(number: object) -> bool:
    return isinstance(number, int) and number >= 0


def _is_above_0(seconds: object) -> bool:
    return isinstance(seconds, int | float) and seconds > 0


def _require(holds: bool, name: str, expected: str, got: object) -> None:
    if not holds:
        raise ConfigurationError(f"{name}: expected {expected}, got {str(got)[:ECHO_CHARACTERS_MAX]!r}")


def _api_key(key: str | None) -> str:
    if not key:
        raise ConfigurationError(
            "api_key: expected an API key, got none; give it as an argument or as EVENTKEEP_API_KEY "
            "(eventkeep keys create makes one)"
        )
    # The key itself stays out of the message: messages end up in logs.
    if len(key) > KEY_CHARACTERS_MAX or _KEY.fullmatch(key) is None:
        raise ConfigurationError(f"api_key: expected at most {KEY_CHARACTERS_MAX} visible ASCII characters")
    return key


def _base_url(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as exc:
        raise ConfigurationError(f"base_url: expected a URL such as {URL_DEFAULT}, got {url!r}: {exc}") from exc
    usable = parsed.scheme in ("http", "https") and parsed.host and not parsed.query and not parsed.fragment
    _require(bool(usable), "base_url", f"a URL such as {URL_DEFAULT}, without query and fragment", url)
    return url.rstrip("/")


def _revision(date: str) -> Revision:
    try:
        # A date after the newest known revision means that one; the server knows whether it has a newer.
        return resolve_revision(date, date, datetime.date.max)
    except RequestRefused as exc:
        raise ConfigurationError(f"revision: {exc}") from exc
