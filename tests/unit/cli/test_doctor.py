"""The checks of eventkeep doctor, on real folders, ports and disks."""

from __future__ import annotations

import http.server
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eventkeep.cli.findings import Finding, fault, graded, ok, warning, worst
from eventkeep.cli.folder_checks import check_folder
from eventkeep.cli.machine_checks import (
    clock,
    compiled_reader,
    disk,
    file_system,
    inodes,
    libraries,
    open_files,
    python,
    sync,
)
from eventkeep.cli.port_checks import check_port
from eventkeep.directory import Directory
from eventkeep.errors import StoreError
from eventkeep.ingest.stores import Stores
from eventkeep.log.transport import Outcome
from eventkeep.native.library import is_built
from eventkeep.server.folder import FolderLock
from eventkeep.testing import free_port
from tests.made_events import event_columns

NOW = 1_795_000_000.0


def statuses(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.status for finding in findings}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with three events, written by a server that has stopped."""
    folder = tmp_path_factory.mktemp("prepared") / "data"
    stores = Stores.open(folder)
    made = stores.encoded([], event_columns(1, 2, 3))
    assert stores.log.append(made.record).outcome is Outcome.KEPT
    stores.directory.apply([], made.progress)
    stores.events.append(made.record.position, event_columns(1, 2, 3))
    stores.close()
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    # The engine's links lie within the folder; the files that they point to must not be copied twice.
    shutil.copytree(prepared, copy, symlinks=True)
    copy.chmod(0o700)
    return copy


# The machine


def test_this_machine_can_run_a_server(tmp_path: Path) -> None:
    findings = [python(), libraries(), open_files(), disk(tmp_path), inodes(tmp_path), sync(tmp_path)]
    assert [finding.check for finding in findings if finding.status == "fault"] == []
    assert compiled_reader().status == ("ok" if is_built() else "warning")
    assert "sqlalchemy" in findings[1].found
    assert list(tmp_path.iterdir()) == []


def test_kind_of_the_file_system_is_that_of_the_innermost_mount() -> None:
    if not Path("/proc/self/mounts").exists():
        pytest.skip("this system does not tell its mounts")
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(Path("/")) not in ("", "proc")


@pytest.mark.parametrize(
    ("now", "server_date", "last_change", "status", "says"),
    [
        (NOW, None, None, "ok", "2026-11-18"),
        (NOW, NOW + 1, NOW - 90_000, "ok", "as the server's"),
        (NOW, NOW - 60, None, "warning", "60 s away"),
        (NOW, None, NOW + 3_600, "warning", "3,600 s later"),
        (1_000.0, None, None, "warning", "before the newest revision"),
    ],
)
def test_clock_is_compared_with_files_that_can_not_be_newer(
    now: float, server_date: float | None, last_change: float | None, status: str, says: str
) -> None:
    finding = clock(now, server_date, last_change)
    assert finding.status == status
    assert says in finding.found


def test_amounts_are_graded_and_the_worst_counts() -> None:
    amounts = {5: "fault", 10: "warning", 99: "warning", 100: "ok"}
    for amount, status in amounts.items():
        assert graded("x", "y", "z", amount=amount, ready=10, roomy=100).status == status
    assert worst([]) == worst([ok("a", "b")]) == "ok"
    assert worst([ok("a", "b"), warning("a", "b", "c")]) == "warning"
    assert worst([warning("a", "b", "c"), fault("a", "b", "c"), ok("a", "b")]) == "fault"


# The folder


def test_folder_that_is_not_there_can_be_made(tmp_path: Path) -> None:
    state = check_folder(tmp_path / "a" / "b")
    assert statuses(state.findings) == {"folder": "ok"}
    assert state.place == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_folder_of_a_stopped_server_is_read_and_left_as_it_is(folder: Path) -> None:
    before = contents(folder)
    state = check_folder(folder)
    checks = ("folder", "directory", "log", "event store")
    assert statuses(state.findings) == dict.fromkeys(checks, "ok")
    assert "records 1 to 2 in 1 files" in state.findings[2].found
    assert "3 events in" in state.findings[3].found
    assert (state.holder, state.last_change is None) == (None, False)
    assert contents(folder) == before


def test_folder_in_use_is_reported_with_its_process(folder: Path) -> None:
    lock = FolderLock(folder)
    try:
        state = check_folder(folder)
    finally:
        lock.close()
    assert state.holder == str(os.getpid())
    assert f"in use by a server (process {os.getpid()})" in state.findings[0].found
    assert "open in the server" in state.findings[2].found
    assert check_folder(folder).holder is None


def test_torn_record_is_reported(folder: Path) -> None:
    (log,) = (folder / "log").iterdir()
    with log.open("r+b") as file:
        file.seek(40_960)
        file.write(b"torn")
    assert "a torn record" in check_folder(folder).findings[2].found


def test_damage_is_a_fault(folder: Path) -> None:
    (log,) = (folder / "log").iterdir()
    with log.open("r+b") as file:
        file.seek(700)
        file.write(b"damage")
    finding = check_folder(folder).findings[2]
    assert (finding.status, "damaged" in finding.found) == ("fault", True)
    shutil.rmtree(folder / "log")
    assert "is missing" in check_folder(folder).findings[2].found


def test_file_in_place_of_a_folder_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    for path in (tmp_path / "data", tmp_path / "data" / "within"):
        (finding,) = check_folder(path).findings
        assert (finding.status, finding.check) == ("fault", "folder")
        assert "is no folder" in finding.found


def test_folder_for_everybody_is_a_warning(folder: Path) -> None:
    folder.chmod(0o755)
    assert check_folder(folder).findings[0].status == "warning"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE store SET value = '9' WHERE key = 'format'", "does not know"),
        ("UPDATE alembic_version SET version_num = '9999'", "does not know"),
        ("DROP TABLE store", "can't be read"),
    ],
)
def test_directory_of_a_newer_program_is_a_fault(folder: Path, statement: str, says: str) -> None:
    with closing(sqlite3.connect(folder / "directory.sqlite3")) as database:
        database.execute(statement)
        database.commit()
    finding = check_folder(folder).findings[1]
    assert (finding.check, finding.status) == ("directory", "fault")
    assert says in finding.found


def test_directory_that_is_none_is_a_fault(folder: Path) -> None:
    (folder / "directory.sqlite3").write_bytes(b"nonsense" * 1_000)
    assert check_folder(folder).findings[1].status == "fault"
    with pytest.raises(StoreError):
        Directory.open(folder, 1)


# The port


@pytest.fixture
def stranger() -> Iterator[int]:
    """The port of a server that is not eventkeep."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ok"}')

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


def test_free_port_is_well_unless_a_server_should_be_there() -> None:
    port = free_port()
    assert check_port("127.0.0.1", port, None).finding == ok("port", f"127.0.0.1:{port} is free")
    assert check_port("127.0.0.1", port, "77").finding.status == "warning"


def test_port_of_another_program_is_a_fault(stranger: int) -> None:
    finding = check_port("127.0.0.1", stranger, None).finding
    assert (finding.status, "another program" in finding.found) == ("fault", True)
