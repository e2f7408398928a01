"""Settings: a flag, or else the environment, or else the file ``eventkeep.toml``, or else the default.

An option ``log_level`` is the flag ``--log-level``, the variable
``EVENTKEEP_LOG_LEVEL`` and the key ``log_level`` at the top of the file. The file is
``eventkeep.toml`` in the current folder, or the one that ``--config`` or
``EVENTKEEP_CONFIG`` names, which must exist. A key at the top applies to
every command that has the option; a key in the table of a command applies to that
command alone. Rate limits of single operations are a table too::

    url = "http://127.0.0.1:8340"
    port = 8340

    [rate_limits]
    create_event = "350/s 3500/m"
    get_event = "off"

    [import]
    concurrency = 8

This module reads the file, and knows the options of ``serve``; the command line has
those of the other commands (``eventkeep.cli.option_sources``).
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from eventkeep.errors import ConfigurationError
from eventkeep.limits import (
    CONNECTIONS_MAX,
    CONNECTIONS_PER_HOST_MAX,
    ECHO_CHARACTERS_MAX,
    PREDICTIONS_FIT_HOURS,
    PREDICTIONS_FIT_HOURS_MAX,
)

FILE_NAME: Final = "eventkeep.toml"
SERVE_TABLE: Final = "serve"
ENVIRONMENT_PREFIX: Final = "EVENTKEEP_"
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
LOG_FORMATS: Final = ("console", "json")
RATE_LIMITS: Final = ("hosted", "off")
RATE_LIMIT: Final = re.compile(r"(\d{1,9})/s +(\d{1,9})/m")
PORT_MAX: Final = 65_535
SECRET_CHARACTERS_MIN: Final = 16
LOG_BYTES_MAX: Final = 10**15
"""The greatest size of the log that a setting can ask for."""
LOG_HOURS_MAX: Final = 876_000
"""The greatest age of records that a setting can ask for: a hundred years."""
LOG_FOLLOWER_BYTES: Final = 1_000_000_000
"""The default of how many bytes of log are kept for followers."""
LOG_FOLLOWER_HOURS: Final = 24
"""The default of how many hours the log is kept for a node of a cluster that tells nothing of itself."""


class RateLimit(msgspec.Struct, frozen=True):
    """Calls allowed in each second (``burst``) and in each minute (``steady``)."""

    burst: int
    steady: int


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of ``eventkeep serve``.

    ``rate_limits`` is ``hosted`` (the hosted service's figures), ``off``, or the
    differences from the hosted figures by operation, None for no limit. ``public_url`` has
    no slash at its end; None takes the request's. Port 0 lets the system choose;
    ``metrics_port`` None opens none. ``log`` is the address of a replicated log, None for one in the folder; the name
    ``node``, the URL at which the other nodes reach this one, and the secret that they share are for a replicated log.
    ``log_retention_bytes`` and ``log_retention_hours`` 0 set no such limit; see `eventkeep.log.retention.Retention`.
    ``log_follower_hours`` is for the nodes of a cluster.
    ``fit_predictions_hours`` 0 fits none.
    ``controls`` opens the routes that control a stand-in, to requests that bring ``controls_key`` if there is one;
    ``seed`` is a file of accounts for it, and ``repeatable_ids`` makes it give the same ids in every run.
    """

    data: Path = Path("eventkeep-data")
    host: str = "127.0.0.1"
    port: int = 8340
    rate_limits: str | dict[str, RateLimit | None] = "hosted"
    log_level: str = "info"
    log_format: str = "console"
    public_url: str | None = None
    trust_forwarded: bool = False
    default_revision: str = "2023-07-15"
    metrics_port: int | None = None
    log_retention_bytes: int = 0
    log_retention_hours: int = 0
    log_follower_bytes: int = LOG_FOLLOWER_BYTES
    log_follower_hours: int = LOG_FOLLOWER_HOURS
    log: str | None = None
    node: str | None = None
    node_url: str | None = None
    node_secret: str | None = None
    connections_per_host: int = CONNECTIONS_PER_HOST_MAX
    fit_predictions_hours: int = PREDICTIONS_FIT_HOURS
    controls: bool = False
    controls_key: str | None = None
    seed: Path | None = None
    repeatable_ids: int | None = None


def server_url(host: str, port: int) -> str:
    """The URL of a server at an address of this machine."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class SettingsFile(msgspec.Struct, frozen=True):
    """The content of a file of settings; messages name it by ``path``."""

    path: Path
    content: Mapping[str, Any]


def load_serve_settings(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    operations: Collection[str],
    folder: Path | None = None,
    others: Collection[str] = (),
) -> ServeSettings:
    """The settings from flags, environment and file.

    ``flags`` holds options by their names, None if a flag was not given; ``config``
    may be among them. ``operations`` are the names that a table of rate limits may hold.
    ``folder`` is the current one. ``others`` are the keys and tables that the file may
    hold for other commands. Raises ConfigurationError that names the place.
    """
    chosen = {name: ("--" + name.replace("_", "-"), value) for name, value in flags.items() if value is not None}
    for name in ("config", *READERS):
        variable = ENVIRONMENT_PREFIX + name.upper()
        if name not in chosen and environment.get(variable):
            chosen[name] = (variable, environment[variable])
    file = read_file(chosen.pop("config", None), folder or Path())
    in_file = {} if file is None else serve_options(file, others)
    settings: dict[str, Any] = {
        name: read_option(name, place, value, operations) for name, (place, value) in {**in_file, **chosen}.items()
    }
    made = ServeSettings(**settings)
    check_controls(made)
    return made


def check_controls(settings: ServeSettings) -> None:
    """Raises ConfigurationError if the settings would let strangers control the server, or a cluster."""
    if not settings.controls:
        if settings.seed is not None:
            raise ConfigurationError("--seed: only a server with --controls loads a seed.")
        if settings.repeatable_ids is not None:
            raise ConfigurationError("--repeatable-ids: only the ids of a server with --controls can be foretold.")
        return
    if settings.log is not None:
        raise ConfigurationError("--controls: a node of a cluster can't be controlled; leave out --log.")
    try:
        is_local = settings.host == "localhost" or ip_address(settings.host).is_loopback
    except ValueError:
        is_local = False
    if not is_local and settings.controls_key is None:
        raise ConfigurationError(
            f"--controls: {settings.host} can be reached from elsewhere, so the controls need a --controls-key."
        )


def read_file(named: tuple[str, object] | None, folder: Path) -> SettingsFile | None:
    """The file of settings; None if no file was named and the default one does not exist.

    ``named`` is the path as it was given, with the place of the setting. Raises ConfigurationError.
    """
    path = folder / (FILE_NAME if named is None else str(named[1]))
    try:
        return SettingsFile(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        if named is None:
            return None
        raise ConfigurationError(f"{named[0]}: there is no file {path}.") from None
    except OSError as exc:
        raise ConfigurationError(f"{path} can't be read: {exc.strerror}.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path} is not TOML: {exc}.") from exc


def serve_options(file: SettingsFile, others: Collection[str]) -> dict[str, tuple[str, object]]:
    """The options of ``serve`` in the file, each with its place; its own table wins over the top."""
    found: dict[str, tuple[str, object]] = {}
    own = file.content.get(SERVE_TABLE, {})
    if not isinstance(own, Mapping):
        raise ConfigurationError(f"{file.path}: {SERVE_TABLE}: expected a table, [{SERVE_TABLE}].")
    for table, content in (("", file.content), (f"{SERVE_TABLE}.", own)):
        allowed = {*READERS, *others, SERVE_TABLE} if not table else READERS.keys()
        unknown = sorted(content.keys() - allowed)
        if unknown:
            raise ConfigurationError(
                f"{file.path}: there is no option {table + unknown[0]!r}; there is {', '.join(READERS)}."
            )
        for name in READERS.keys() & content.keys():
            value = content[name]
            if name in ("data", "seed") and isinstance(value, str):
                # A path in a file does not depend on the folder in which the program is started.
                value = file.path.parent / value
            found[name] = (f"{file.path}: {table}{name}", value)
    return found


def read_option(name: str, place: str, value: object, operations: Collection[str]) -> object:
    """The option's value, from any of its sources. Raises ConfigurationError."""
    if name not in READERS:
        raise ConfigurationError(f"{place}: there is no such option; there is {', '.join(READERS)}.")
    if name == "rate_limits" and isinstance(value, Mapping):
        return {operation: read_rate_limit(place, operation, text, operations) for operation, text in value.items()}
    try:
        return READERS[name](value)
    except ValueError as exc:
        hint = ""
        if isinstance(value, str) and value.startswith("tcp://"):
            # Kubernetes sets EVENTKEEP_PORT in every pod beside a service called eventkeep.
            hint = " Kubernetes sets this for a service called 'eventkeep': set enableServiceLinks to false."
        raise ConfigurationError(f"{place}: expected {exc}, got {str(value)[:ECHO_CHARACTERS_MAX]!r}.{hint}") from exc


def read_rate_limit(place: str, operation: str, text: object, operations: Collection[str]) -> RateLimit | None:
    """One line of the table of rate limits; None for ``off``. Raises ConfigurationError."""
    if operation not in operations:
        raise ConfigurationError(
            f"{place}: there is no operation {operation!r}; there is {', '.join(sorted(operations))}."
        )
    if text == "off":
        return None
    match = RATE_LIMIT.fullmatch(text) if isinstance(text, str) else None
    if match is None or 0 in (burst := int(match[1]), steady := int(match[2])):
        raise ConfigurationError(
            f"{place}.{operation}: expected 'off' or text like '350/s 3500/m', both above 0, "
            f"got {str(text)[:ECHO_CHARACTERS_MAX]!r}."
        )
    return RateLimit(burst, steady)


def path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("a path")
    return Path(value)


def text(value: object) -> str:
    if not isinstance(value, str) or not value or value != value.strip():
        raise ValueError("text without spaces around it")
    return value


def whole_number(least: int, greatest: int) -> Callable[[object], int]:
    """Reads whole numbers from ``least`` to ``greatest``, also written as text."""

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"\d{1,16}", value, re.ASCII):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= greatest:
            raise ValueError(f"a whole number from {least} to {greatest}")
        return value

    return read


def one_of(*allowed: str) -> Callable[[object], str]:
    """Reads one of the given words."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value

    return read


def truth(value: object) -> bool:
    """True or false, as text in the environment too."""
    if isinstance(value, str):
        value = {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def revision_date(value: object) -> str:
    # A date without quotes is a date to TOML already.
    written = value.isoformat() if isinstance(value, datetime.date) else value
    if not isinstance(written, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", written, re.ASCII):
        raise ValueError("a revision such as 2024-06-15")
    try:
        datetime.date.fromisoformat(written)
    except ValueError:
        raise ValueError("a revision such as 2024-06-15, a day that exists") from None
    return written


def base_url(value: object) -> str:
    """An absolute URL of http or https, without a slash at its end."""
    wanted = "a URL such as https://events.example.com, without query and fragment"
    if (
        not isinstance(value, str)
        or not value.isascii()
        or not value.isprintable()
        or {"?", "#", "@", " "} & set(value)
    ):
        raise ValueError(wanted)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(wanted)
    return value.rstrip("/")


def log_address(value: object) -> str:
    """The address of a replicated log; `eventkeep.cluster.address` says more about its form."""
    if not isinstance(value, str) or not value.startswith(("nats://", "tls://")):
        raise ValueError("an address like nats://a:4222,b:4222,c:4222/eventkeep")
    return value


def node_name(value: object) -> str:
    if not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) is None:
        raise ValueError("up to 64 letters, digits, - and _")
    return value


def secret(value: object) -> str:
    if not isinstance(value, str) or len(value) < SECRET_CHARACTERS_MIN or not value.isascii() or " " in value:
        raise ValueError(f"at least {SECRET_CHARACTERS_MIN} characters of ASCII without spaces")
    return value


REPEATABLE_IDS_MAX: Final = 10**15
"""The greatest number from which repeatable ids are made."""
READERS: Final[Mapping[str, Callable[[object], Any]]] = {
    "data": path,
    "host": text,
    "port": whole_number(0, PORT_MAX),
    "rate_limits": one_of(*RATE_LIMITS),
    "log_level": one_of(*LOG_LEVELS),
    "log_format": one_of(*LOG_FORMATS),
    "public_url": base_url,
    "trust_forwarded": truth,
    "default_revision": revision_date,
    "metrics_port": whole_number(0, PORT_MAX),
    "log_retention_bytes": whole_number(0, LOG_BYTES_MAX),
    "log_retention_hours": whole_number(0, LOG_HOURS_MAX),
    "log_follower_bytes": whole_number(0, LOG_BYTES_MAX),
    "log_follower_hours": whole_number(1, LOG_HOURS_MAX),
    "log": log_address,
    "node": node_name,
    "node_url": base_url,
    "node_secret": secret,
    "connections_per_host": whole_number(1, CONNECTIONS_MAX),
    "fit_predictions_hours": whole_number(0, PREDICTIONS_FIT_HOURS_MAX),
    "controls": truth,
    "controls_key": secret,
    "seed": path,
    "repeatable_ids": whole_number(0, REPEATABLE_IDS_MAX),
}
"""Every option with its reader; a reader raises ValueError that names the expected value."""
