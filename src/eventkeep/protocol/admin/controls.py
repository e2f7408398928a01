"""The operations that control a stand-in, under ``/eventkeep/control/``. A server has them only with ``--controls``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eventkeep.protocol.admin.operations import AdminOperation

CONTROL_PREFIX: Final = "/eventkeep/control/"
CONTROLS_KEY_HEADER: Final = "Eventkeep-Controls-Key"
"""Brings the secret of the setting ``controls_key``."""
SCOPES: Final = ("full",)
"""Only a key without limits may control its account."""


def operation(name: str, method: str, place: str) -> AdminOperation:
    return AdminOperation(name=name, path=CONTROL_PREFIX + place, scopes=SCOPES, method=method)


_ALL: Final = (
    operation("read_clock", "GET", "clock"),
    operation("change_clock", "POST", "clock"),
    operation("list_faults", "GET", "faults"),
    operation("add_faults", "POST", "faults"),
    operation("clear_faults", "DELETE", "faults"),
    operation("list_requests", "GET", "requests"),
    operation("clear_requests", "DELETE", "requests"),
    operation("expect_event", "POST", "expect"),
    operation("load_seed", "POST", "seed"),
    operation("reset_account", "POST", "reset"),
    operation("dump_account", "GET", "dump"),
    operation("list_webhooks", "GET", "webhooks"),
    operation("add_webhook", "POST", "webhooks"),
    operation("clear_webhooks", "DELETE", "webhooks"),
)

CONTROL_OPERATIONS: Final[Mapping[str, AdminOperation]] = {each.name: each for each in _ALL}
"""Every operation by its name."""
