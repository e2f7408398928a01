"""``eventkeep accounts``: details that get_accounts shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eventkeep.testing import ServerProcess
from tests.acceptance.program import run
from tests.contract.shop import Shop

PARIS = ("timezone=Europe/Paris", "preferred_currency=eur", "contact_information.street_address.city=Paris")


def attributes(shop: Shop) -> dict[str, Any]:
    """The account as a program reads it."""
    found: dict[str, Any] = shop.http.get("/api/accounts/").raise_for_status().json()["data"][0]["attributes"]
    return found


def test_details_are_set_while_a_server_runs(server: ServerProcess) -> None:
    with Shop(server, "details") as shop:
        before = attributes(shop)
        assert (before["timezone"], before["preferred_currency"]) == ("UTC", "USD")
        account = "--account", shop.account, "--data", server.data
        done = run("accounts", "set", *PARIS, "test_account=true", *account)
        assert (done.code, done.output) == (0, f"changed  details of {shop.account}\n")
        contact = before["contact_information"]
        contact["street_address"]["city"] = "Paris"
        changed = {"timezone": "Europe/Paris", "preferred_currency": "EUR", "test_account": True}
        assert attributes(shop) == {**before, **changed}
        assert run("accounts", "set", "timezone=", *account).code == 0
        assert attributes(shop)["timezone"] == "UTC"
        listed = run("accounts", "--data", server.data, "--json").output
        (found,) = [each for each in map(json.loads, listed.splitlines()) if each["account"] == shop.account]
        assert (found["preferred_currency"], found["contact_information.organization_name"]) == ("EUR", shop.account)


@pytest.mark.parametrize(
    ("details", "message"),
    [
        (["timezone=Paris"], "timezone: expected an IANA time zone such as Europe/Paris, got 'Paris'"),
        (["preferred_currency=euro"], "preferred_currency: expected an ISO 4217 code such as EUR, got 'euro'"),
        (["locale=French"], "locale: expected a locale such as fr-FR, got 'French'"),
        (["test_account=yes"], "test_account: expected true or false, got 'yes'"),
        (["contact_information.default_sender_email=ada"], "expected an email address, got 'ada'"),
        (["industry=" + "x" * 256], "industry: expected at most 255 printable characters"),
        (["currency=EUR"], "no detail of an account is called 'currency'"),
        (["timezone"], "'timezone' has no value"),
        (["industry=a", "industry=b"], "'industry=b' is given twice"),
    ],
)
def test_wrong_details_are_refused(server: ServerProcess, details: list[str], message: str) -> None:
    done = run("accounts", "set", *details, "--data", server.data)
    assert done.code != 0
    assert message in " ".join(done.errors.split())


def test_without_a_server_they_are_kept_in_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run("keys", "create", "--data", data, "--quiet").code == 0
    assert run("accounts", "set", "timezone=Asia/Tokyo", "--data", data).code == 0
    assert "Asia/Tokyo" in run("accounts", "list", "--data", data).output
