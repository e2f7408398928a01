"""The checks of ``eventkeep doctor`` for a node: the servers of NATS, the streams, the lease, and all nodes.

No clock of this machine is compared with another one: ages come from the servers of NATS, and whether a lease is
renewed and a node moves on is seen by looking twice.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import Final

import httpx

from eventkeep.cli.findings import Finding, fault, ok, warning
from eventkeep.cluster.address import ServerAddress
from eventkeep.cluster.lease import KEY, decode_holder
from eventkeep.cluster.link import Link
from eventkeep.cluster.member import Role
from eventkeep.cluster.registry import JOINING, Registry, SeenNode
from eventkeep.cluster.server_checks import REPLICAS, check_settings, read_settings
from eventkeep.cluster.streams import StreamInfo, stream_info, stream_names, wrong_setting
from eventkeep.config import ServeSettings
from eventkeep.errors import ConfigurationError, LogError
from eventkeep.limits import (
    CLUSTER_CONNECT_SECONDS_MAX,
    CLUSTER_LEASE_SECONDS,
    CLUSTER_SILENT_SECONDS,
    CLUSTER_TELL_SECONDS,
)
from eventkeep.server.node_settings import SECRET, SNAPSHOTS_PATH, NodeSettings, node_settings

COMMAND: Final = "eventkeep-doctor"
LAG_RECORDS: Final = 1_000
"""Records that a node may be behind without a warning."""
LOOK_SECONDS: Final = max(CLUSTER_LEASE_SECONDS, 2 * CLUSTER_TELL_SECONDS)
"""Seconds between the two looks at the lease and at the positions of nodes."""
NATS: Final = "start it, and see that clients and monitoring can be reached from here (?monitor=PORT in --log)"


def check_cluster(settings: ServeSettings) -> list[Finding]:
    """All findings about the cluster of a node; none for a server with a log of its own."""
    try:
        node = node_settings(settings)
    except ConfigurationError as exc:
        return [fault("cluster", str(exc), "correct the setting")]
    if node is None:
        return []
    findings = [check_server(server) for server in node.address.servers]
    try:
        with closing(Link(node.address, COMMAND)) as link:
            if not link.run(link.wait_connected(len(node.address.servers) * CLUSTER_CONNECT_SECONDS_MAX)):
                return [*findings, fault("cluster", "no server of NATS lets this program in", NATS)]
            return findings + check_log(link, node)
    except (ConfigurationError, LogError) as exc:
        return [*findings, fault("cluster", str(exc), NATS)]


def check_server(server: ServerAddress) -> Finding:
    """Whether a server of NATS can be reached, and whether records are safe with it."""
    check = f"nats {server.host}:{server.port}"
    try:
        settings = read_settings(server)
        check_settings(server, settings)
    except LogError as exc:
        return fault(check, str(exc), NATS)
    except ConfigurationError as exc:
        return fault(check, str(exc), "correct it, one server after the other")
    return ok(check, f"{settings.server_name}, version {settings.version}, syncs always")


def check_log(link: Link, node: NodeSettings) -> list[Finding]:
    """The streams, the lease and the nodes. Raises LogError."""
    names = stream_names(node.address.name, node.address.shard)
    streams = {name: link.run(stream_info(link, name)) for name in (names.log, names.parts, names.bucket, names.map)}
    findings = [check_stream(name, info) for name, info in streams.items()]
    if any(info is None for info in streams.values()):
        return findings
    registry = Registry(link, names.bucket, names.key_subject)
    lease_before = link.run(link.last_message(names.bucket, f"{names.key_subject}.{KEY}"))
    before = {each.state.node: each.state.position for each in link.run(registry.nodes())}
    time.sleep(LOOK_SECONDS)
    lease = link.run(link.last_message(names.bucket, f"{names.key_subject}.{KEY}"))
    nodes = link.run(registry.nodes())
    leader = "" if lease is None else decode_holder(lease.content).node
    is_renewed = lease is not None and (lease_before is None or lease_before.sequence != lease.sequence)
    findings.append(check_lease(leader, is_renewed))
    info = link.run(stream_info(link, names.log))
    last = 0 if info is None else info.state.last_seq
    findings += [check_node(each, before.get(each.state.node), last, node) for each in nodes]
    if not nodes:
        findings.append(warning("nodes", "no node has told of itself", "start eventkeep serve with the same --log"))
    return [*findings, *check_versions(nodes)]


def check_stream(name: str, info: StreamInfo | None) -> Finding:
    """The settings of a stream and the servers that hold it."""
    check = f"stream {name}"
    if info is None:
        return warning(check, "there is none yet", "the first node that starts makes it")
    if (wrong := wrong_setting(info)) is not None:
        setting, value, expected = wrong
        return fault(check, f"{setting} is {value!r}, expected {expected!r}", f"change it: nats stream edit {name}")
    found = f"messages {info.state.first_seq} to {info.state.last_seq}, {info.state.bytes / 1e6:,.1f} MB a server"
    if not info.cluster.leader:
        return fault(check, f"{found}; no server leads it", "start the servers of NATS: two of three have to run")
    absent = [each.name for each in info.cluster.replicas if each.offline]
    if absent or len(info.cluster.replicas) + 1 < REPLICAS:
        servers = ", ".join(absent) or f"{REPLICAS - len(info.cluster.replicas) - 1} of {REPLICAS}"
        return fault(check, f"{found}; without the server {servers}", "start it: another loss would stop all writes")
    behind = [f"{each.name} ({each.lag})" for each in info.cluster.replicas if not each.current]
    if behind:
        return warning(check, f"{found}; behind: {', '.join(behind)}", "wait, and look again")
    return ok(check, f"{found}, {info.cluster.leader} leads, all {REPLICAS} replicas are current")


def check_lease(leader: str, is_renewed: bool) -> Finding:
    """Whether a node leads."""
    advice = "start a node; its log says why it does not lead"
    if not leader:
        return fault("lease", "no node has it, so that nothing can be stored", advice)
    if not is_renewed:
        return fault("lease", f"{leader} had it, and does not renew it", advice)
    return ok("lease", f"{leader} leads, and renews it")


def check_node(seen: SeenNode, before: int | None, last: int, own: NodeSettings) -> Finding:
    """One node: heard of, following, near the end of the log (position ``last``), and reached with the secret."""
    state, check = seen.state, f"node {seen.state.node}"
    lag = max(last - state.position, 0)
    found = f"{state.role} at record {state.position} of {last}"
    if seen.age_seconds > CLUSTER_SILENT_SECONDS:
        age = f"silent for {seen.age_seconds:,.0f} s, last {found}"
        return fault(check, age, f"start it, or if it was taken away: eventkeep cluster leave {state.node}")
    if state.role == JOINING:
        return warning(check, f"joining: {state.note}", "wait until it is loaded")
    if state.role == Role.FAILED.value:
        return fault(check, f"{found}; it can't follow the log", "see its log, and start it again")
    if lag and before is not None and state.position <= before:
        return fault(check, f"{found}, and it does not move on", "see its log, its disk and its server of NATS")
    if (refusal := unreachable(state.url, own)) is not None:
        return fault(check, f"{found}; {refusal}", "correct --node-url, --node-secret or the network")
    if lag > LAG_RECORDS:
        return warning(check, f"{found}, {lag:,} behind", "wait; if it grows, its machine is too slow")
    return ok(check, f"{found}, at {state.url}")


def unreachable(url: str, own: NodeSettings) -> str | None:
    """Why the other nodes can't pass requests on to a node, as seen from here; None if they can."""
    try:
        response = httpx.get(
            f"{url}{SNAPSHOTS_PATH}", headers={SECRET: own.secret}, timeout=CLUSTER_CONNECT_SECONDS_MAX, trust_env=False
        )
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        return f"{url} can't be reached from here: {exc}"
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return f"{url} has another node secret"
    if not response.is_success:
        return f"{url} responds with {response.status_code}"
    return None


def check_versions(nodes: list[SeenNode]) -> list[Finding]:
    """A warning if nodes that run have different versions."""
    versions = sorted({each.state.version for each in nodes if each.age_seconds <= CLUSTER_SILENT_SECONDS})
    if len(versions) < 2:
        return []
    return [warning("versions", f"the nodes have {' and '.join(versions)}", "upgrade the older ones, node by node")]
