"""The memory of a process, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path

import msgspec

PEAK_FORGOTTEN = "5"
"""Written to ``clear_refs``, it sets the peak to the bytes that are resident now."""


class Memory(msgspec.Struct, frozen=True):
    """Bytes that are resident now, and the peak."""

    resident: int
    peak: int


def memory(pid: int) -> Memory:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines())
    return Memory(kibibytes(fields["VmRSS"]), kibibytes(fields["VmHWM"]))


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text(PEAK_FORGOTTEN, "ascii")


def kibibytes(field: str) -> int:
    """A value like ``1234 kB`` in bytes."""
    return int(field.split(maxsplit=1)[0]) * 1024
