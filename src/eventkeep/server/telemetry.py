"""The server's counters, in the form of Prometheus.

Requests and commits are counted with their responses, in plain numbers. Figures that the
committer and the stores have anyway are read at each scrape, which costs the hot path
nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from http import HTTPStatus
from itertools import accumulate

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from eventkeep.errors import ConfigurationError, StoreError, Throttled
from eventkeep.protocol.admin.operations import ADMIN_OPERATIONS
from eventkeep.protocol.error_documents import PROBLEMS
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.server.cluster_metrics import cluster_metrics
from eventkeep.server.services import Services

logger = structlog.get_logger(__name__)

NO_OPERATION = "none"
"""The label of requests without an operation."""
LATENCY_BOUNDS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BATCH_BOUNDS_EVENTS = (1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000)


class Telemetry(Collector):
    """The metrics of one server, in a registry of its own."""

    def __init__(self, services: Services, more_operations: Iterable[str] = ()) -> None:
        """``more_operations`` are names beside those of the API and our own."""
        self._services = services
        self._requests: dict[tuple[str, int], int] = {}
        self._latency = {
            name: Histogram(LATENCY_BOUNDS_SECONDS)
            for name in (*OPERATIONS, *ADMIN_OPERATIONS, *more_operations, NO_OPERATION)
        }
        self._commit_seconds = Histogram(LATENCY_BOUNDS_SECONDS)
        self._batch_events = Histogram(BATCH_BOUNDS_EVENTS)
        services.committer.watch(self._committed)
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def responded(self, operation: str, status: int, seconds: float) -> None:
        """Count one request; only the event loop's thread calls."""
        response = operation, status
        self._requests[response] = self._requests.get(response, 0) + 1
        self._latency[operation].count(seconds)

    def counts_by_status(self) -> dict[int, int]:
        """The numbers of responses, by their status; of requests without an operation, only those refused."""
        counts: dict[int, int] = {}
        for (operation, status), count in self._requests.items():
            if operation != NO_OPERATION or status >= HTTPStatus.BAD_REQUEST:
                counts[status] = counts.get(status, 0) + count
        return counts

    def serve(self, host: str, port: int) -> None:
        """Respond to scrapes on a port of its own until the services close; port 0 takes a free one, which is logged.

        Raises ConfigurationError if the port can't be bound.
        """
        try:
            server, thread = start_http_server(port, addr=host, registry=self.registry)
        except OSError as exc:
            raise ConfigurationError(f"metrics can't be served on {host}:{port}: {exc.strerror}") from exc

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self._services.before_close(close)
        logger.info("metrics are served", host=host, port=server.server_port)

    def describe(self) -> list[Metric]:
        """Nothing, so that registering does not read the stores."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics, with their current values."""
        yield from self._of_requests()
        yield from self._of_commits()
        yield from self._of_stores()
        if self._services.node is not None:
            yield from cluster_metrics(self._services.node)

    def _committed(self, events: int, seconds: float) -> None:
        """Count one commit; only the committer's thread calls."""
        self._batch_events.count(events)
        self._commit_seconds.count(seconds)

    def _of_requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "eventkeep_requests", "Requests that got a response.", labels=("operation", "status")
        )
        throttled = CounterMetricFamily(
            "eventkeep_requests_rate_limited", "Requests refused for a rate limit.", labels=("operation",)
        )
        for (operation, status), count in dict(self._requests).items():
            requests.add_metric((operation, str(status)), count)
            if status == PROBLEMS[Throttled].status:
                throttled.add_metric((operation,), count)
        yield requests
        yield throttled
        latency = HistogramMetricFamily(
            "eventkeep_request_seconds", "Seconds from a request's headers to its response.", labels=("operation",)
        )
        for operation, histogram in self._latency.items():
            latency.add_metric((operation,), histogram.buckets(), histogram.total)
        yield latency

    def _of_commits(self) -> Iterator[Metric]:
        counters, queue = self._services.committer.counters, self._services.committer.queue
        for name, text, value in (
            ("commits_failed", "Commits that failed and were tried apart.", counters.batches_failed),
            ("events_stored", "Events stored.", counters.events_stored),
            ("events_repeated", "Events accepted and not stored again.", counters.events_repeated),
            ("identifiers_ignored", "Identifiers that could not be used.", counters.identifiers_ignored),
            ("identifiers_left", "Identifiers that stayed with another profile.", counters.identifiers_left),
        ):
            yield CounterMetricFamily(f"eventkeep_{name}", text, value=value)
        for name, text, histogram in (
            ("commit_seconds", "Seconds that a commit took.", self._commit_seconds),
            ("batch_events", "Events of a commit.", self._batch_events),
        ):
            yield HistogramMetricFamily(
                f"eventkeep_{name}", text, buckets=histogram.buckets(), sum_value=histogram.total
            )
        yield GaugeMetricFamily("eventkeep_queue_events", "Events that wait for their commit.", queue.events)
        yield GaugeMetricFamily(
            "eventkeep_queue_bytes", "Bytes of request bodies that wait for their commit.", queue.bytes
        )

    def _of_stores(self) -> Iterator[Metric]:
        events, log = self._services.events, self._services.log
        yield GaugeMetricFamily("eventkeep_tail_events", "Events stored that no segment has yet.", events.tail_events)
        yield GaugeMetricFamily("eventkeep_seen_filter_bytes", "Memory of the seen filter.", events.filter_bytes)
        yield GaugeMetricFamily("eventkeep_directory_bytes", "Bytes of the directory on disk.", self._directory_bytes())
        yield GaugeMetricFamily("eventkeep_log_position", "Position of the last record of the log.", log.last)
        yield GaugeMetricFamily("eventkeep_log_records", "Records in the log.", log.last - log.first + 1)
        try:
            count = events.count()
        except StoreError as exc:
            logger.warning("the events could not be counted", cause=str(exc))
            return
        yield GaugeMetricFamily("eventkeep_events", "Events stored.", count)
        yield GaugeMetricFamily("eventkeep_table_bytes", "Bytes of all segments on disk.", events.disk_bytes)

    def _directory_bytes(self) -> int:
        size = 0
        for path in self._services.folder.glob("directory.sqlite3*"):
            # The files beside the database come and go.
            with suppress(FileNotFoundError):
                size += path.stat().st_size
        return size


class Histogram:
    """Counts values up to each of ``bounds`` (ascending), and adds them up in ``total``.

    Counting a value takes 0.4 µs here and 2.8 µs with prometheus_client (measured side by side), of some 40 µs of CPU
    that a single create takes in all.

    One thread counts; another thread that reads may miss the newest value.
    """

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0

    def count(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Each bound as text, and ``+Inf``, with the number of values up to it."""
        names = [*(f"{bound:g}" for bound in self._bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(self._counts)), strict=True))
