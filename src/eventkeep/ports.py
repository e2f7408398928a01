"""TCP ports for programs that are about to start on this machine."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
PORT_MIN: Final = 10_000
PORTS_MIN: Final = 1_000
TRIES_MAX: Final = 1_000
EPHEMERAL_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nothing listens on now, all different.

    The system gives the ports of its ephemeral range to outgoing connections at any time, so that a program which
    binds one a moment later can find it taken. These lie below that range where the system says that there is room.
    """
    below = first_ephemeral_port()
    with contextlib.ExitStack() as opened:
        return [_bind_one(opened.enter_context(socket.socket()), below) for _ in range(count)]


def free_port() -> int:
    """One such port."""
    return free_ports(1)[0]


def first_ephemeral_port() -> int:
    """The first port that the system gives to outgoing connections; 0 if it does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    return 0


def _bind_one(probe: socket.socket, below: int) -> int:
    """Bind a socket to a port below ``below``, or to any if there are few, and return the port."""
    if below - PORT_MIN >= PORTS_MIN:
        # Chosen at random, so that processes which choose at the same time do not choose the same.
        for _ in range(TRIES_MAX):
            with contextlib.suppress(OSError):
                probe.bind((HOST, random.randrange(PORT_MIN, below)))
                return int(probe.getsockname()[1])
    probe.bind((HOST, 0))
    return int(probe.getsockname()[1])
