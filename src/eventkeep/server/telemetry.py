"""What the server counts, as Prometheus reads it.

Requests are counted as they are answered. What the committer and the stores know
already is read when a scrape asks, so that it costs the hot path nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from eventkeep.errors import ConfigurationError
from eventkeep.server.services import Services

LATENCY_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry:
    """The metrics of one server, in a registry of its own."""

    def __init__(self, services: Services) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "eventkeep_requests", "Requests answered.", ("operation", "status"), registry=self.registry
        )
        self._latency = Histogram(
            "eventkeep_request_seconds",
            "Seconds from a request's headers to its answer.",
            ("operation",),
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.registry.register(StoresCollector(services))

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(operation, str(status)).inc()
        self._latency.labels(operation).observe(seconds)

    def serve(self, host: str, port: int) -> None:
        """Answer scrapes on a port of its own. Raises ConfigurationError where it can't be bound."""
        try:
            start_http_server(port, addr=host, registry=self.registry)
        except OSError as exc:
            raise ConfigurationError(f"metrics can't be served on {host}:{port}: {exc.strerror}") from exc


class StoresCollector(Collector):
    """Reads the committer's counters and the sizes of the stores at each scrape."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        """Nothing: so that registering does not read the stores."""
        return []

    def collect(self) -> Iterator[Metric]:
        services = self._services
        counters, queue, log = services.committer.counters, services.committer.queue, services.log
        for name, text, value in (
            ("batches", "Commits.", counters.batches),
            ("batches_failed", "Commits that failed and were tried apart.", counters.batches_failed),
            ("events_stored", "Events stored.", counters.events_stored),
            ("events_repeated", "Events accepted and not stored again.", counters.events_repeated),
            ("identifiers_ignored", "Identifiers that could not be used.", counters.identifiers_ignored),
            ("identifiers_left", "Identifiers that stayed with another profile.", counters.identifiers_left),
            ("commit_seconds", "Seconds spent committing.", counters.commit_seconds),
        ):
            yield CounterMetricFamily(f"eventkeep_{name}", text, value=value)
        for name, text, value in (
            ("queue_events", "Events that wait for their commit.", queue.events),
            ("queue_bytes", "Bytes of request bodies that wait for their commit.", queue.bytes),
            ("tail_events", "Events kept that the table does not have yet.", log.tail_events),
            ("seen_filter_bytes", "Memory of the seen filter.", log.seen_bytes),
            ("events", "Events kept.", log.count()),
            ("table_bytes", "Bytes of the event table on disk.", log.disk_bytes()),
        ):
            yield GaugeMetricFamily(f"eventkeep_{name}", text, value=value)
