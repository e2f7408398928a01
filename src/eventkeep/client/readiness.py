"""Whether an idle connection has something to read: data that nobody asked for, or its end."""

from __future__ import annotations

import select
from typing import Any


def is_readable(connection: Any) -> bool:
    """Return whether a socket can be read without waiting."""
    # eventlet removes poll from the module, and its select has no limit on the number of a file.
    if not hasattr(select, "poll"):
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
