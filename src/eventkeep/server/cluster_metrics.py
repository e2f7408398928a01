"""The metrics of a node of a cluster."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from eventkeep.server.node import Node


def cluster_metrics(node: Node) -> Iterator[Metric]:
    """All of them, as they are now."""
    member, log, lease = node.member, node.log, node.lease
    appends = log.append_counts
    for name, text, value in (
        ("leading", "1 while this node leads, 0 otherwise.", float(member.is_leading)),
        ("position", "The position that this node has applied.", node.position),
        ("lag_records", "Records that are known to this node and not applied.", log.lag),
        ("staleness_seconds", "Seconds since this node had applied all that it knew of.", member.staleness_seconds),
        ("lease_age_seconds", "Seconds since this node saw the lease renewed.", lease.age_seconds),
        (
            "joined_position",
            "The position of the snapshot that this node has loaded at its start, 0 for none.",
            node.joined,
        ),
        ("epoch", "The number of the leader that appended the last record.", log.epoch),
    ):
        yield GaugeMetricFamily(f"eventkeep_cluster_{name}", text, value)
    for name, text, value in (
        ("elections", "How often this node began to lead.", member.elections),
        ("connects", "Connections made to servers of NATS.", log.link.connects),
        ("appends", "Records that this node appended.", appends.kept),
        ("appends_failed", "Appends that were not kept, as far as is known.", appends.failed),
        ("append_seconds", "Seconds spent in appends.", appends.seconds),
    ):
        yield CounterMetricFamily(f"eventkeep_cluster_{name}", text, value=value)
