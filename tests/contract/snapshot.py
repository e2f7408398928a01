"""The data that a server has stored, read without the server."""

from __future__ import annotations

import sqlite3

import httpx

from eventkeep.testing import ServerProcess


class Snapshot:
    """The number of events since the server's start, and every row of profiles, identifiers and metrics."""

    def __init__(self, server: ServerProcess, metrics_port: int) -> None:
        self._metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
        self._client = httpx.Client(verify=False)
        path = server.data / "directory.sqlite3"
        self._directory = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._seen: tuple[int, str] | None = None

    def close(self) -> None:
        self._client.close()
        self._directory.close()

    def take(self) -> tuple[float, str]:
        return self._events(), self._rows()

    def _events(self) -> float:
        for line in self._client.get(self._metrics_url).text.splitlines():
            name, _, value = line.partition(" ")
            if name == "eventkeep_events_stored_total":
                return float(value)
        raise AssertionError("the metrics do not tell how many events were stored")

    def _rows(self) -> str:
        """The rows as text; they are read again only after a commit."""
        (version,) = self._directory.execute("PRAGMA data_version").fetchone()
        if self._seen is None or self._seen[0] != version:
            rows = [
                self._directory.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
                for table in ("profile", "identifier", "metric")
            ]
            self._seen = (version, repr(rows))
        return self._seen[1]
