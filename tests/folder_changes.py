"""Accounts and keys for tests, made as the program makes them."""

from __future__ import annotations

from pathlib import Path

from eventkeep.directory import KeyRecord, parse_scopes
from eventkeep.server.control import ControlRequest, make_change
from eventkeep.server.folder_changes import change_folder
from eventkeep.server.services import Services


def new_key(data: Path, account: str = "default", scopes: str = "full") -> str:
    """A key of the account, which is made if there is none; beside a server or without one."""
    return change_folder(data, ControlRequest("create_key", account, sorted(parse_scopes(scopes)))).key


def revoke_key(data: Path, key_id: str) -> None:
    """Revoke a key, beside a server or without one."""
    assert not change_folder(data, ControlRequest("revoke_key", id=key_id)).is_unknown


def new_key_within(services: Services, account: str = "default", scopes: str = "full") -> tuple[KeyRecord, str]:
    """A key for services of this process."""
    request = ControlRequest("create_key", account, sorted(parse_scopes(scopes)))
    plaintext = services.committer.change(lambda directory: make_change(request, directory)).key
    record = services.directory.keys.find(plaintext)
    assert record is not None
    return record, plaintext


def revoke_key_within(services: Services, key_id: str) -> None:
    """Revoke a key of services of this process."""
    request = ControlRequest("revoke_key", id=key_id)
    assert not services.committer.change(lambda directory: make_change(request, directory)).is_unknown
