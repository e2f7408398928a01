from __future__ import annotations

from typing import Any

import pytest

from eventkeep.client.batch_settings import BatchSettings
from eventkeep.client.settings import client_settings
from eventkeep.errors import ConfigurationError
from eventkeep.protocol.revisions import REVISIONS

KEY = "pk_test"


def test_defaults_are_a_server_on_this_machine() -> None:
    settings = client_settings(KEY, environment={})
    assert (settings.base_url, settings.revision_date, settings.revision.date) == (
        "http://127.0.0.1:8340",
        "2024-06-15",
        "2024-06-15",
    )
    assert settings.headers["Authorization"] == "Klaviyo-API-Key pk_test"
    assert settings.headers["revision"] == "2024-06-15"


def test_environment_is_used_without_an_argument() -> None:
    environment = {
        "EVENTKEEP_API_KEY": "pk_environment",
        "EVENTKEEP_URL": "https://events.shop.example/base/",
        "EVENTKEEP_REVISION": "2026-07-15",
    }
    settings = client_settings(environment=environment)
    assert (settings.api_key, settings.base_url) == ("pk_environment", "https://events.shop.example/base")
    assert settings.headers["Accept"] == "application/vnd.api+json"
    assert client_settings(KEY, environment=environment).api_key == KEY


def test_revision_newer_than_the_client_is_sent_as_it_is() -> None:
    settings = client_settings(KEY, revision="2031-01-15", environment={})
    assert (settings.headers["revision"], settings.revision) == ("2031-01-15", REVISIONS[-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "api_key: expected an API key, got none; give it as an argument or as EVENTKEEP_API_KEY"),
        ({"api_key": "pk_ \n"}, "api_key: expected at most 200 visible ASCII characters"),
        ({"api_key": KEY, "base_url": "127.0.0.1:8340"}, "base_url: expected a URL such as http"),
        ({"api_key": KEY, "base_url": "ftp://127.0.0.1"}, "base_url: expected a URL such as http"),
        ({"api_key": KEY, "base_url": "http://[::"}, "base_url: expected a URL such as http"),
        ({"api_key": KEY, "base_url": "http://a/?b=c"}, "without query and fragment"),
        ({"api_key": KEY, "revision": "yesterday"}, "revision: Invalid revision provided"),
        ({"api_key": KEY, "timeout": 0}, "timeout: expected seconds above 0, got '0'"),
        ({"api_key": KEY, "timeout": "10"}, "timeout: expected seconds above 0, got '10'"),
        ({"api_key": KEY, "timeout": float("nan")}, "timeout: expected seconds above 0, got 'nan'"),
        ({"api_key": KEY, "max_retries": 1.5}, "max_retries: expected a number of retries, 0 for none, got '1.5'"),
        ({"api_key": KEY, "max_retries": -1}, "max_retries: expected a number of retries, 0 for none"),
        ({"api_key": KEY, "retry_seconds_max": -1}, "retry_seconds_max: expected seconds above 0"),
    ],
)
def test_setting_that_can_not_be_used_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        client_settings(**arguments, environment={})


def test_key_is_not_repeated_in_a_message() -> None:
    with pytest.raises(ConfigurationError) as raised:
        client_settings("pk_secret ", environment={})
    assert "secret" not in str(raised.value)


def batch_settings(**changes: Any) -> BatchSettings:
    values: dict[str, Any] = {
        "on_refused": None,
        "spool": None,
        "when_full": "block",
        "buffer_events_max": 1,
        "buffer_bytes_max": 1,
        "delay_seconds": 0.0,
        "requests_at_once": 1,
        "give_up_seconds": 1.0,
        "close_seconds_max": 0.0,
        "flush_on_sigterm": True,
    }
    return BatchSettings(**values | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"when_full": "drop"}, "when_full: expected 'block' or 'refuse', got 'drop'"),
        ({"buffer_events_max": 0}, "buffer_events_max: expected 1 or more, got 0"),
        ({"buffer_bytes_max": "all"}, "buffer_bytes_max: expected 1 or more, got 'all'"),
        ({"on_refused": "print"}, "on_refused: expected a function, got 'print'"),
        ({"delay_seconds": -1}, "delay_seconds: expected 0 or more, got -1"),
        ({"requests_at_once": 65}, "requests_at_once: expected at most 64, got 65"),
    ],
)
def test_setting_of_a_batch_that_can_not_be_used_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        batch_settings(**changes).check(REVISIONS[-1])


def test_batch_needs_a_revision_with_the_bulk_operation() -> None:
    revisions = [revision.date for revision in REVISIONS]
    batch_settings().check(REVISIONS[revisions.index("2024-05-15")])
    with pytest.raises(ConfigurationError, match="exists from 2024-05-15 on, not in 2024-02-15"):
        batch_settings().check(REVISIONS[revisions.index("2024-02-15")])
