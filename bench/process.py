"""The resources that a process and its children used, as the kernel counts them."""

from __future__ import annotations

import os
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


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
