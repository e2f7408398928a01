from __future__ import annotations

import io

import pytest
from rich.console import Console

from eventkeep.cli import progress
from eventkeep.cli.progress import ProgressBar, ProgressLines, import_progress


@pytest.mark.parametrize("size_bytes", [200, None])
def test_terminal_gets_a_bar_with_rate_and_remaining_time(size_bytes: int | None) -> None:
    written = io.StringIO()
    with import_progress(Console(file=written, force_terminal=True, width=80), "a.csv", size_bytes) as shown:
        assert isinstance(shown, ProgressBar)
        shown.show(1_500, 100)
    text = written.getvalue()
    assert "a.csv" in text
    assert "1,500 events" in text
    assert ("50%" in text) is (size_bytes is not None)


def test_without_a_terminal_plain_lines_are_printed_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    with import_progress(Console(file=written), "a.csv", 200) as shown:
        assert isinstance(shown, ProgressLines)
        shown.show(1_000, 50)
        assert written.getvalue() == ""
        monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
        shown.show(1_500, 100)
    assert written.getvalue().startswith("1,500 events sent, ")
    assert written.getvalue().endswith("/s, 50% of the file read\n")
