"""Records of an account and ten events each, as a leading server keeps them, and all that stores hold."""

from __future__ import annotations

from typing import Any

from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.events.selection import EventSelection
from eventkeep.ingest.stores import Stores
from eventkeep.log.transport import Outcome
from tests.made_events import event_columns


def keep(stores: Stores, number: int) -> None:
    """Append a record and apply it."""
    changes = [Change(Table.ACCOUNT, Operation.PUT, 0, [(number + 10, f"account {number}", number)])]
    events = event_columns(*range(number * 10, number * 10 + 10))
    made = stores.encoded(changes, events, number * 1_000_000)
    assert stores.log.append(made.record).outcome is Outcome.KEPT
    stores.directory.apply(changes, made.progress)
    stores.events.append(made.record.position, events)


def everything(stores: Stores) -> list[Any]:
    """All that two stores with the same records have alike."""
    events = stores.events.page(EventSelection(account=1, count=10_000))
    return [stores.directory.progress, stores.directory.accounts.list(), stores.directory.secret, events]
