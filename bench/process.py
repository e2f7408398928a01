"""The resources that a process and its children used, as the kernel counts them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

QUIET_SECONDS: Final = 7.0
"""Seconds without load before the server counts as idle; its own background work has begun by then."""
REST_SECONDS_MAX: Final = 240.0
"""Seconds that the server gets to finish background work, merges above all, before it is asked for anything else."""
REST_SHARE: Final = 0.05
"""Share of one processor: a server that uses less is idle."""


def family(pid: int) -> list[int]:
    """The process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def cpu_seconds(pid: int) -> float:
    """CPU seconds of the processes so far, user and system."""
    ticks = 0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_SECOND


def resident_bytes(pid: int) -> int:
    """Memory that the processes have resident now; shared pages count for each."""
    return sum(status_bytes(each, "VmRSS:") for each in family(pid))


def peak_resident_bytes(pid: int) -> int:
    """The peak of the resident memory of the processes, each at its own time."""
    return sum(status_bytes(each, "VmHWM:") for each in family(pid))


def status_bytes(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below the folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def machine() -> dict[str, str | int | float]:
    """The machine that the figures were measured on."""
    processors = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in processors if "model name" in line), "unknown")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory,
        "kernel": os.uname().release,
        "load_average_before": os.getloadavg()[0],
    }


def rest(pid: int, quiet_seconds: float = QUIET_SECONDS) -> None:
    """Wait until a process has used hardly any processor time for a while, REST_SECONDS_MAX at most."""
    deadline = time.perf_counter() + REST_SECONDS_MAX
    quiet, before = 0, cpu_seconds(pid)
    while quiet < quiet_seconds and time.perf_counter() < deadline:
        time.sleep(1.0)
        now = cpu_seconds(pid)
        quiet = quiet + 1 if now - before < REST_SHARE else 0
        before = now
