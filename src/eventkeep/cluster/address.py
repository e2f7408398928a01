"""The address of a replicated log: ``nats://host:port,…/name?option=value``, or of one of its shards."""

from __future__ import annotations

import re
import ssl
from typing import Final
from urllib.parse import parse_qsl, unquote

import msgspec

from eventkeep.errors import ConfigurationError
from eventkeep.limits import SHARDS_MAX

CLIENT_PORT: Final = 4222
MONITOR_PORT: Final = 8222
PORT_MAX: Final = 65_535
DEFAULT_NAME: Final = "eventkeep"
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
ADDRESS: Final = re.compile(
    r"(?P<scheme>nats|tls)://(?:(?P<user>[^:@/?]+)(?::(?P<password>[^@/?]*))?@)?(?P<servers>[^/?@]+)"
    r"(?:/(?P<name>[^/?]*))?(?:\?(?P<options>.*))?"
)
SERVER: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>\d{1,5}))?")
OF_A_SHARD: Final = re.compile(r".*-(shard-\d+|map)")
"""Names that would give a log the streams of another one's shard."""
OPTIONS: Final = ("monitor", "shard", "ca", "cert", "key")
EXPECTED: Final = "expected an address like nats://a:4222,b:4222,c:4222/eventkeep?monitor=8222"


class ServerAddress(msgspec.Struct, frozen=True):
    """One server of NATS: the address for clients, and the port of its monitoring."""

    host: str
    port: int
    monitor_port: int

    @property
    def client_url(self) -> str:
        return f"nats://{self.host}:{self.port}"

    @property
    def monitor_url(self) -> str:
        return f"http://{self.host}:{self.monitor_port}"


class LogAddress(msgspec.Struct, frozen=True):
    """The servers of a replicated log, the name of the log there, and how to be let in."""

    servers: tuple[ServerAddress, ...]
    name: str = DEFAULT_NAME
    user: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    shard: int = 0

    def tls_context(self) -> ssl.SSLContext | None:
        """The context of TLS connections, None without TLS. Raises ConfigurationError if a file can't be used."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
        except OSError as exc:
            raise ConfigurationError(f"the certificates of the log's address can't be used: {exc}") from exc
        return context


def parse_log_address(text: str) -> LogAddress:
    """Parse the address of a replicated log. Raises ConfigurationError that names the fault.

    Options are ``monitor`` (the port of the monitoring of all servers, or one for each, separated by commas), ``shard``
    (a number, 0 if it is not given), and with ``tls://`` also ``ca``, ``cert`` and ``key``, paths of PEM files.
    """
    match = ADDRESS.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"{EXPECTED}, got {without_password(text)!r}")
    options = dict(parse_qsl(match["options"] or "", keep_blank_values=True))
    if unknown := sorted(options.keys() - set(OPTIONS)):
        raise ConfigurationError(f"the log's address has no option {unknown[0]!r}; there is {', '.join(OPTIONS)}")
    name = match["name"] or DEFAULT_NAME
    if NAME.fullmatch(name) is None:
        raise ConfigurationError(f"the name of a log has up to 32 letters, digits, - and _, got {name!r}")
    if OF_A_SHARD.fullmatch(name):
        raise ConfigurationError(f"the name of a log does not end like that of a shard, got {name!r}: add ?shard=1")
    return LogAddress(
        parse_servers(match["servers"].split(","), options.get("monitor", str(MONITOR_PORT)).split(",")),
        name,
        None if match["user"] is None else unquote(match["user"]),
        None if match["password"] is None else unquote(match["password"]),
        match["scheme"] == "tls",
        options.get("ca"),
        options.get("cert"),
        options.get("key"),
        parse_shard(options.get("shard", "0")),
    )


def parse_shard(text: str) -> int:
    """The number of a shard. Raises ConfigurationError."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(SHARDS_MAX)) and int(text) < SHARDS_MAX):
        raise ConfigurationError(f"expected the number of a shard, from 0 to {SHARDS_MAX - 1}, got {text!r}")
    return int(text)


def parse_servers(texts: list[str], monitors: list[str]) -> tuple[ServerAddress, ...]:
    """Parse the servers with the ports of their monitoring. Raises ConfigurationError."""
    if len(monitors) == 1:
        monitors *= len(texts)
    if len(monitors) != len(texts):
        raise ConfigurationError(f"monitor: expected one port, or one for each of the {len(texts)} servers")
    servers: list[ServerAddress] = []
    for text, monitor in zip(texts, monitors, strict=True):
        match = SERVER.fullmatch(text.strip())
        if match is None:
            raise ConfigurationError(f"{EXPECTED}, got the server {text!r}")
        servers.append(ServerAddress(match["host"], parse_port(match["port"] or str(CLIENT_PORT)), parse_port(monitor)))
    return tuple(servers)


def parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= PORT_MAX):
        raise ConfigurationError(f"expected a port from 1 to {PORT_MAX}, got {text!r}")
    return int(text)


def without_password(text: str) -> str:
    """The address as it may be shown."""
    return re.sub(r"(://[^:@/?]+):[^@/?]*@", r"\1:…@", text)
