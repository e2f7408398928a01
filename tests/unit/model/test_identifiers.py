"""Normal forms of identifiers, and of currencies."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.model.currency import CODES, CURRENT, NO_CURRENCY, WITHDRAWN, normal_currency
from eventkeep.model.identifiers import normal_email, normal_phone_number


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("sarah.mason@klaviyo-demo.com", "sarah.mason@klaviyo-demo.com"),
        ("  Sarah@Example.ORG\n", "sarah@example.org"),
        ("a+tag!#$%&'*/=?^_`{|}~-@example.org", "a+tag!#$%&'*/=?^_`{|}~-@example.org"),
        ("jörg@müller.example", "jörg@müller.example"),
        ("ΣΑΣ@example.org", "σας@example.org"),
        ("a@xn--mller-kva.example", "a@xn--mller-kva.example"),
        ("a@1.2.3.example", "a@1.2.3.example"),
        ("double..dots@docomo.example", "double..dots@docomo.example"),
        ("x" * 64 + "@example.org", "x" * 64 + "@example.org"),
        ("a@" + "x" * 63 + ".org", "a@" + "x" * 63 + ".org"),
    ],
)
def test_an_email_has_a_normal_form(text: str, email: str) -> None:
    assert normal_email(text) == email


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "sarah",
        "@example.org",
        "sarah@",
        "sarah@localhost",
        "a@b@example.org",
        "a b@example.org",
        "a@example..org",
        "a@.org",
        "a@example.org.",
        "a@-example.org",
        "a@example-.org",
        "a@exa_mple.org",
        "a@1.2.3.4",
        "<a@example.org>",
        "a@example.org, b@example.org",
        "mailto:a@example.org",
        '"a"@example.org',
        "a\x00@example.org",
        "x" * 65 + "@example.org",
        "a@" + "x" * 64 + ".org",
        "a@" + "x." * 130 + "org",
        "a" * 1000000 + "@",
    ],
)
def test_invalid_emails_are_detected(text: str) -> None:
    assert normal_email(text) is None


@given(st.text() | st.emails() | st.emails().map(str.upper))
def test_a_normal_email_is_its_own_normal_form(text: str) -> None:
    email = normal_email(text)
    assert email is None or normal_email(email) == email


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+15005550006", "+15005550006"),
        (" +1 (500) 555-0006 ", "+15005550006"),
        ("+44 20 7946 0018", "+442079460018"),
        ("+49 (0) 30 12345678", "+493012345678"),
        ("+15551234567", "+15551234567"),
    ],
)
def test_a_phone_number_has_a_normal_form(text: str, number: str) -> None:
    assert normal_phone_number(text) == number
    assert normal_phone_number(number) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "5005550006",
        "15005550006",
        "+1500555",
        "+1234",
        "+999123456789",
        "+1500555000612345",
        "tel:+15005550006",
        "+15005550006 ext. 3",
        "+1500FLOWERS",
        "++15005550006",
        "+\uff11\uff15\uff10\uff10\uff15\uff15\uff15\uff10\uff10\uff10\uff16",
        "+" + "1" * 1000000,
    ],
)
def test_invalid_phone_numbers_are_detected(text: str) -> None:
    assert normal_phone_number(text) is None


def test_the_tables_of_phone_numbers_are_loaded_only_when_one_is_sent() -> None:
    program = (
        "import sys\n"
        "from eventkeep.model.identifiers import normal_email, normal_phone_number\n"
        "normal_email('a@example.org'), normal_phone_number('none')\n"
        "assert 'phonenumbers' not in sys.modules\n"
        "assert normal_phone_number('+15005550006')\n"
        "assert 'phonenumbers' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_currencies_are_three_capitals() -> None:
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in CODES)
    assert not CURRENT & WITHDRAWN
    assert {"USD", "EUR", "JPY", NO_CURRENCY} <= CURRENT
    assert {"DEM", "HRK"} <= WITHDRAWN


@pytest.mark.parametrize(("text", "code"), [("USD", "USD"), ("usd", "USD"), ("Eur", "EUR"), ("dem", "DEM")])
def test_a_currency_is_taken_in_any_case(text: str, code: str) -> None:
    assert normal_currency(text) == code


@pytest.mark.parametrize("text", ["", "US", "USDX", " USD", "ABC", "u\u017fd", "$"])
def test_invalid_currencies_are_detected(text: str) -> None:
    assert normal_currency(text) is None
