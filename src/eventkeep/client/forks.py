"""Processes that fork: the objects that a child has to make anew.

A child starts with a copy of its parent's memory and with the same open sockets, but
with none of its threads. Two processes that use one socket read each other's responses,
and a lock that a thread of the parent held stays locked for ever.
"""

from __future__ import annotations

# Loaded here, and not by the first thread that connects: a child of a fork in that moment would have half of the
# codec for the names of hosts, and could never connect.
import encodings.idna  # noqa: F401
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final, Protocol


class Forked(Protocol):
    """An object that has to be reset in a child."""

    def after_fork(self) -> None:
        """Forget the state of the parent. Runs in the child, before its own code does."""


class _Process:
    """The process that the SDK knows itself to be in, and the lock of the registered objects."""

    def __init__(self) -> None:
        self.id, self.lock = os.getpid(), threading.Lock()

    def before_fork(self) -> None:
        self.lock.acquire()

    def after_in_parent(self) -> None:
        self.lock.release()


_process: Final = _Process()
_noticing: Final = threading.Lock()
"""Held while the objects are reset for a fork that Python was not told of."""
_registered: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def reset_after_fork(each: Forked) -> None:
    """Have ``after_fork`` called in every child, as long as the object lives."""
    with _process.lock:
        _registered.add(each)


def notice_fork() -> None:
    """Reset the objects if this is a child and Python was not told of the fork, as with uWSGI."""
    if os.getpid() != _process.id:
        with _noticing:
            # Another thread may have reset them meanwhile; once more would lose the events that it took since.
            if os.getpid() != _process.id:
                _reset()


def close_at_exit_of_child(close: Callable[[], object]) -> None:
    """Have ``close`` called when a child of a process pool ends.

    Such a child ends without the handlers of ``atexit``; the pools have a list of their own.
    """
    for name in ("multiprocessing.util", "billiard.util"):
        if name in sys.modules:
            # With a priority, the call is made before the pool closes the objects that it needs itself.
            sys.modules[name].Finalize(None, close, exitpriority=100)


def _reset() -> None:
    # The lock may be the one of another thread of the parent, which the child does not have.
    _process.lock = threading.Lock()
    for each in list(_registered):
        each.after_fork()
    # At last, so that no other thread uses an object before it is reset.
    _process.id = os.getpid()


# No other thread changes the set while a process forks.
os.register_at_fork(before=_process.before_fork, after_in_parent=_process.after_in_parent, after_in_child=_reset)
