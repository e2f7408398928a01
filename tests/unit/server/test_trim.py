"""The server trims its log: what no store, no follower and no setting needs goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from eventkeep.directory import Directory
from eventkeep.directory.changes import Change
from eventkeep.log import file_log
from eventkeep.log.followers import Follower, note
from eventkeep.log.retention import Retention
from eventkeep.server.services import Services

FILE_BYTES = 8_192


def change_keys(services: Services) -> None:
    """Enough records for several files of the log."""
    for number in range(40):

        def make(directory: Directory, number: int = number) -> tuple[Sequence[Change], None]:
            return [directory.accounts.new(f"account {number} of {directory.position}")[1]], None

        services.committer.change(make)


def test_log_is_trimmed_up_to_the_followers_and_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MIN", FILE_BYTES)
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MAX", FILE_BYTES)
    services = Services(tmp_path / "data", retention=Retention(0, 1, 10**9))
    change_keys(services)
    services.events.flush()
    services.trim()
    assert services.log.first == 1
    services.close()
    services = Services(tmp_path / "data")
    note(tmp_path / "data", Follower("slow", 20))
    services.trim()
    assert 1 < services.log.first <= 21
    change_keys(services)
    note(tmp_path / "data", Follower("slow", services.log.last))
    services.events.flush()
    services.trim()
    assert services.log.first > 41
    services.close()
