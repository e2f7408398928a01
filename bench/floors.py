"""Floors to compare the figures with, measured in the same run: a part of the work, or another program's.

(a) decoding alone; (b) a server that receives bodies and drops them; (c) PostgreSQL by COPY, with the uniqueness alone
and with indexes for the reads too, for small events and for those of a shop; (d) the mock server Prism. The last two
only if they are installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import msgspec

from bench.bodies import EVENTS_PER_REQUEST, MARKER, bulk_body, single_body, write_bodies
from bench.load_generator import create_environment, run
from bench.shop_bodies import Who, shop_body
from bench.target import BULK_CONNECTIONS, BULK_PATH, SINGLE_PATH
from eventkeep.protocol.creates.documents import BulkCreate
from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.testing import free_port

PRISM_SECONDS = 5.0
RECEIVING_SECONDS = 3.0
DECODE_REQUESTS = 100
POSTGRES_EVENTS = 200_000


def measure(folder: Path, say: Callable[[str], None]) -> dict[str, float | None]:
    """Every floor, events per second; None for programs that are not installed."""
    say("decoding alone")
    floors: dict[str, float | None] = {"decoding_alone": decoding_events_per_second()}
    say("receiving alone")
    floors["receiving_alone"], floors["receiving_alone_shop"] = receiving_events_per_second(folder)
    say("PostgreSQL")
    floors |= postgres_events_per_second()
    say("Prism")
    floors["prism_single"], floors["prism_bulk"] = prism_events_per_second(folder)
    return floors


def prism_events_per_second(folder: Path) -> tuple[float | None, float | None]:
    """Events per second that the mock server Prism accepts, single and bulk; it stores nothing.

    None if it is not installed (``prism`` on the path or in EVENTKEEP_PRISM). It serves our own
    document of the revision that the load uses.
    """
    if not (os.environ.get("EVENTKEEP_PRISM") or shutil.which("prism")):
        return None, None
    from tests.acceptance.prism import Prism

    revision = next(revision for revision in REVISIONS if revision.date == "2024-06-15")
    with Prism(openapi_document(revision, "http://127.0.0.1"), folder) as prism:
        singles = prism_rate(folder / "singles", [single_body(seed, 100) for seed in range(10)], prism.url, SINGLE_PATH)
        bulks = prism_rate(folder / "bulks", [bulk_body(1, 100)], prism.url, BULK_PATH)
    return singles, bulks * EVENTS_PER_REQUEST


def prism_rate(bodies: Path, written: list[str], url: str, path: str) -> float:
    """Accepted requests per second."""
    write_bodies(bodies, written)
    environment = {
        "BENCH_KEY": "pk_prism",
        "BENCH_BODIES": str(bodies),
        "BENCH_TEMPLATES": str(len(written)),
        "BENCH_PATH": path,
        "BENCH_RUN": "prism",
        "BENCH_WAIT": "0",
    }
    return run(url, "create.lua", 8, PRISM_SECONDS, environment).requests_per_second


def decoding_events_per_second() -> float:
    """Events per second of typed decoding alone, in one thread."""
    decoder = msgspec.json.Decoder(BulkCreate)
    body = bulk_body(1, 20_000).encode()
    started = time.perf_counter()
    for _ in range(DECODE_REQUESTS):
        decoder.decode(body)
    return DECODE_REQUESTS * EVENTS_PER_REQUEST / (time.perf_counter() - started)


def receiving_events_per_second(folder: Path) -> tuple[float, float]:
    """Events per second that a server receives which drops them: small ones, and those of a shop."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "bench.receiver", str(port)], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        rates = []
        for name, body in (("small", bulk_body(1, 100)), ("shop", shop_body(1, 100, Who.SHOP))):
            write_bodies(folder / f"receive-{name}", [body])
            environment = create_environment("pk_nobody", folder / f"receive-{name}", BULK_PATH, name)
            measured = run(f"http://127.0.0.1:{port}", "create.lua", BULK_CONNECTIONS, RECEIVING_SECONDS, environment)
            rates.append(measured.requests_per_second * EVENTS_PER_REQUEST)
        return rates[0], rates[1]
    finally:
        server.terminate()
        server.wait()


def postgres_events_per_second() -> dict[str, float | None]:
    """Events per second of PostgreSQL by COPY; None if it is not installed.

    Small events, and those of a shop, into a table with the same uniqueness, and with indexes for the reads too.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").exists() else []
    small, shop = small_properties(), shop_properties()
    loads = {
        "postgres_copy": (small, True),
        "postgres_copy_shop_unique": (shop, False),
        "postgres_copy_shop": (shop, True),
    }
    if not programs:
        return dict.fromkeys(loads)
    # A folder of its own at the top: PostgreSQL does not run as root, and its user must be able to enter the folder.
    with (
        tempfile.TemporaryDirectory(prefix="eventkeep-bench-postgres-") as name,
        PostgresFloor(programs[-1], Path(name)) as floor,
    ):
        return {load: floor.measure(texts, has_indexes) for load, (texts, has_indexes) in loads.items()}


class PostgresFloor:
    """A PostgreSQL of its own in a folder, stopped after the measurement."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(folder, "postgres", "postgres")

    def __enter__(self) -> Self:
        data, socket = self._folder / "data", self._folder
        self._run("initdb", "-D", str(data), "--auth=trust", "--username=bench")
        options = f"-k {socket} -c listen_addresses= -c shared_buffers=1GB -c max_wal_size=8GB"
        self._run("pg_ctl", "-D", str(data), "-o", options, "-w", "-l", str(self._folder / "log"), "start")
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")

    def measure(self, texts: Sequence[str], has_indexes: bool) -> float:
        """Events per second by COPY into a new table; ``has_indexes`` adds those for the reads."""
        self._sql(
            "DROP TABLE IF EXISTS event;"
            " CREATE TABLE event (account int, time int, profile bigint, metric int, unique_id text,"
            " value double precision, properties text, PRIMARY KEY (account, profile, metric, unique_id))"
        )
        if has_indexes:
            self._sql("CREATE INDEX ON event (account, time); CREATE INDEX ON event (account, metric, time)")
        rows = "\n".join(copy_rows(POSTGRES_EVENTS, texts))
        started = time.perf_counter()
        self._sql("COPY event FROM STDIN", rows)
        return POSTGRES_EVENTS / (time.perf_counter() - started)

    def _sql(self, statement: str, given: str = "") -> None:
        self._run("psql", "-h", str(self._folder), "-U", "bench", "-d", "postgres", "-q", "-c", statement, given=given)

    def _run(self, program: str, *arguments: str, given: str = "") -> None:
        subprocess.run(
            [*self._as_user, str(self._programs / program), *arguments],
            input=given,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self._folder,
            check=True,
        )


def copy_rows(count: int, texts: Sequence[str]) -> list[str]:
    """Events in the text format of COPY."""
    return [
        f"1\t{1_714_500_000 + number // 3}\t{number * 7919 % 20_000}\t{number % 5}\tunique-{number}\t"
        f"{number % 100}.5\t{texts[number % len(texts)].replace(MARKER, str(number))}"
        for number in range(count)
    ]


def small_properties() -> list[str]:
    """The properties of 1,000 small events, as JSON."""
    return properties_of(bulk_body(1, 20_000))


def shop_properties() -> list[str]:
    """Those of a shop's events."""
    return properties_of(shop_body(1, 20_000, Who.SHOP))


def properties_of(body: str) -> list[str]:
    """The properties of the events of a bulk request."""
    items = json.loads(body)["data"]["attributes"]["events-bulk-create"]["data"]
    return [
        json.dumps(event["attributes"]["properties"], separators=(",", ":"))
        for item in items
        for event in item["attributes"]["events"]["data"]
    ]
