"""One server run after another, in each of which one operation of the disk fails; ``python -m tests.faults.io_faults``.

The scenario is fixed: a start on a new folder, keys, creates that make profiles and metrics, a flush, a stop, and the
same again. After the fault the folder is opened without one: acknowledged changes have to be there, once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Final, cast

import httpx
import msgspec

from eventkeep.cli import main as run_eventkeep
from eventkeep.errors import EventkeepError, ServerUnreachable
from eventkeep.server.control import ControlRequest, ask_server
from eventkeep.testing import ServerProcess
from tests.acceptance.program import PROCESSES, run
from tests.contract.api import single_body
from tests.faults.load import headers, unique_ids
from tests.folder_changes import new_key, revoke_key

KINDS: Final = ("error", "short", "full", "crash")
SHIM_SOURCE: Final = Path(__file__).with_name("io_shim.c")
PRELOAD: Final = "LD_PRELOAD"
ROUNDS: Final = 2
EVENTS: Final = 4
TIMEOUT_SECONDS: Final = 20.0


class Acknowledged(msgspec.Struct):
    """The changes that the server has acknowledged: events by their unique ids, keys, and keys that were revoked."""

    events: set[str] = set()
    keys: set[str] = set()
    revoked: set[str] = set()


def build_shim(folder: Path) -> Path:
    """Compile the library that makes operations fail."""
    library = folder / "io_shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SHIM_SOURCE), "-ldl"], check=True)
    return library


class ForkedServer(ServerProcess):
    """A server that is forked from a process that has loaded the program, which takes half of a start.

    If this process has the shim preloaded, that process has it, too; else the server is begun as usual.
    """

    def _begin(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        if PRELOAD not in os.environ:
            return super()._begin(log)
        process = PROCESSES.Process(target=serve, args=(self._command[3:], self._environment, self.log_path))
        process.start()
        return cast("subprocess.Popen[bytes]", ForkedProcess(process))


class ForkedProcess:
    """A forked process with the methods of `subprocess.Popen` that `ServerProcess` uses."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        self.pid = process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        assert self.pid is not None
        # It may have crashed just now.
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("eventkeep serve", timeout or 0.0)
        return self._process.exitcode


def serve(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    """In the forked process: the server, in a session of its own."""
    os.setsid()
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 1)
    os.dup2(1, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["eventkeep", *arguments]
    run_eventkeep()


def run_scenario(data: Path, shim: Path, fails_at: int, kind: str) -> tuple[Acknowledged, int]:
    """Run servers with the shim on a new folder; returns the acknowledged changes, and the number of operations."""
    counted = data.with_name("operations")
    environment = {
        PRELOAD: str(shim),
        "IO_FAULT_FOLDER": str(data),
        "IO_FAULT_AT": str(fails_at),
        "IO_FAULT_KIND": kind,
        "IO_FAULT_COUNT": str(counted),
    }
    done = Acknowledged()
    operations = 0
    for number in range(ROUNDS):
        # The operations of both rounds are numbered as one.
        environment["IO_FAULT_AT"] = str(fails_at - operations if fails_at >= operations else -1)
        counted.unlink(missing_ok=True)
        server = ForkedServer(data, environment=environment)
        try:
            server.start()
            use(server, number, done)
        except ServerUnreachable:
            pass
        finally:
            if server.is_running():
                server.stop()
            operations += int(counted.read_text()) if counted.exists() else 0
    return done, operations


def use(server: ServerProcess, number: int, done: Acknowledged) -> None:
    """Use the server as clients and commands do; each refusal is tried once more."""
    with suppress(EventkeepError, OSError):
        key = new_key(server.data)
        done.keys.add(key)
        other = new_key(server.data, "other")
        revoke_key(server.data, other[3:11])
        done.revoked.add(other)
    for key in sorted(done.keys)[:1]:
        with httpx.Client(base_url=server.url, headers=headers(key), timeout=TIMEOUT_SECONDS) as client:
            for event in range(EVENTS):
                create(client, f"{number}-{event}", done)
            with suppress(EventkeepError, OSError):
                ask_server(server.data, ControlRequest("flush"))
            create(client, f"{number}-after", done)


def create(client: httpx.Client, unique_id: str, done: Acknowledged) -> None:
    body = single_body(f"Metric {unique_id}", unique_id=unique_id, profile={"email": f"{unique_id}@shop.example"})
    for _ in range(2):
        try:
            status = client.post("/api/events/", json=body).status_code
        except httpx.TransportError:
            return
        if status == httpx.codes.ACCEPTED:
            done.events.add(unique_id)
            return


def check(data: Path, done: Acknowledged) -> str | None:
    """Start a server without faults; returns the fault, None if everything acknowledged is there, once."""
    for leftover in data.glob("*.sock"):
        leftover.unlink()
    try:
        fault = read_all(data, done)
    except ServerUnreachable as exc:
        return f"no start: {exc}"
    if fault is not None:
        return fault
    checked = run("check", "--data", data)
    return None if checked.code == 0 else checked.output


def read_all(data: Path, done: Acknowledged) -> str | None:
    """Look for everything acknowledged in a server; returns the fault. Raises ServerUnreachable."""
    with ForkedServer(data) as server:
        for key in sorted(done.keys)[:1]:
            found: Counter[str] = unique_ids(server.url, key)
            if not done.events <= found.keys():
                return f"lost {sorted(done.events - found.keys())}"
            if set(found.values()) - {1}:
                return f"more than once: {found}"
        for key in done.keys | done.revoked:
            status = httpx.get(f"{server.url}/api/events/", headers=headers(key)).status_code
            if (status == httpx.codes.UNAUTHORIZED) != (key in done.revoked):
                return f"key {key[3:11]}: {status}"
    return None


def count_operations(folder: Path, shim: Path) -> int:
    """How many operations the scenario has without a fault."""
    done, operations = run_scenario(folder / "data", shim, -1, "error")
    assert len(done.events) == ROUNDS * (EVENTS + 1), done
    shutil.rmtree(folder / "data")
    return operations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every so many operations")
    parser.add_argument("--first", type=int, default=0, help="the first operation")
    parser.add_argument("--kinds", default=",".join(KINDS))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eventkeep-shim-") as name:
        if PRELOAD not in os.environ:
            environment = {**os.environ, PRELOAD: str(build_shim(Path(name)))}
            command = [sys.executable, "-m", "tests.faults.io_faults", *sys.argv[1:]]
            sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="eventkeep-faults-") as name:
        folder = Path(name)
        shim = Path(os.environ[PRELOAD])
        operations = count_operations(folder, shim)
        print(f"{operations} operations", flush=True)
        for kind in chosen.kinds.split(","):
            for fails_at in range(chosen.first, operations, chosen.every):
                done, _ = run_scenario(folder / "data", shim, fails_at, kind)
                fault = check(folder / "data", done)
                if fault is not None:
                    wrong += 1
                    print(f"{kind} at {fails_at}: {fault}", flush=True)
                    kept = Path(os.environ.get("EVENTKEEP_KEEP", name)) / f"{kind}-{fails_at}"
                    shutil.copytree(folder / "data", kept, ignore=shutil.ignore_patterns("*.sock"))
                shutil.rmtree(folder / "data")
                if sys.stderr.isatty():
                    print(f"\r{kind}: {fails_at:,} of {operations:,}", end="", file=sys.stderr)
            print(f"{kind}: done", flush=True)
    print(f"{wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
