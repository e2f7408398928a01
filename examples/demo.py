"""``make demo``: the main job on real input.

Starts a server on a temporary folder, imports the CDNOW purchases over HTTP, reads
them back over HTTP, compares, and imports them again. Exit code 0, or 1 with the
difference.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from eventkeep.testing import ServerProcess

EXAMPLES: Final = Path(__file__).resolve().parent
PURCHASES: Final = EXAMPLES / "cdnow-purchases.csv.gz"
MAPPING: Final = EXAMPLES / "cdnow-mapping.toml"
CUSTOMER: Final = "cdnow-00125"


class Totals(msgspec.Struct, frozen=True):
    """The purchases, in cents so that sums are exact."""

    events: int
    profiles: int
    cents: int

    def rows(self) -> list[tuple[str, str]]:
        """(name, figure) pairs for a table."""
        return [
            ("events", f"{self.events:,}"),
            ("profiles", f"{self.profiles:,}"),
            ("value", f"{self.cents / 100:,.2f}"),
        ]


EXPECTED: Final = Totals(events=69_659, profiles=23_570, cents=250_031_563)
"""The known totals of the data set."""


class Reader:
    """Reads events over HTTP."""

    def __init__(self, server: ServerProcess, key: str) -> None:
        headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-06-15"}
        self._client = httpx.Client(base_url=server.url, headers=headers, timeout=60.0)

    def page(self, url: str = "/api/events/", **parameters: str) -> dict[str, Any]:
        """One page. Raises httpx.HTTPStatusError."""
        response = self._client.get(url, params=parameters or None)
        response.raise_for_status()
        page: dict[str, Any] = response.json()
        return page

    def pages(self, **parameters: str) -> Iterator[dict[str, Any]]:
        """All pages, by ``links.next``."""
        page = self.page(**parameters)
        yield page
        while page["links"]["next"] is not None:
            page = self.page(page["links"]["next"])
            yield page


def import_purchases(server: ServerProcess, key: str) -> dict[str, int]:
    """Runs ``eventkeep import`` and returns its counts: sent, stored, repeated, and the rate in events/s."""
    command = [sys.executable, "-m", "eventkeep", "import", str(PURCHASES), "--mapping", str(MAPPING)]
    done = subprocess.run(
        [*command, "--url", server.url, "--api-key", key], stdout=subprocess.PIPE, text=True, check=True
    )
    print(done.stdout)
    words = [line.split() for line in done.stdout.splitlines()]
    counts = {line[1]: int(line[2].replace(",", "")) for line in words if line[0] == "events"}
    return counts | {"rate": int(words[-1][1].replace(",", ""))}


def print_events(console: Console, title: str, page: dict[str, Any]) -> None:
    """A page of events with their profiles as a table."""
    customers = {item["id"]: item["attributes"]["external_id"] for item in page["included"]}
    table = Table("time", "customer", "CDs", "dollars", "event", title=title, title_justify="left")
    for event in page["data"]:
        properties = event["attributes"]["event_properties"]
        table.add_row(
            event["attributes"]["datetime"],
            customers[event["relationships"]["profile"]["data"]["id"]],
            str(properties["cds"]),
            f"{properties['$value']:,.2f}",
            properties["$event_id"],
        )
    console.print(table, "")


def read_totals(console: Console, reader: Reader) -> Totals:
    """Walks all pages of all events and adds them up."""
    events = cents = 0
    profiles: set[str] = set()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("reading all events", total=EXPECTED.events)
        for page in reader.pages():
            for event in page["data"]:
                cents += round(event["attributes"]["event_properties"]["$value"] * 100)
                profiles.add(event["relationships"]["profile"]["data"]["id"])
            events += len(page["data"])
            progress.update(task, completed=events)
    return Totals(events, len(profiles), cents)


def differences(found: Totals, first: dict[str, int], second: dict[str, int]) -> list[str]:
    """Differences from the known totals, in words."""
    pairs = [
        ("events read back", EXPECTED.events, found.events),
        ("profiles read back", EXPECTED.profiles, found.profiles),
        ("value read back, in cents", EXPECTED.cents, found.cents),
        ("events stored by the first import", EXPECTED.events, first["stored"]),
        ("events stored by the second import", 0, second["stored"]),
        ("events repeated in the second import", EXPECTED.events, second["repeated"]),
    ]
    return [f"{name}: expected {expected:,}, got {got:,}" for name, expected, got in pairs if expected != got]


def show(console: Console, server: ServerProcess) -> list[str]:
    """The demonstration; returns the differences."""
    key = server.make_key()
    console.print(f"[bold]A server at {server.url}, its data in {server.data}[/bold]\n")
    console.print("[bold]Importing the purchases[/bold]")
    first = import_purchases(server, key)

    reader = Reader(server, key)
    newest = reader.page(include="profile", sort="-datetime")
    print_events(console, "The newest five purchases", {**newest, "data": newest["data"][:5]})
    profile = next(
        item["id"]
        for page in reader.pages(include="profile", sort="datetime")
        for item in page["included"]
        if item["attributes"]["external_id"] == CUSTOMER
    )
    history = reader.page(filter=f'equals(profile_id,"{profile}")', include="profile", sort="datetime")
    print_events(console, f"The history of customer {CUSTOMER}", history)

    started = time.perf_counter()
    found = read_totals(console, reader)
    read_seconds = time.perf_counter() - started
    table = Table("", "expected", "read back", title="The totals, by walking all pages", title_justify="left")
    for (name, expected), (_, got) in zip(EXPECTED.rows(), found.rows(), strict=True):
        table.add_row(name, expected, got)
    table.add_row("events/s written", "", f"{first['rate']:,}")
    table.add_row("events/s read", "", f"{found.events / read_seconds:,.0f}")
    console.print(table, "")

    console.print("[bold]Importing them a second time[/bold]")
    second = import_purchases(server, key)
    return differences(found, first, second)


def main() -> int:
    """Runs the demonstration on a temporary folder."""
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="eventkeep-demo-") as folder,
        ServerProcess(Path(folder) / "data") as server,
    ):
        wrong = show(console, server)
    for line in wrong:
        console.print(f"[red]{line}[/red]")
    if not wrong:
        console.print("[green]Everything that was sent is there, once.[/green]")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
