"""A server's needs of its machine: Python, libraries, open files, disk, clock."""

from __future__ import annotations

import datetime
import importlib
import importlib.metadata
import os
import platform
import re
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from eventkeep.cli.findings import Finding, fault, graded, ok, warning
from eventkeep.cli.output import shown_bytes
from eventkeep.limits import (
    CLOCK_SECONDS_MAX,
    QUICK_SYNC_SECONDS_MAX,
    READY_DISK_BYTES_MIN,
    READY_INODES_MIN,
    READY_OPEN_FILES_MIN,
    ROOMY_DISK_BYTES_MIN,
    ROOMY_INODES_MIN,
    ROOMY_OPEN_FILES_MIN,
)
from eventkeep.native.library import is_built
from eventkeep.protocol.revisions import REVISIONS

PYTHON_MIN: Final = (3, 11)
INSTALL: Final = "install it again: pip install --force-reinstall 'eventkeep[server]'"
NATIVE: Final = ("httptools", "numpy", "msgspec", "zstandard", "xxhash")
"""Libraries that are made for one kind of machine, and may not load on this one."""
SHOWN: Final = ("httptools", "numpy", "sqlalchemy", "msgspec", "httpx")
NETWORK_FILE_SYSTEMS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "ceph"})
MEMORY_FILE_SYSTEMS: Final = frozenset({"tmpfs", "ramfs"})
SYNCS: Final = 20
"""Writes that are measured; the one in the middle counts."""
SYNC_BYTES: Final = 4_096


def python() -> Finding:
    """The program and its interpreter."""
    found = f"eventkeep {importlib.metadata.version('eventkeep')}, Python {platform.python_version()}"
    if sys.version_info < PYTHON_MIN:
        return fault("python", found, "eventkeep needs Python 3.11 or newer")
    return ok("python", f"{found}, {platform.system()} {platform.machine()}")


def libraries() -> Finding:
    """Whether all that the server needs is there and can be loaded."""
    missing = [name for name in required() if version_of(name) is None]
    if missing:
        return fault("libraries", f"missing: {', '.join(missing)}", INSTALL)
    for name in NATIVE:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as exc:
            return fault("libraries", f"{name} {version_of(name)} can't be loaded: {exc}", INSTALL)
    return ok("libraries", ", ".join(f"{name} {version_of(name)}" for name in SHOWN))


def compiled_reader() -> Finding:
    """Whether bulk creates are read by the compiled reader."""
    if is_built():
        return ok("C reader", "bulk creates are read by the compiled reader")
    return warning(
        "C reader",
        "the compiled reader is not there: bulk creates take about twice the CPU",
        "install a C compiler (gcc or clang), and then eventkeep again, from its source",
    )


def required() -> list[str]:
    """The distributions that eventkeep with its server needs, by name."""
    lines = importlib.metadata.requires("eventkeep") or []
    wanted = [line for line in lines if "extra ==" not in line or re.search(r"extra == ['\"]server['\"]", line)]
    return [match[0] for line in wanted if (match := re.match(r"[A-Za-z0-9._-]+", line))]


def version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def open_files() -> Finding:
    """How many files and connections a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = float("inf") if soft == resource.RLIM_INFINITY else soft
    shown = "no limit" if allowed == float("inf") else f"{soft:,} at once"
    more = "" if hard == resource.RLIM_INFINITY or hard >= ROOMY_OPEN_FILES_MIN else f" (the system allows {hard:,})"
    return graded(
        "open files",
        shown,
        f"allow more{more}: ulimit -n 65536 before the start, or LimitNOFILE=65536 in a systemd unit",
        amount=allowed,
        ready=READY_OPEN_FILES_MIN,
        roomy=ROOMY_OPEN_FILES_MIN,
    )


def disk(folder: Path) -> Finding:
    """Room on the disk of a folder that exists, and the kind of its file system."""
    figures = os.statvfs(folder)
    free, size = figures.f_bavail * figures.f_frsize, figures.f_blocks * figures.f_frsize
    kind = file_system(folder)
    found = f"{shown_bytes(free)} free of {shown_bytes(size)}{f', {kind}' if kind else ''}"
    if kind in NETWORK_FILE_SYSTEMS:
        return fault("disk", found, "SQLite and the event log need a local disk: choose another folder with --data")
    if kind in MEMORY_FILE_SYSTEMS:
        return warning("disk", found, "this is memory, and empty after a restart: choose another folder with --data")
    return graded(
        "disk",
        found,
        "make room: events that can't be written are refused with 503",
        amount=free,
        ready=READY_DISK_BYTES_MIN,
        roomy=ROOMY_DISK_BYTES_MIN,
    )


def inodes(folder: Path) -> Finding:
    """How many more files the file system takes."""
    figures = os.statvfs(folder)
    if not figures.f_files:
        return ok("inodes", "the file system has no fixed number of them")
    return graded(
        "inodes",
        f"{figures.f_favail:,} free of {figures.f_files:,}",
        "remove small files, or choose another disk: the event log keeps some thousand files",
        amount=figures.f_favail,
        ready=READY_INODES_MIN,
        roomy=ROOMY_INODES_MIN,
    )


def sync(folder: Path) -> Finding:
    """How long it takes until a write is on disk: the least that a commit takes."""
    try:
        seconds = sync_seconds(folder)
    except OSError as exc:
        return fault("sync", f"a file in {folder} can't be written: {exc.strerror}", "mend the disk or its permissions")
    found = f"{seconds * 1000:.2f} ms until a write is on disk"
    if seconds > QUICK_SYNC_SECONDS_MAX:
        return warning("sync", found, "every commit waits for it: single events need a faster disk")
    return ok("sync", found)


def sync_seconds(folder: Path) -> float:
    """The median of some small writes with fdatasync, in a file that has no name and is gone afterwards."""
    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for place in range(SYNCS):
            os.pwrite(file.fileno(), b"\0" * SYNC_BYTES, place * SYNC_BYTES)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def clock(now: float, server_date: float | None, last_change: float | None) -> Finding:
    """Whether the clock can be right. All in Unix seconds; ``last_change`` is the data folder's."""
    today = datetime.datetime.fromtimestamp(now, datetime.UTC)
    found = f"{today:%Y-%m-%d %H:%M:%S} UTC"
    advice = "set the clock, and keep it right with NTP: events without a time get the server's"
    newest = REVISIONS[-1].date
    if today.date().isoformat() < newest:
        return warning("clock", f"{found}, which is before the newest revision, {newest}", advice)
    if last_change is not None and last_change - now > CLOCK_SECONDS_MAX:
        return warning("clock", f"{found}; the folder was changed {last_change - now:,.0f} s later than that", advice)
    if server_date is not None:
        apart = abs(server_date - now)
        if apart > CLOCK_SECONDS_MAX:
            return warning("clock", f"{found}; the server's is {apart:,.0f} s away", advice)
        found += ", as the server's"
    return ok("clock", found)


def file_system(folder: Path) -> str:
    """The kind of file system that holds a folder, as the system calls it; "" if it does not tell."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    resolved = folder.resolve()
    kinds: dict[int, str] = {}
    for line in lines:
        _, point, kind, *_ = line.split(" ")
        # Blanks in a mount point are written as octal numbers.
        mounted = Path(point.encode("latin-1", "backslashreplace").decode("unicode_escape"))
        if resolved.is_relative_to(mounted):
            kinds[len(mounted.parts)] = kind
    return kinds[max(kinds)] if kinds else ""
