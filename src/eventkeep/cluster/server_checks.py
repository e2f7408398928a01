"""The settings of the servers of NATS that the promises rest on, read from their monitoring.

By default a server of NATS syncs its files every two minutes: a power cut of the three servers then loses acknowledged
events, and the stream. A client can't see this setting in its connection, only in the server's monitoring.
"""

from __future__ import annotations

import urllib.request
from typing import Final

import msgspec

from eventkeep.cluster.address import LogAddress, ServerAddress
from eventkeep.errors import ConfigurationError, LogUnreachable
from eventkeep.limits import CLUSTER_MONITOR_BYTES_MAX, CLUSTER_MONITOR_SECONDS_MAX

VERSION_MIN: Final = (2, 12, 3)
REPLICAS: Final = 3


class StorageSettings(msgspec.Struct, frozen=True):
    """How JetStream stores."""

    sync_always: bool = False


class JetStreamSettings(msgspec.Struct, frozen=True):
    """The part of a server's settings about JetStream; ``config`` is None if it is off."""

    config: StorageSettings | None = None


class ServerSettings(msgspec.Struct, frozen=True):
    """The settings that a server's monitoring shows under /varz, as far as they matter here."""

    server_name: str = ""
    version: str = ""
    jetstream: JetStreamSettings = JetStreamSettings()


def read_settings(server: ServerAddress) -> ServerSettings:
    """Read a server's settings. Raises LogUnreachable if its monitoring can't be reached."""
    url = f"{server.monitor_url}/varz"
    try:
        with urllib.request.urlopen(url, timeout=CLUSTER_MONITOR_SECONDS_MAX) as response:
            return msgspec.json.decode(response.read(CLUSTER_MONITOR_BYTES_MAX), type=ServerSettings)
    except (OSError, ValueError, msgspec.MsgspecError) as exc:
        raise LogUnreachable(f"the monitoring of a server of NATS at {url} can't be read: {exc}") from exc


def check_settings(server: ServerAddress, settings: ServerSettings) -> None:
    """Raises ConfigurationError, with advice, if records are not safe with this server.

    Raises LogUnreachable if it stores nothing.
    """
    name = f"the server of NATS {settings.server_name or server.client_url}"
    if version_of(settings.version) < VERSION_MIN:
        needed = ".".join(map(str, VERSION_MIN))
        raise ConfigurationError(f"{name} has version {settings.version}: upgrade it to {needed} or newer")
    if settings.jetstream.config is None:
        # It stores nothing; while a server starts it tells the same.
        raise LogUnreachable(f"{name} has no JetStream: is there 'jetstream {{ … }}' in its configuration?")
    if not settings.jetstream.config.sync_always:
        raise ConfigurationError(
            f"{name} does not sync its records at once, so that a power cut would lose events: set "
            "'sync_interval: always' in the part 'jetstream' of its configuration and restart it"
        )


def check_servers(address: LogAddress) -> list[ServerSettings]:
    """Check every server that can be reached and return their settings.

    Raises ConfigurationError if one of them is not safe, LogUnreachable if more than half can't be reached.
    """
    checked: list[ServerSettings] = []
    silent: list[str] = []
    for server in address.servers:
        try:
            settings = read_settings(server)
            check_settings(server, settings)
        except LogUnreachable as exc:
            silent.append(str(exc))
            continue
        checked.append(settings)
    if len(checked) <= len(address.servers) // 2:
        raise LogUnreachable(
            f"only {len(checked)} of {len(address.servers)} servers of NATS show that they are safe. Start them with "
            f"'http: HOST:8222' in their configuration, or name the port with ?monitor=PORT: {'; '.join(silent)}"
        )
    return checked


def version_of(text: str) -> tuple[int, ...]:
    """``2.12.3-beta.1`` -> ``(2, 12, 3)``; () if it is no version."""
    numbers = text.partition("-")[0].split(".")
    return tuple(int(number) for number in numbers) if all(number.isdigit() for number in numbers) else ()
