"""The Prometheus metrics of a running server."""

from __future__ import annotations

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from eventkeep.testing import ServerProcess

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Scraped(msgspec.Struct):
    """A server with a port for scrapes."""

    server: ServerProcess
    port: int

    def samples(self) -> Samples:
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", verify=False).text
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"eventkeep_{name}", frozenset(labels.items())), 0.0)
