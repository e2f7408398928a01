"""API keys: shown once, a digest at rest, useless once revoked."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

import pytest

from eventkeep.directory import Directory, keys
from eventkeep.errors import ConfigurationError
from eventkeep.limits import KEY_CACHE_ENTRIES_MAX, KEY_CACHE_SECONDS_MAX
from tests.unit.directory.held import (
    HeldClock,
    bytes_of_folder,
    create_account,
    create_key,
    number_of,
    open_directory,
    revoke_key,
)

EVENTS = frozenset({"events:read", "events:write"})
FULL = frozenset({"full"})


def test_key_is_found_by_its_plain_text(directory: Directory) -> None:
    account = number_of(directory, "default")
    record, plaintext = create_key(directory, account, EVENTS, "till 4")
    assert directory.keys.find(plaintext) == record
    assert (record.account, record.scopes, record.label) == (account, EVENTS, "till 4")
    assert re.fullmatch(r"pk_[0-9A-Za-z]{40}", plaintext)
    assert plaintext.startswith(f"pk_{record.id}")


def test_keys_differ(directory: Directory) -> None:
    assert len({create_key(directory, 1, FULL)[1] for _ in range(20)}) == 20


def test_plain_text_is_nowhere_in_the_files(directory: Directory, folder: Path) -> None:
    record, plaintext = create_key(directory, 1, FULL)
    held = bytes_of_folder(folder)
    assert record.id.encode() in held
    assert hashlib.sha256(plaintext.encode()).digest() in held
    assert plaintext.encode() not in held
    assert plaintext[11:].encode() not in held


@pytest.mark.parametrize(
    "spoil", ["last", "first of the secret", "cut", "longer", "empty", "prefix", "long", "foreign"]
)
def test_anything_but_the_whole_key_is_unknown(directory: Directory, spoil: str) -> None:
    _, plaintext = create_key(directory, 1, FULL)
    other = {"a": "b"}
    wrong = {
        "last": plaintext[:-1] + other.get(plaintext[-1], "a"),
        "first of the secret": plaintext[:11] + other.get(plaintext[11], "a") + plaintext[12:],
        "cut": plaintext[:-1],
        "longer": plaintext + "a",
        "empty": "",
        "prefix": plaintext[3:],
        "long": plaintext + "a" * 10_000,
        "foreign": "pk_\ud800é" + plaintext,
    }[spoil]
    assert directory.keys.find(wrong) is None
    assert directory.keys.find(plaintext) is not None
    assert directory.keys.find(wrong) is None


def test_unknown_and_revoked_keys_are_read_once_in_a_while(
    directory: Directory, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, revoked = create_key(directory, 1, FULL)
    revoke_key(directory, record.id)
    _, good = create_key(directory, 1, FULL)
    reads = 0
    reading = directory.keys._database.reading

    def counted() -> object:
        nonlocal reads
        reads += 1
        return reading()

    monkeypatch.setattr(directory.keys._database, "reading", counted)
    for wrong in (revoked, "pk_" + "x" * 40):
        reads = 0
        assert [directory.keys.find(wrong) for _ in range(20)] == [None] * 20
        assert reads == 1
        clock.move(KEY_CACHE_SECONDS_MAX)
        assert directory.keys.find(wrong) is None
        assert reads == 2
    for number in range(3 * KEY_CACHE_ENTRIES_MAX):
        directory.keys.find(f"pk_{number:08}{'x' * 32}")
    assert len(directory.keys._unknown) <= KEY_CACHE_ENTRIES_MAX
    assert directory.keys.find(good) is not None


def test_key_is_good_at_once_though_its_id_was_unknown_before(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a" * 40
    assert directory.keys.find(f"pk_{text}") is None
    monkeypatch.setattr(keys, "random_text", lambda *_: text)
    record, plaintext = create_key(directory, 1, FULL)
    assert directory.keys.find(plaintext) == record


def test_digests_are_compared_in_constant_time(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    _, plaintext = create_key(directory, 1, FULL)
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for sent in (plaintext, plaintext, plaintext[:-2] + "??"):
        directory.keys.find(sent)
    assert [len(one) == len(other) == 32 for one, other in compared] == [True, True, True]


def test_revoked_key_stops_at_once(directory: Directory, clock: HeldClock) -> None:
    record, plaintext = create_key(directory, 1, FULL)
    assert directory.keys.find(plaintext) is not None
    clock.move(5)
    revoked = revoke_key(directory, record.id)
    assert revoked is not None
    assert revoked.revoked == round(clock.now() * 1_000_000)
    assert directory.keys.find(plaintext) is None


def test_look_up_stands_until_it_is_old_or_its_key_is_revoked(directory: Directory, clock: HeldClock) -> None:
    record, plaintext = create_key(directory, 1, FULL)
    known = directory.keys.known(plaintext)
    assert known is not None
    assert known.record == record
    assert directory.keys.stands(known, clock.monotonic())
    clock.move(KEY_CACHE_SECONDS_MAX)
    assert not directory.keys.stands(known, clock.monotonic())
    renewed = directory.keys.known(plaintext)
    assert renewed is not None
    assert directory.keys.stands(renewed, clock.monotonic())
    revoke_key(directory, record.id)
    assert not directory.keys.stands(renewed, clock.monotonic())


def test_look_up_that_stands_is_a_use(directory: Directory, clock: HeldClock) -> None:
    _, plaintext = create_key(directory, 1, FULL)
    known = directory.keys.known(plaintext)
    assert known is not None
    clock.move(KEY_CACHE_SECONDS_MAX / 2)
    assert directory.keys.stands(known, clock.monotonic())
    directory.keys.write_last_used()
    assert [key.last_used for key in directory.keys.list()] == [round(clock.now() * 1_000_000)]


def test_second_revocation_keeps_the_time_of_the_first(directory: Directory, clock: HeldClock) -> None:
    record, _ = create_key(directory, 1, FULL)
    first = revoke_key(directory, record.id)
    clock.move(60)
    assert revoke_key(directory, record.id) == first
    assert revoke_key(directory, "nosuchid") is None


def test_keys_are_listed_by_account_oldest_first(directory: Directory, clock: HeldClock) -> None:
    shop = create_account(directory, "shop").number
    records = []
    for account in (1, shop, 1):
        clock.move(1)
        records.append(create_key(directory, account, FULL)[0])
    assert directory.keys.list() == records
    assert directory.keys.list(1) == [records[0], records[2]]
    assert directory.keys.list(shop) == [records[1]]


def test_last_use_is_written_by_close(folder: Path, clock: HeldClock) -> None:
    with open_directory(folder, clock) as directory:
        record, plaintext = create_key(directory, 1, FULL)
        clock.move(10)
        directory.keys.find(plaintext)
        used = round(clock.now() * 1_000_000)
        clock.move(10)
        assert [key.last_used for key in directory.keys.list()] == [None]
    with open_directory(folder, clock) as directory:
        assert [(key.id, key.last_used) for key in directory.keys.list()] == [(record.id, used)]


def test_last_use_is_written_on_demand_and_only_when_there_was_one(directory: Directory, clock: HeldClock) -> None:
    _, plaintext = create_key(directory, 1, FULL)
    directory.keys.find(plaintext)
    directory.keys.write_last_used()
    clock.move(10)
    directory.keys.find(plaintext[:-1] + "?")
    directory.keys.write_last_used()
    assert [key.last_used for key in directory.keys.list()] == [round((clock.now() - 10) * 1_000_000)]


def test_scope_is_allowed_by_itself_or_by_full(directory: Directory) -> None:
    some, _ = create_key(directory, 1, EVENTS)
    everything, _ = create_key(directory, 1, FULL)
    assert [some.allows(scope) for scope in ("events:read", "events:write", "profiles:read")] == [True, True, False]
    assert everything.allows("profiles:read")


@pytest.mark.parametrize("scopes", [frozenset(), frozenset({"lists:own"}), frozenset({"full", "events:read"})])
def test_key_with_scopes_that_are_none_is_not_made(directory: Directory, scopes: frozenset[str]) -> None:
    with pytest.raises(ConfigurationError):
        create_key(directory, 1, scopes)
    assert directory.keys.list() == []


def test_label_that_is_too_long_is_refused(directory: Directory) -> None:
    with pytest.raises(ConfigurationError, match="200 printable characters"):
        create_key(directory, 1, FULL, "x" * 201)
