"""Metrics and profiles as people call them: by name, by email address, or by id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from eventkeep.client.admin_routes import (
    CountedMetric,
    IdentifierKind,
    get_metric_call,
    get_profile_call,
    list_metrics_call,
    list_profiles_call,
)
from eventkeep.client.errors import ArgumentError, NotFoundError
from eventkeep.client.results import Metric, Profile
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import ConfigurationError
from eventkeep.protocol.filters import Filter

_METRIC_ID: Final = re.compile(r"[A-Za-z0-9]{6}")
_PROFILE_ID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
CANDIDATES_MAX: Final = 20
"""Metrics of one name that are looked at."""

METRIC_HELP: Final = "name or id"
PROFILE_HELP: Final = "email address, phone number, external_id or id"


def find_metric(client: Client, text: str) -> CountedMetric:
    """Return the metric of that name, or else of that id. Raises ConfigurationError if there is none, or several."""
    found = client.perform(list_metrics_call(name=text, page_size=CANDIDATES_MAX)).data.items
    if len(found) > 1:
        raise _several(text, [each.metric for each in found])
    if found:
        return found[0]
    if _METRIC_ID.fullmatch(text):
        try:
            return client.perform(get_metric_call(text)).data
        except NotFoundError:
            pass
    raise ConfigurationError(f"there is no metric {text!r}; eventkeep metrics lists them")


def metric_id(client: Client, text: str) -> str:
    """Return the id of a metric, for a filter. Raises ConfigurationError if there is none, or more than one."""
    try:
        return find_metric(client, text).metric.id
    except NotFoundError:
        # The hosted service has no route that finds a metric by its name, so all of them are read.
        pass
    with api_routes(client, "--metric"):
        try:
            found = client.metrics.named(text)
        except ArgumentError as exc:
            raise ConfigurationError(f"--metric: there is no metric {text!r} at {client.settings.base_url}") from exc
    if len(found) > 1:
        raise _several(text, found)
    return found[0].id


def find_profile(client: Client, text: str) -> Profile:
    """Return the profile of an identifier or an id. Raises ConfigurationError if there is none."""
    if _PROFILE_ID.fullmatch(text):
        try:
            return client.perform(get_profile_call(text)).data
        except NotFoundError:
            pass
    found = client.perform(list_profiles_call(identifier=(identifier_kind(text), text))).data.items
    if not found:
        raise ConfigurationError(f"there is no profile {text!r}; eventkeep profiles lists them")
    return found[0]


def profile_id(client: Client, text: str) -> str:
    """Return the id of a profile, for a filter. Raises ConfigurationError if there is none."""
    try:
        return find_profile(client, text).id
    except NotFoundError:
        # The hosted service has no route that finds a profile by any of its identifiers.
        pass
    if _PROFILE_ID.fullmatch(text):
        return text
    with api_routes(client, "--profile"):
        found = client.profiles.get_profiles(filter=Filter.equals(identifier_kind(text), text), fields_profile="email")
    if not len(found):
        raise ConfigurationError(f"--profile: there is no profile {text!r} at {client.settings.base_url}")
    return found[0].id


def identifier_kind(text: str) -> IdentifierKind:
    """The kind of identifier that a text looks like."""
    if "@" in text:
        return "email"
    return "phone_number" if text.startswith("+") else "external_id"


def _several(text: str, metrics: Sequence[Metric]) -> ConfigurationError:
    ids = ", ".join(f"{each.id} ({each.integration.get('name')})" for each in metrics)
    return ConfigurationError(f"there are {len(metrics)} metrics called {text!r}; choose one by its id: {ids}")


@contextmanager
def admin_routes(client: Client) -> Iterator[None]:
    """Explain a server that has none of eventkeep's own operations. Raises ConfigurationError."""
    try:
        yield
    except NotFoundError as exc:
        raise ConfigurationError(
            f"{client.settings.base_url} can't do this; it takes an eventkeep server to list and to count: {exc}"
        ) from exc


@contextmanager
def api_routes(client: Client, option: str) -> Iterator[None]:
    """Raise ConfigurationError if a server does not even have the routes of the API."""
    try:
        yield
    except NotFoundError as exc:
        raise ConfigurationError(f"{option}: {client.settings.base_url} is no server of this API: {exc}") from exc
