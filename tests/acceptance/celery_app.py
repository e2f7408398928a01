"""A program of Celery whose tasks use a batch that was opened before the pool forked; see ``test_sdk_forks``.

Its broker is a folder, FOLDER in the environment; EVENTKEEP_URL and EVENTKEEP_API_KEY name the server.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import Celery

from eventkeep import Client

folder = Path(os.environ["FOLDER"])
app: Any = Celery("tests.acceptance.celery_app", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(folder),
    "data_folder_out": str(folder),
    "control_folder": str(folder / "control"),
}
app.conf.broker_connection_retry_on_startup = True
batch = Client().batch(delay_seconds=0.05).open()
batch.track("Tick", {"email": "ada@shop.example"}, unique_id="parent")


@app.task  # type: ignore[untyped-decorator]
def tick(number: int, events: int) -> None:
    """Take some events, without waiting for their responses, and leave a file that names the process."""
    for each in range(events):
        batch.track("Tick", {"email": f"{each % 10}@shop.example"}, unique_id=f"{number}-{each}")
    (folder / "done" / str(number)).write_text(str(os.getpid()))


def send(tasks: int, events: int) -> None:
    """Give the workers so many tasks of so many events."""
    for number in range(tasks):
        tick.delay(number, events)
    batch.close()
