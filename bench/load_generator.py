"""Runs wrk, the load generator, and reads its figures."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from eventkeep.errors import ConfigurationError

SCRIPTS: Final = Path(__file__).parent / "load"
RESULT: Final = "RESULT "


class Measured(msgspec.Struct, frozen=True):
    """One run of the generator; ``refused`` counts responses other than 2xx, ``broken`` socket errors."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def requests_per_second(self) -> float:
        return (self.requests - self.refused) / self.seconds


def generator() -> str:
    """The path of wrk. Raises ConfigurationError if it is not installed."""
    found = shutil.which("wrk")
    if found is None:
        raise ConfigurationError("the benchmarks need wrk, the load generator: apt-get install wrk")
    return found


def create_environment(key: str, folder: Path, path: str, name: str, wait_milliseconds: float = 0.0) -> dict[str, str]:
    """The environment of ``create.lua``: creates to ``path`` from the templates in ``folder``.

    ``name`` makes their unique ids different from those of other runs; each connection waits before a request.
    """
    return {
        "BENCH_KEY": key,
        "BENCH_BODIES": str(folder),
        "BENCH_TEMPLATES": str(len(list(folder.iterdir()))),
        "BENCH_PATH": path,
        "BENCH_RUN": name,
        "BENCH_WAIT": str(round(wait_milliseconds)),
    }


def run(url: str, script: str, connections: int, seconds: float, environment: dict[str, str]) -> Measured:
    """Load ``url`` for this many seconds from this many connections in one thread."""
    length = f"-d{max(1, round(seconds))}s"
    done = subprocess.run(
        [generator(), "-t1", f"-c{connections}", length, "--timeout", "30s", "-s", str(SCRIPTS / script), url],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith(RESULT))
    return msgspec.json.decode(line.removeprefix(RESULT), type=Measured)
