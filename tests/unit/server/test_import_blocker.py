"""The event log in a process that has no pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.source_tree import PROJECT

KEEP_AND_READ = """
import sys
from pathlib import Path
from eventkeep.server.import_blocker import WithoutPandas
sys.meta_path.insert(0, WithoutPandas())
from eventkeep.eventlog.log import EventLog
from eventkeep.eventlog.selection import EventSelection
from tests.unit.eventlog.test_log import columns_of, made

log = EventLog.open(Path(sys.argv[1]))
log.append(columns_of([made(number) for number in range(2_000)]))
log.flush()
log.append(columns_of([made(number) for number in range(2_000, 2_010)]))
log.flush()
print(log.count(), len(log.page(EventSelection(account=1, count=5))), "pandas" in sys.modules)
log.close()
try:
    import pandas
except ModuleNotFoundError as exc:
    print(exc)
"""


def test_events_are_kept_and_read_without_pandas(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KEEP_AND_READ, str(tmp_path)], capture_output=True, text=True, check=False, cwd=PROJECT
    )
    assert done.stdout.splitlines() == ["2010 5 False", "pandas is left out of this process"], done.stderr
