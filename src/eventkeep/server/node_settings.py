"""The settings of a server that is a node of a cluster, and the names that nodes use among themselves."""

from __future__ import annotations

import socket
from typing import Final

import msgspec

from eventkeep.cluster.address import LogAddress, parse_log_address
from eventkeep.config import LOG_FOLLOWER_BYTES, LOG_FOLLOWER_HOURS, ServeSettings, server_url
from eventkeep.errors import ConfigurationError

NAME_CHARACTERS_MAX: Final = 64
PREFIX: Final = "/cluster/"
"""The beginning of the paths that only nodes ask for."""
CONTROL_PATH: Final = f"{PREFIX}control"
MOVES_PATH: Final = f"{PREFIX}moves"
SECRET_PATH: Final = f"{PREFIX}secret"
SNAPSHOTS_PATH: Final = f"{PREFIX}snapshots"
SECRET: Final = "eventkeep-node-secret"
"""The header with the secret that the nodes share."""
POSITION: Final = "eventkeep-position"
"""The header with the position that a node had applied, or that a client has seen."""


class NodeSettings(msgspec.Struct, frozen=True):
    """The settings that make a server a node.

    The log keeps at most ``follower_bytes`` for nodes that are behind, and none for a node that told nothing of itself
    for ``follower_hours``.
    """

    address: LogAddress
    name: str
    url: str
    secret: str
    follower_bytes: int = LOG_FOLLOWER_BYTES
    follower_hours: int = LOG_FOLLOWER_HOURS


def node_settings(settings: ServeSettings) -> NodeSettings | None:
    """The node's settings, None for a server with a log of its own. Raises ConfigurationError if one is missing."""
    if settings.log is None:
        return None
    if settings.node_secret is None:
        raise ConfigurationError(
            "a replicated log needs --node-secret (better: EVENTKEEP_NODE_SECRET), the same for all nodes, such as "
            "the output of: openssl rand -hex 32"
        )
    name = settings.node or "".join(
        letter if letter.isascii() and letter.isalnum() else "-" for letter in socket.gethostname()
    )
    return NodeSettings(
        address=parse_log_address(settings.log),
        name=name[:NAME_CHARACTERS_MAX],
        url=settings.node_url or server_url(settings.host, settings.port),
        secret=settings.node_secret,
        follower_bytes=settings.log_follower_bytes,
        follower_hours=settings.log_follower_hours,
    )
