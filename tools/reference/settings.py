"""The page of the server's settings."""

from __future__ import annotations

from typing import Final

import msgspec

from eventkeep.cli.app import program
from eventkeep.cli.option_sources import options_of
from eventkeep.config import ENVIRONMENT_PREFIX, RATE_LIMITS, READERS, ServeSettings
from eventkeep.protocol.operations import OPERATIONS
from tools.reference.markdown import code, listed, page, table

INTRODUCTION: Final = """
The settings of `eventkeep serve`. A flag wins over the environment, the environment over the file
`eventkeep.toml`, and the file over the default. [Settings](../settings.md) explains the file.
"""
MORE: Final = {
    "data": "Created if it does not exist. One server at a time can use it. A relative path in the file is relative to "
    "the file's folder.",
    "host": "`0.0.0.0` listens on every IPv4 address of the machine. The server speaks HTTP without TLS.",
    "port": "A TCP port.",
    "rate_limits": "In the file it can also be a table with a line for each operation that differs from the hosted "
    'figures: `get_event = "350/s 3500/m"` or `get_event = "off"`. See [Rate limits](../rate-limits.md).',
    "log_level": "The lowest level that is logged. `debug` logs every request. Logs go to standard error.",
    "log_format": "`json` writes one JSON object on a line, for machines.",
    "public_url": "For a server behind a proxy: links in responses begin with this, with any host in the request.",
    "trust_forwarded": "Only if clients reach the server through a proxy alone: anyone can send these headers.",
    "default_revision": "The revision of requests without the header `revision`.",
    "connections_per_host": "An IPv6 address counts with its network of 64 bits. At the limit the connection "
    "that was idle for the longest time is closed. Raise it if a proxy opens more.",
    "fit_predictions_hours": "Only if `eventkeep[predictions]` is installed; see [Predictions](../predictions.md).",
    "controls": "The server is [a stand-in](../stand-in.md): requests under `/eventkeep/control/` move clocks, cause "
    "faults and more. Not for production.",
    "controls_key": "Needed to have controls on an address that others can reach. Requests to the controls bring it in "
    "the header `Eventkeep-Controls-Key`.",
    "seed": "TOML, JSON or YAML; an account that is not empty keeps its data. See [Seeds](../stand-in.md#seeds).",
    "repeatable_ids": "See [Repeatable ids](../stand-in.md#repeatable-ids).",
    "metrics_port": "On the same address as the server; see [Metrics](metrics.md).",
    "log_retention_bytes": "Records stay until they are older than `log_retention_hours` or the log is larger; 0 is no "
    "such limit. Without both they go as soon as both stores have them durably, and without room on the disk "
    "too. Not for the log of a cluster. See [Operating](../operating.md#the-log).",
    "log_retention_hours": "See [log_retention_bytes](#log_retention_bytes). Records go in whole files, so some stay "
    "longer.",
    "log_follower_bytes": "A follower that is further behind is left behind, with a warning. See "
    "[Operating](../operating.md#the-log). In a cluster, how large the log on the servers of NATS may be.",
    "log_follower_hours": "Only for a cluster: then a node that is silent holds no records back. See "
    "[Many machines](../cluster.md#joining).",
    "log": "For a cluster: servers of NATS, the name of the log, and options; see [Many machines](../cluster.md).",
    "node": "The same after a restart, also on another machine that takes its place.",
    "node_url": "Only for a cluster: the node that leads is sent the writes of the others there.",
    "node_secret": "Only for a cluster: the same for all nodes. Better in the environment than as a flag.",
}
"""Details that the help has no room for."""


def settings_page() -> str:
    """Every setting: flag, variable, key of the file, default, allowed values."""
    if MORE.keys() != READERS.keys():
        raise ValueError(f"MORE and the settings differ in {sorted(MORE.keys() ^ READERS.keys())}")
    options = options_of(program().commands["serve"])
    parts = [INTRODUCTION]
    for name in READERS:
        option = options[name]
        rows = [
            ("flag", listed((*option.opts, *option.secondary_opts))),
            ("variable", code(ENVIRONMENT_PREFIX + name.upper())),
            ("key in the file", code(name)),
            ("default", default(name, option.show_default)),
            ("may be", expected(name)),
        ]
        parts += [f"## {name}", f"{option.help} {MORE[name]}", table(("", ""), rows)]
    parts += [
        "## config",
        "The file of the settings. A named file must exist.",
        table(("", ""), [("flag", "`--config`"), ("variable", "`EVENTKEEP_CONFIG`"), ("default", "`eventkeep.toml`")]),
    ]
    return page("Settings of the server", *parts)


def default(name: str, shown: object) -> str:
    """The default as code, or the words of the help."""
    value = msgspec.structs.asdict(ServeSettings())[name]
    if value is None:
        return str(shown)
    return code(str(value).lower() if isinstance(value, bool) else value)


def expected(name: str) -> str:
    """The value that a reader says that it expects."""
    if name == "rate_limits":
        return f"{' or '.join(map(code, RATE_LIMITS))}; a table of {listed(sorted(OPERATIONS))}"
    try:
        READERS[name](object())
    except ValueError as exc:
        return str(exc)
    raise ValueError(f"{name} takes anything")
