"""The memory of a worker stays with it from one body to the next."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eventkeep.server.memory import keep_freed_memory

FAULTS = """
import resource
from eventkeep.server.memory import keep_freed_memory
{}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    pieces = [bytearray(300_000) for _ in range(20)]
work()
before = faults()
for _ in range(10):
    work()
print(faults() - before)
"""


def faults(first: str) -> int:
    """Pages that the system has to clear for ten times six megabytes, in a process that does this first."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(first)], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told so")
def test_freed_memory_is_used_again() -> None:
    assert faults("keep_freed_memory()") < 1_000 < faults("")


def test_an_allocator_that_can_not_be_told_so_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventkeep.server.memory.ctypes.CDLL", lambda name: object())
    keep_freed_memory()
