"""Settings: their sources, their precedence, and the values that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventkeep.config import RateLimit, ServeSettings, load_serve_settings
from eventkeep.errors import ConfigurationError

OPERATIONS = ("create_event", "get_event")


def load(
    folder: Path,
    flags: dict[str, object] | None = None,
    environment: dict[str, str] | None = None,
    file: str | None = None,
) -> ServeSettings:
    if file is not None:
        (folder / "eventkeep.toml").write_text(file, encoding="utf-8")
    return load_serve_settings(flags or {}, environment or {}, OPERATIONS, folder)


def test_defaults_need_nothing(tmp_path: Path) -> None:
    assert load(tmp_path) == ServeSettings(
        data=Path("eventkeep-data"),
        host="127.0.0.1",
        port=8340,
        rate_limits="hosted",
        log_level="info",
        log_format="console",
        public_url=None,
        trust_forwarded=False,
        default_revision="2023-07-15",
        metrics_port=None,
    )


@pytest.mark.parametrize(
    ("flags", "environment", "file", "port"),
    [
        ({"port": 1}, {"EVENTKEEP_PORT": "2"}, "port = 3", 1),
        ({"port": None}, {"EVENTKEEP_PORT": "2"}, "port = 3", 2),
        ({}, {"EVENTKEEP_PORT": ""}, "port = 3", 3),
        ({}, {}, "", 8340),
        ({"port": "0"}, {"EVENTKEEP_PORT": "2"}, None, 0),
    ],
)
def test_flag_beats_environment_beats_file_beats_default(
    tmp_path: Path, flags: dict[str, object], environment: dict[str, str], file: str | None, port: int
) -> None:
    assert load(tmp_path, flags, environment, file).port == port


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("data", "here", Path("here")),
        ("host", "0.0.0.0", "0.0.0.0"),
        ("rate_limits", "off", "off"),
        ("log_level", "debug", "debug"),
        ("log_format", "json", "json"),
        ("public_url", "https://events.example.com/store/", "https://events.example.com/store"),
        ("trust_forwarded", "true", True),
        ("trust_forwarded", "0", False),
        ("default_revision", "2024-06-15", "2024-06-15"),
        ("metrics_port", "9100", 9100),
    ],
)
def test_every_option_can_stand_in_the_environment(tmp_path: Path, option: str, text: str, value: object) -> None:
    settings = load(tmp_path, environment={f"EVENTKEEP_{option.upper()}": text})
    assert getattr(settings, option) == value
    assert getattr(load(tmp_path, flags={option: text}), option) == value


def test_every_option_can_stand_in_the_file(tmp_path: Path) -> None:
    file = """
        data = "kept"
        host = "::1"
        port = 80
        log_level = "error"
        log_format = "json"
        public_url = "http://localhost:8340"
        trust_forwarded = true
        default_revision = 2024-02-15
        metrics_port = 0
        [rate_limits]
        create_event = "10/s 150/m"
        get_event = "off"
    """
    assert load(tmp_path, file=file) == ServeSettings(
        data=tmp_path / "kept",
        host="::1",
        port=80,
        rate_limits={"create_event": RateLimit(10, 150), "get_event": None},
        log_level="error",
        log_format="json",
        public_url="http://localhost:8340",
        trust_forwarded=True,
        default_revision="2024-02-15",
        metrics_port=0,
    )


def test_file_can_be_named_by_flag_or_environment(tmp_path: Path) -> None:
    (tmp_path / "eventkeep.toml").write_text("port = 1")
    (tmp_path / "two.toml").write_text("port = 2")
    (tmp_path / "three.toml").write_text("port = 3")
    by_environment = {"EVENTKEEP_CONFIG": "two.toml"}
    assert load(tmp_path).port == 1
    assert load(tmp_path, environment=by_environment).port == 2
    assert load(tmp_path, {"config": str(tmp_path / "three.toml")}, by_environment).port == 3


def test_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--config: there is no file .*nowhere\.toml"):
        load(tmp_path, {"config": "nowhere.toml"})


REFUSED = [
    ({"port": "eighty"}, {}, None, "--port: expected a whole number from 0 to 65535, got 'eighty'"),
    ({"port": "65536"}, {}, None, "--port: expected a whole number from 0 to 65535"),
    ({"log_level": "loud"}, {}, None, "--log-level: expected one of debug, info, warning, error, got 'loud'"),
    ({"colour": "red"}, {}, None, "--colour: there is no such option; there is data, host, port"),
    ({}, {"EVENTKEEP_RATE_LIMITS": "some"}, None, "EVENTKEEP_RATE_LIMITS: expected one of hosted, off"),
    ({}, {"EVENTKEEP_PORT": "tcp://10.0.0.1:8340"}, None, "enableServiceLinks"),
    ({}, {"EVENTKEEP_TRUST_FORWARDED": "perhaps"}, None, "expected true or false, got 'perhaps'"),
    ({}, {"EVENTKEEP_DEFAULT_REVISION": "2024-6-15"}, None, "expected a revision such as 2024-06-15"),
    ({}, {"EVENTKEEP_DEFAULT_REVISION": "2024-02-31"}, None, "a day that exists"),
    ({}, {"EVENTKEEP_PUBLIC_URL": "events.example.com"}, None, "expected a URL such as"),
    ({}, {"EVENTKEEP_PUBLIC_URL": "https://me@example.com"}, None, "expected a URL such as"),
    ({}, {"EVENTKEEP_PUBLIC_URL": "https://[::1"}, None, "expected a URL such as"),
    ({}, {}, "colour = 'red'", r"eventkeep\.toml: there is no option 'colour'; there is data, host"),
    ({}, {}, "port = true", r"eventkeep\.toml: port: expected a whole number"),
    ({}, {}, "port = 80.5", r"eventkeep\.toml: port: expected a whole number"),
    ({}, {}, "host = ''", r"eventkeep\.toml: host: expected text"),
    ({}, {}, "data = 5", r"eventkeep\.toml: data: expected a path"),
    ({}, {}, "port = 1 2", r"eventkeep\.toml is not TOML: .*line 1"),
    ({}, {}, "[rate_limits]\nget_evnt = 'off'", "rate_limits: there is no operation 'get_evnt'; there is create_event"),
    ({}, {}, "[rate_limits]\nget_event = '10/s'", r"rate_limits\.get_event: expected 'off' or text like"),
    ({}, {}, "[rate_limits]\nget_event = '0/s 10/m'", "both above 0, got '0/s 10/m'"),
    ({}, {}, "[rate_limits]\nget_event = 10", "got '10'"),
]


@pytest.mark.parametrize(("flags", "environment", "file", "told"), REFUSED)
def test_invalid_values_are_refused_with_their_place(
    tmp_path: Path, flags: dict[str, object], environment: dict[str, str], file: str | None, told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load(tmp_path, flags, environment, file)


def test_wrong_value_that_is_overruled_is_refused_no_less_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no option 'colour'"):
        load(tmp_path, {"port": 1}, {}, "colour = 'red'")
