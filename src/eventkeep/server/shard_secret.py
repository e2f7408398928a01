"""The secret that all shards of a log share: ids of accounts and cursors stay the same when an account is moved."""

from __future__ import annotations

import time
from typing import Final

import httpx

from eventkeep.cluster.link import Link
from eventkeep.cluster.registry import Registry
from eventkeep.cluster.streams import stream_info, stream_names
from eventkeep.errors import ConfigurationError, LogError, LogUnreachable
from eventkeep.limits import CLUSTER_SILENT_SECONDS, CLUSTER_START_SECONDS_MAX
from eventkeep.server.node_settings import SECRET, SECRET_PATH, NodeSettings

RETRY_SECONDS: Final = 0.5


def secret_of_shards(settings: NodeSettings, link: Link) -> bytes:
    """The secret of shard 0, from one of its nodes. A node that begins the log of another shard needs it.

    All nodes may be started at once, so that shard 0 is waited for. Raises ConfigurationError if there is none in time,
    LogUnreachable if none of its nodes responds in time.
    """
    names = stream_names(settings.address.name)
    registry, deadline = Registry(link, names.bucket, names.key_subject), time.monotonic() + CLUSTER_START_SECONDS_MAX
    while link.run(stream_info(link, names.log)) is None:
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"the log {settings.address.name} has no shard 0: start a node of it, without ?shard="
            )
        time.sleep(RETRY_SECONDS)
    reasons: dict[str, str] = {}
    while time.monotonic() < deadline:
        try:
            nodes = [each.state for each in link.run(registry.nodes()) if each.age_seconds < CLUSTER_SILENT_SECONDS]
        except LogError as exc:
            nodes, reasons["NATS"] = [], str(exc)
        for state in nodes:
            try:
                response = httpx.get(
                    f"{state.url}{SECRET_PATH}",
                    headers={SECRET: settings.secret},
                    timeout=CLUSTER_SILENT_SECONDS,
                    trust_env=False,
                )
                response.raise_for_status()
            except httpx.HTTPError as exc:
                reasons[state.node] = str(exc)
                continue
            return response.content
        time.sleep(RETRY_SECONDS)
    told = "; ".join(f"{node}: {reason}" for node, reason in reasons.items()) or "none of them tells of itself"
    raise LogUnreachable(f"no node of shard 0 gives the secret of the shards: {told}")
