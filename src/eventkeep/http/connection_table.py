"""The open connections: how many there are, whose they are, and which of them make room for others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from eventkeep.limits import UNSENT_BYTES_MAX

if TYPE_CHECKING:
    from eventkeep.http.connection import Connection

logger = structlog.get_logger(__name__)


class ConnectionTable:
    """Bounds the connections, all together and those of one host, and the responses that clients are slow to take.

    A connection that is idle makes room for a new one: the one that has waited longest for a request, or for the rest
    of a head, goes first. So clients that send nothing, or send slowly, keep nobody else out.
    """

    def __init__(self, connections_max: int, connections_per_host_max: int) -> None:
        self._connections_max, self._per_host_max = connections_max, connections_per_host_max
        self._hosts: Counter[str] = Counter()
        self._connections: set[Connection] = set()
        self._stalled: set[Connection] = set()

    def __len__(self) -> int:
        return self._hosts.total()

    @property
    def connections(self) -> list[Connection]:
        """Those that are established."""
        return list(self._connections)

    @property
    def is_full(self) -> bool:
        return len(self) >= self._connections_max

    def make_room(self) -> bool:
        """Close an idle connection; False if there is none."""
        # Hosts with many connections give first.
        return any(self._close_idle(host) for host, _ in self._hosts.most_common())

    def take(self, host: str) -> bool:
        """Count one more connection of a host; False if the host has too many, of which none is idle."""
        if self._hosts[host] >= self._per_host_max and not self._close_idle(host):
            return False
        self._hosts[host] += 1
        return True

    def open(self, connection: Connection) -> None:
        """A connection that was taken is established."""
        self._connections.add(connection)

    def close(self, connection: Connection) -> None:
        """A connection has ended."""
        if connection in self._connections:
            self._connections.discard(connection)
            self.give_back(connection.host)
        self._stalled.discard(connection)

    def give_back(self, host: str) -> None:
        """Count one connection of the host less."""
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]

    def stall(self, connection: Connection) -> None:
        """A client is slow to take its responses. If too much waits, those with the most are cut off."""
        self._stalled.add(connection)
        unsent = {each: each.unsent_bytes for each in self._stalled}
        total = sum(unsent.values())
        for each in sorted(self._stalled, key=lambda each: unsent[each], reverse=True):
            if total <= UNSENT_BYTES_MAX:
                break
            total -= unsent[each]
            logger.warning("cut off a client that does not take its responses", unsent_bytes=unsent[each])
            each.abort()

    def flow(self, connection: Connection) -> None:
        """A client takes its responses again."""
        self._stalled.discard(connection)

    def _close_idle(self, host: str) -> bool:
        """Close the connection of the host that is idle for the longest time, if one is."""
        idle = [each for each in self._connections if each.host == host and each.is_idle]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each.deadline.at)
        # It counts no longer, though it takes a moment until it has ended.
        self.close(longest)
        longest.finish()
        return True
